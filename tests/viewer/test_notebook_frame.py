"""The map in a notebook's cell, behind a proxy as JupyterHub has one: by a path below another site's name."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rastercollection import ViewError, ViewServer
from rastercollection.viewer.framing import proxied_address
from viewer_scenes import Answer, Collection

PREFIX = "/user/ada/proxy/"
Get = Callable[..., Answer]
Serve = Callable[..., ViewServer]


class _Proxy(http.server.BaseHTTPRequestHandler):
    """Passes on what is asked for below PREFIX, with the name it was asked by; all else is the notebook's page."""

    page = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if not self.path.startswith(PREFIX):
            self._answer(200, [("Content-Type", "text/html; charset=utf-8")], self.page.encode())
            return
        port, _, path = self.path.removeprefix(PREFIX).partition("/")
        dropped = ("content-length", "connection", "transfer-encoding", "date")
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)) as connection:
            connection.request("GET", f"/{path}", headers=dict(self.headers))
            answer = connection.getresponse()
            headers = [each for each in answer.getheaders() if each[0].lower() not in dropped]
            status, body = answer.status, answer.read()
        with contextlib.suppress(ConnectionError):  # a browser gives up tiles that it no longer wants
            self._answer(status, headers, body)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[type[_Proxy]]:
    """A proxy whose page can be set; ``port`` is where it listens."""
    handler = type("Handler", (_Proxy,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.port = server.server_address[1]  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")


def test_a_cell_shows_the_map_by_way_of_the_proxy(
    published: Collection, serve: Serve, hub: None, proxy: Any, browser: Any
) -> None:
    server = serve(published.output)
    assert server.proxied.startswith(PREFIX)
    proxy.page = f"<!doctype html><title>notebook</title>{server._repr_html_()}"
    chromium = browser.browser_type.launch(
        executable_path=_executable(browser),
        args=["--no-sandbox", "--disable-dev-shm-usage", "--host-resolver-rules=MAP hub.example 127.0.0.1"],
    )
    try:
        page = chromium.new_page()
        failed: list[str] = []
        page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
        page.goto(f"http://hub.example:{proxy.port}/user/ada/lab")
        frame = page.frame_locator("iframe")
        frame.locator("#map[aria-busy=false] .leaflet-tile-loaded").first.wait_for(state="attached", timeout=20_000)
        assert frame.locator("#title").inner_text() != "Loading …"
        frame.locator("#map").click()
        frame.locator("#items .item, #items > *").first.wait_for(timeout=20_000)  # pixel values, asked for below /api
        assert [url for url in failed if "favicon" not in url] == []
    finally:
        chromium.close()


def _executable(browser: Any) -> str:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))


def test_another_name_is_let_in_with_the_word_alone(published: Collection, serve: Serve, hub: None, get: Get) -> None:
    server = serve(published.output)
    word = server.proxied.removeprefix(PREFIX).partition("/")[2]
    assert word.startswith("~")
    foreign = {"Host": "hub.example"}
    assert get(server, f"/{word}api/collection", **foreign).status == 200
    assert get(server, f"/{word}static/viewer.js", **foreign).status == 200
    for wrong in ("", "~/", "~wrong/", word[:-2] + "/", word.upper(), f"x/{word}"):
        assert get(server, f"/{wrong}api/collection", **foreign).status == 421, wrong
    assert get(server, f"/{word}", **foreign, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    other = serve(published.output, port=0, allow_origin=["https://maps.example"])
    assert get(other, f"/{word}api/collection", **foreign).status == 421  # each server has a word of its own


def test_without_a_proxy_a_cell_shows_the_server_itself(published: Collection, serve: Serve) -> None:
    server = serve(published.output)
    assert server.proxied == server
    assert f'<iframe src="{server}"' in server._repr_html_()
    server.stop()
    assert "iframe" not in server._repr_html_()


@pytest.mark.parametrize(
    ("proxy", "environment", "expected"),
    [
        (None, {}, "http://127.0.0.1:9/"),
        (None, {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}, "/user/ada/proxy/9/~w/"),
        ("", {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}, "http://127.0.0.1:9/"),
        ("/proxy/{port}/", {}, "/proxy/9/~w/"),
        ("https://lab.example/x/proxy/{port}", {}, "https://lab.example/x/proxy/9/~w/"),
    ],
)
def test_where_a_browser_finds_it(proxy: str | None, environment: dict[str, str], expected: str) -> None:
    assert proxied_address("http://127.0.0.1:9/", 9, "w", proxy, environment) == expected


@pytest.mark.parametrize("proxy", ["/proxy/", "javascript:{port}", "//evil.example/{port}", "proxy/{port}"])
def test_what_is_no_address_of_a_proxy(proxy: str) -> None:
    with pytest.raises(ViewError, match="no address of a proxy"):
        proxied_address("http://127.0.0.1:9/", 9, "w", proxy, {})
