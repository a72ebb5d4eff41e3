"""A TCP gate between the product and a sandbox, for the moments that the sandbox itself cannot hold: a connection that
does not come about, and a request of which only half arrives.
"""

from __future__ import annotations

import contextlib
import socket
import threading

CHUNK = 65536
QUEUE_FULL_SECONDS = 0.15  # a connect on the loopback that takes longer is one that waits for a place


class Gate:
    """Passes everything on to a port of the loopback until told otherwise.

    `heard`: bytes the sandbox sent to the product so far. `swallowed`: set once half a request got stuck here.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.heard = 0
        self.swallowed = threading.Event()
        self._swallow = False
        self._resume = threading.Event()
        self._resume.set()
        self._asleep = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._fillers: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """From now on nobody gets a connection: the queue of the listening socket is full, as on a server that hangs.

        Connections that stand are closed, so that none of them can be used again.
        """
        self._asleep.clear()
        self._resume.clear()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()  # wakes the accepting thread
        self._asleep.wait(5)
        self._close_all()
        while self._fill():
            pass

    def _fill(self) -> bool:
        filler = socket.socket()
        filler.settimeout(QUEUE_FULL_SECONDS)
        self._fillers.append(filler)
        try:
            filler.connect(("127.0.0.1", self.port))
        except TimeoutError:
            return False
        return True

    def swallow_next(self) -> None:
        """Let only half of the next request's body through; the other half gets lost here."""
        self.swallowed.clear()
        self._swallow = True

    def open(self) -> None:
        """Pass everything on again."""
        self._swallow = False
        for filler in self._fillers:
            filler.close()
        self._fillers = []
        self._resume.set()

    def stop(self) -> None:
        """Close everything; the gate is of no use afterwards."""
        self.open()
        self._listener.close()
        self._close_all()

    def _close_all(self) -> None:
        with self._lock:
            sockets, self._open = self._open, set()
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            if not self._resume.is_set():
                inner.close()
                self._asleep.set()
                self._resume.wait()
                continue
            try:
                outer = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                inner.close()
                continue
            outer.settimeout(None)
            with self._lock:
                self._open |= {inner, outer}
            threading.Thread(target=self._pump, args=(inner, outer, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(outer, inner, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, outward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if outward and self._swallow:
                    self._swallow = False
                    _half(data, source, sink)
                    self.swallowed.set()
                    while source.recv(CHUNK):  # the rest of the request, until the sender is gone
                        pass
                    break
                if not outward:
                    self.heard += len(data)
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        with self._lock:
            self._open -= {source, sink}


def _half(data: bytes, source: socket.socket, sink: socket.socket) -> None:
    """Pass on the headers of a request and half of what follows them; `data` is what came so far."""
    while not data.partition(b"\r\n\r\n")[2]:
        more = source.recv(CHUNK)
        if not more:
            return
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    sink.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
