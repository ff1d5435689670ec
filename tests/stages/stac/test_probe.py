"""How a tile server is asked: what is followed, how long and how much is waited for, and by which way."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from rastercollection.stages.stac import probe
from rastercollection.stages.stac.probe import offers, openapi_of

API = json.dumps({"paths": {"/": {}}}).encode()


class Server(http.server.ThreadingHTTPServer):
    """Answers by path: (status, headers, body), or whatever a function does with the request's handler."""

    answers: dict[str, Any]
    asked: list[tuple[str, str]]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Accept-Encoding", "")))
        answer = self.server.answers.get(self.path, (404, {}, b""))
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.answers, running.asked, running.daemon_threads = {}, [], True
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_redirects_are_followed_and_end(server: Server) -> None:
    server.answers = {"/api": (302, {"Location": "/there"}, b""), "/there": (200, {}, API)}
    assert openapi_of(address(server)) == json.loads(API)
    server.answers = {"/api": (302, {"Location": "/api"}, b"")}
    assert openapi_of(address(server)) == {}
    assert 3 < len([path for path, _ in server.asked if path == "/api"]) < 20


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1:9/x", "data:,x", "http://[", "http://a b:x/"]
)
def test_redirects_lead_to_web_servers_only(server: Server, target: str) -> None:
    server.answers = {"/api": (302, {"Location": target}, b"")}
    assert not offers(f"{address(server)}/api")


@pytest.mark.parametrize(
    ("status", "offered"), [(200, True), (405, True), (422, True), (204, False), (404, False), (500, False)]
)
def test_pages_that_want_something_else_are_there(server: Server, status: int, offered: bool) -> None:
    server.answers = {"/api": (status, {}, b"")}
    assert offers(f"{address(server)}/api") is offered


@pytest.mark.parametrize(
    "wrong", ["http://[::1", "http://127.0.0.1:99999/", f"http://{'a' * 70}.example/", "file:///x"]
)
def test_addresses_that_are_none_are_not_there(wrong: str) -> None:
    assert not offers(wrong)


def test_servers_on_this_machine_are_reached_without_a_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers = {"/api": (200, {}, API)}
    assert openapi_of(address(server))
    assert openapi_of(address(server).replace("127.0.0.1", "localhost"))


def test_others_are_reached_through_the_proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, address(server))
    server.answers = {"http://tiles.example/api": (200, {}, API)}
    assert openapi_of("http://tiles.example") == json.loads(API)


def test_a_proxy_that_cannot_be_used_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    assert not offers("http://tiles.example/api")


def test_certificates_that_are_not_there_are_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    assert not offers("https://127.0.0.1:9/api")


def test_answers_are_read_up_to_a_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b" " * 65536)

    server.answers = {"/api": endless}
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    monkeypatch.setattr(probe, "LARGEST_ANSWER", 10_000_000)
    assert openapi_of(address(server)) == {}
    monkeypatch.setattr(probe, "LARGEST_ANSWER", len(API) - 1)
    server.answers = {"/api": (200, {}, API)}
    assert openapi_of(address(server)) == {}
    monkeypatch.setattr(probe, "LARGEST_ANSWER", len(API))
    assert openapi_of(address(server)) == json.loads(API)


def test_nothing_compressed_is_asked_for(server: Server) -> None:
    openapi_of(address(server))
    assert {encoding for _, encoding in server.asked} == {"identity"}


def test_a_server_that_says_nothing_is_waited_for_only_so_long(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    server.answers = {"/api": lambda _: done.wait(30)}
    monkeypatch.setattr(probe, "TIMEOUT", 0.2)
    begun = time.monotonic()
    assert not offers(f"{address(server)}/api")
    assert time.monotonic() - begun < 10
    done.set()
