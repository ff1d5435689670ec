"""A proxy on loopback in front of a PostgreSQL server that loses answers, and questions, when told to."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator


class CuttingProxy:
    """Passes on what both sides say, until it breaks a connection.

    Attributes:
        lose_answers: How many answers to a COMMIT are still lost: the server has done it, the client never hears of it.
        lose_questions: How many a COMMIT are still lost on their way to the server.
    """

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.lose_answers = self.lose_questions = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.upstream)) as server, contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for side, other in ((client, server), (server, client)):
                    if side not in ready:
                        continue
                    data = side.recv(65536)
                    if not data or (side is client and b"COMMIT\0" in data and self._cuts(server, data)):
                        return
                    other.sendall(data)

    def _cuts(self, server: socket.socket, data: bytes) -> bool:
        if self.lose_questions > 0:
            self.lose_questions -= 1
            return True
        if self.lose_answers > 0:
            self.lose_answers -= 1
            server.sendall(data)
            server.recv(65536)  # it is done once the server answers
            return True
        return False

    def close(self) -> None:
        # a thread that waits in accept would keep the port open
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@contextlib.contextmanager
def running(port: int) -> Iterator[CuttingProxy]:
    """A proxy in front of a port of loopback."""
    proxy = CuttingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
