"""Objects on a web server, one that knows ranges and one that does not."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import ObjectNotFoundError, PermissionDeniedError, UnavailableError

pytest.importorskip("aiohttp", reason="web servers need aiohttp: pip install 'fsspec[http]'")

DATA = bytes(range(256)) * 100


class Handler(http.server.BaseHTTPRequestHandler):
    knows_ranges = True
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        status = {"/tiles/a%20b.tif": 200, "/tiles/shut.tif": 403, "/tiles/busy.tif": 503}.get(path, 404)
        data = DATA if status == 200 else b""
        asked = self.headers.get("Range")
        if asked and status == 200 and self.knows_ranges:
            start, _, end = asked.removeprefix("bytes=").partition("-")
            data, status = data[int(start) : int(end or len(data)) + 1], 206
            status = status if data else 416
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        if self.knows_ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture(params=[True, False], ids=["ranges", "no ranges"])
def container(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Knowing", (Handler,), {"knows_ranges": request.param})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/tiles"
        server.shutdown()
        thread.join()


def test_reading_from_the_web(container: str, tmp_path: Path) -> None:
    storage = FsspecStorage(allow_private_hosts=True)
    url = f"{container}/a b.tif"
    info = storage.stat(url)
    assert (info.size, info.modified, info.is_folder) == (len(DATA), "2015-10-21T07:28:00.000000Z", False)
    assert storage.stat(url) == info
    assert storage.exists(url)
    assert storage.read(url) == DATA
    for start, end in ((0, 10), (5, 300), (25_590, None), (25_590, 99_999), (30_000, None), (7, 7)):
        assert storage.read(url, start, end) == DATA[start:end]
    storage.get(url, str(tmp_path / "local.tif"))
    assert (tmp_path / "local.tif").read_bytes() == DATA
    for target in (str(tmp_path / "copy.tif"), "memory://web/copy.tif"):
        assert storage.copy(url, target).size == len(DATA)
        assert storage.read(target) == DATA


def test_what_the_web_refuses(container: str, tmp_path: Path) -> None:
    storage = FsspecStorage(allow_private_hosts=True)
    for name, expected in (
        ("missing.tif", ObjectNotFoundError),
        ("shut.tif?sig=secret", PermissionDeniedError),
        ("busy.tif", UnavailableError),
    ):
        for attempt in (
            lambda url: storage.read(url),
            lambda url: storage.get(url, str(tmp_path / "local.tif")),
            lambda url: storage.copy(url, str(tmp_path / "local.tif")),
        ):
            with pytest.raises(expected) as caught:
                attempt(f"{container}/{name}")
            assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert not storage.exists(f"{container}/missing.tif")
