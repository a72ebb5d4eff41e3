"""Servers and addresses that misbehave, made for one case of the provider contract."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.providers.raw_server import RawServer, answer, make_certificate, read_request, server_tls


class World:
    """Servers and addresses made for one case. All end with it."""

    def __init__(self, folder: Path, allow: Callable[..., None], stack: ExitStack) -> None:
        self.folder, self.allow, self.stack = folder, allow, stack

    def raw(self, handler: Callable[[Any, Any], None]) -> str:
        """A plain server that does with each connection what the handler says."""
        url = f"http://127.0.0.1:{self.stack.enter_context(RawServer(handler)).port}"
        self.allow(url)
        return url

    def bytes(self, *pieces: bytes, pause: float = 0.0) -> str:
        """A plain server that sends these pieces to whatever is asked, with a pause after each, and closes."""

        def handle(conn: socket.socket, server: RawServer) -> None:
            read_request(conn)
            for piece in pieces:
                conn.sendall(piece)
                if server.stopping.wait(pause):
                    return

        return self.raw(handle)

    def tls(self, name: str, *, days: tuple[int, int] = (-2, 30), trusted: bool = True) -> str:
        """A TLS server whose certificate is made out to `name`, signed by an authority we trust or by itself."""
        authority = make_certificate(self.folder, ["authority.example"], ca=True)
        path, _, _ = make_certificate(self.folder, [name], issuer=authority if trusted else None, days=days)
        server = self.stack.enter_context(RawServer(lambda conn, _: None, tls=server_tls(path)))
        self.allow(f"127.0.0.1:{server.port}", tls_ca_file=str(authority[0]) if trusted else "")
        return f"https://127.0.0.1:{server.port}"

    def plain_speaker(self) -> str:
        """A server without TLS, called with https."""

        def handle(conn: socket.socket, _: RawServer) -> None:
            conn.recv(4096)
            conn.sendall(answer(400))

        port = self.raw(handle).rpartition(":")[2]
        self.allow(f"127.0.0.1:{port}")
        return f"https://127.0.0.1:{port}"

    def closed_port(self) -> str:
        """An address that refuses connections."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        self.allow(url)
        return url
