"""Running a stand-in on a real socket, and misbehaving on that socket on purpose.

werkzeug's threaded server answers each request in a daemon thread. Two things it lacks are added here: cutting the
connection in the middle of an answer (clients must take that for "outcome unknown"), and TLS handshakes that do not
block the accept loop when a client stays silent.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from flask import Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

POLL_SECONDS = 0.02  # how often the accept loop looks whether it should stop; keeps stop() quick


class ConnectionDropped(ConnectionError):
    """Raised while an answer is being sent: the server then closes the socket and sends nothing more."""

    def __init__(self, *, reset: bool = True) -> None:
        super().__init__("the stand-in dropped the connection")
        self.reset = reset


class _Handler(WSGIRequestHandler):
    """Request handler that can cut the connection, and that stays quiet about ordinary requests."""

    protocol_version = "HTTP/1.1"
    # Headers and body are written separately; with Nagle's algorithm each answer could wait 40 ms for an ACK.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Ordinary requests are kept in `calls` of the stand-in, not printed."""

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        """werkzeug calls this for every ConnectionError of a request; ours asks for the socket to be cut."""
        self.close_connection = True
        if isinstance(error, ConnectionDropped):
            self._cut(reset=error.reset)

    def _cut(self, *, reset: bool) -> None:
        """Close the socket now. Linger 0 makes the kernel send RST, otherwise the client sees a plain close."""
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The reading file holds a reference to the socket; without closing it first the descriptor would stay open.
        self.rfile.close()
        self.connection.close()


class RunningServer:
    """A WSGI application answering on a socket until `stop()`; also a context manager."""

    def __init__(self, server: BaseWSGIServer, scheme: str) -> None:
        self._server = server
        self._stopped = False
        self.port: int = server.server_port
        self.url = f"{scheme}://{server.host}:{self.port}"
        self._thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting and free the port. Answers under way end with their daemon threads. May be called twice."""
        if self._stopped:
            return
        self._stopped = True
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(
    app: Callable[..., Any], port: int = 0, ssl_context: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> RunningServer:
    """Start `app` on host:port (0 = any free port), with TLS when a context is given. Raises OSError if it cannot."""
    server = make_server(host, port, app, threaded=True, request_handler=_Handler, ssl_context=ssl_context)
    if isinstance(server.socket, ssl.SSLSocket):
        # The handshake then happens at the first read, in the request's own thread.
        server.socket.do_handshake_on_connect = False  # type: ignore[attr-defined]  # real, but unknown to typeshed
    return RunningServer(server, "https" if ssl_context else "http")


def dropped(partial: bytes = b"", *, reset: bool = True) -> Response:
    """An answer that ends in a cut connection: at once, or after `partial` of a longer body."""

    def body() -> Iterator[bytes]:
        if partial:
            yield partial
        raise ConnectionDropped(reset=reset)

    answer = Response(body(), content_type="application/json;charset=UTF-8")
    answer.headers["Content-Length"] = str(len(partial) + 1000)
    return answer


def dripping(body: bytes, seconds: float) -> Iterator[bytes]:
    """The body one byte at a time with a pause before each; ends when the client goes away."""
    for position in range(len(body)):
        time.sleep(seconds)
        yield body[position : position + 1]
