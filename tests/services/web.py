"""A plain web server on loopback: objects in memory, ranges, ETags. No folders, as most have none to show."""

from __future__ import annotations

import hashlib
import http.server
import threading
from contextlib import AbstractContextManager
from urllib.parse import unquote

from services.apart import apart


class Web:
    """The objects it serves, by path without a leading slash."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def port(self) -> int:
        return int(self._server.server_address[1])

    def put(self, path: str, data: bytes) -> None:
        self.objects[path] = data

    def get(self, path: str) -> bytes:
        return self.objects[path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def running() -> AbstractContextManager[Web]:
    """A new server without objects, in a process of its own."""
    return apart(Web)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    web: Web

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _serve(self) -> None:
        data = self.web.objects.get(self._name())
        if data is None:
            self._answer(404, {}, b"")
            return
        headers = {"ETag": f'"{hashlib.md5(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, headers, data)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last or len(data) - 1), len(data) - 1)
        if start > end:
            self._answer(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
            return
        self._answer(206, {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"}, data[start : end + 1])

    do_GET = do_HEAD = _serve  # noqa: N815 - names that the base class calls

    def do_PUT(self) -> None:
        self.web.put(self._name(), self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, {}, b"")

    def _name(self) -> str:
        return unquote(self.path.partition("?")[0]).lstrip("/")

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
