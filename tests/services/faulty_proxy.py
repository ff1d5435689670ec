"""A proxy on loopback in front of an HTTP service, which fails as networks and overloaded stores do, when told to."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import socket
import struct
import threading
from contextlib import AbstractContextManager

import attrs

from services.apart import apart

_OF_THE_CONNECTION = ("connection", "transfer-encoding", "keep-alive", "date", "server")
_LEFT_OUT = ("transfer-encoding", "content-length", "connection", "expect")


@attrs.define(kw_only=True)
class Fault:
    """What goes wrong with requests whose ``METHOD /path?query`` a pattern is found in.

    Attributes:
        pattern: Regular expression.
        kind: ``reset`` (the connection breaks before an answer), ``cut`` (it closes after ``size`` bytes of the body,
            whatever the headers have promised), ``short`` (a body of ``size`` bytes, with headers that agree),
            ``status`` (an error of that number), ``put`` (before it is answered, ``body`` is stored at ``path``, as if
            somebody had done so just then).
        times: How many requests still fail.
        skip: How many requests pass before.
    """

    pattern: str
    kind: str
    size: int = 0
    status: int = 0
    path: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    times: int = 10**9
    skip: int = 0

    def takes(self, request: str) -> bool:
        """Whether this request is to fail; it is counted."""
        if self.times <= 0 or not re.search(self.pattern, request):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Proxy:
    """A proxy in front of a service on a port of loopback."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._requests: list[str] = []
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def port(self) -> int:
        return int(self._server.server_address[1])

    def fail(self, pattern: str, kind: str, **details: object) -> None:
        """Let requests fail from now on; of several faults, the first that takes a request decides."""
        with self._lock:
            self._faults.append(Fault(pattern=pattern, kind=kind, **details))

    def heal(self) -> None:
        """Let no request fail any more, and forget those that came."""
        with self._lock:
            self._faults.clear()
            self._requests.clear()

    def asked(self, pattern: str = "") -> list[str]:
        """``METHOD /path?query`` of the requests so far, those with the pattern in them."""
        with self._lock:
            return [request for request in self._requests if re.search(pattern, request)]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault_of(self, request: str) -> Fault | None:
        with self._lock:
            self._requests.append(request)
            return next((fault for fault in self._faults if fault.takes(request)), None)


def proxy_of(upstream: int) -> AbstractContextManager[Proxy]:
    """A new proxy, in a process of its own."""
    return apart(Proxy, upstream)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave are no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _serve(self) -> None:
        body = self._body()
        fault = self.proxy.fault_of(f"{self.command} {self.path}")
        kind = fault.kind if fault else ""
        if fault is not None and kind == "status":
            self._answer(fault.status, [("Content-Length", "0")], b"")
            return
        if kind == "reset":
            self._reset()
            return
        if fault is not None and kind == "put":
            self._ask("PUT", fault.path, fault.body, {"Content-Length": str(len(fault.body))})
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _LEFT_OUT}
        if body or self.command in ("PUT", "POST"):
            headers["Content-Length"] = str(len(body))
        answer, data = self._ask(self.command, self.path, body, headers)
        self._pass_back(answer, data, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - names that the base class calls

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.upstream, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer, answer.read()

    def _pass_back(self, answer: http.client.HTTPResponse, data: bytes, fault: Fault | None) -> None:
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in _OF_THE_CONNECTION]
        if not any(name.lower() == "content-length" for name, _ in headers):
            headers.append(("Content-Length", str(len(data))))
        kind = fault.kind if fault and self.command != "HEAD" else ""
        if fault is not None and kind in ("short", "cut"):
            data = data[: fault.size]
        if kind == "short":
            headers = [(name, str(len(data)) if name.lower() == "content-length" else value) for name, value in headers]
        self._answer(answer.status, headers, data)
        if kind == "cut":
            self.close_connection = True

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset(self) -> None:
        """Without lingering, closing a connection resets it."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()
