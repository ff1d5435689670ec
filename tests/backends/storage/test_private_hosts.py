"""Web addresses that lead into this machine's own networks are refused, however they are written."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rastercollection import PrivateAddressError, RequestError, plan_collection
from rastercollection.backends.storage import private_hosts
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.backends.storage.private_hosts import is_private
from rastercollection.errors import BackendError

INSIDE = [
    "http://127.0.0.1/x",
    "http://localhost:8000/x",
    "http://localhost./x",
    "http://127.1/x",
    "http://2130706433/x",
    "http://0x7f.0.0.1/x",
    "http://017700000001/x",
    "http://0.0.0.0/x",
    "http://[::1]:80/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[64:ff9b::a9fe:a9fe]/x",
    "http://[2002:7f00:1::]/x",
    "http://[fe80::1]/x",
    "http://[fd00::1]/x",
    "http://169.254.169.254/latest/meta-data",
    "http://100.100.100.200/latest",
    "http://10.0.0.1/x",
    "https://172.16.3.4/x",
    "https://192.168.1.1:8443/x",
    "HTTP://127.0.0.1/x",
    "http://224.0.0.1/x",
]
OUTSIDE = ["http://8.8.8.8/x", "https://[2606:4700::1111]/x", "s3://localhost/x", "/data/127.0.0.1/x", "az://a/x"]


@pytest.mark.parametrize("url", INSIDE)
def test_addresses_inside(url: str) -> None:
    assert is_private(url)
    storage = FsspecStorage()
    for ask in (storage.exists, storage.stat, storage.read, storage.gdal_source):
        # "::" chains file systems in fsspec, and is refused for that
        with pytest.raises(BackendError if "::" in url else PrivateAddressError) as caught:
            ask(url)
        if "::" not in url:
            assert (caught.value.code, caught.value.settled) == ("PRIVATE_ADDRESS", False)
            assert "allow_private_hosts" in caught.value.hint


@pytest.mark.parametrize("url", OUTSIDE)
def test_addresses_outside(url: str) -> None:
    assert not is_private(url)


def test_names_that_resolve_to_addresses_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """As metadata.google.internal does where there is one; one of several addresses is enough."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("8.8.8.8", "169.254.169.254")]
    monkeypatch.setattr(private_hosts.socket, "getaddrinfo", lambda *_, **__: found)
    assert is_private("http://resolves-inside.example/x")


class Redirecting(http.server.BaseHTTPRequestHandler):
    """Sends whoever asks to another host."""

    target = ""
    asked: list[str]

    def log_message(self, *_: Any) -> None: ...

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(302 if self.path.startswith("/from") else 200)
        if self.path.startswith("/from"):
            self.send_header("Location", self.target)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def redirecting() -> Iterator[tuple[str, type[Redirecting]]]:
    handler = type("Handler", (Redirecting,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        handler.target = f"http://127.0.0.1:{server.server_port}/to"
        yield f"http://127.0.0.1:{server.server_port}/from", handler
        server.shutdown()
        thread.join()


def test_redirections_are_not_followed_inside(
    redirecting: tuple[str, type[Redirecting]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address is taken for a public one; where it sends us is not."""
    url, handler = redirecting
    assert FsspecStorage(allow_private_hosts=True).read(url) == b""
    assert "/to" in handler.asked
    handler.asked.clear()
    real = private_hosts.is_private
    monkeypatch.setattr(private_hosts, "is_private", lambda url: "/from" not in url and real(url))
    with pytest.raises(BackendError):
        FsspecStorage().read(url)
    assert set(handler.asked) == {"/from"}


def test_names_are_looked_at_again_when_they_are_connected_to(
    redirecting: tuple[str, type[Redirecting]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that led elsewhere when it was checked."""
    url, handler = redirecting
    monkeypatch.setattr(private_hosts, "check_public", lambda _: None)
    monkeypatch.setattr("rastercollection.backends.storage.fsspec.check_public", lambda _: None)
    with pytest.raises(BackendError):
        FsspecStorage().read(url.replace("127.0.0.1", "localhost"))
    assert handler.asked == []


def test_a_request_is_refused_before_anything_is_done(redirecting: tuple[str, type[Redirecting]]) -> None:
    url, handler = redirecting
    container = url.rpartition("/")[0]
    with pytest.raises(RequestError, match="PRIVATE_ADDRESS") as caught:
        plan_collection(container_name=container, blob_list=["a.tif"], collection_id="c", output_container="/tmp/x")
    assert [problem.parameter for problem in caught.value.problems] == ["container_name"]
    assert handler.asked == []
    plan = plan_collection(
        container_name=container,
        blob_list=["to.tif"],
        collection_id="c",
        output_container="/tmp/x",
        allow_private_hosts=True,
        predict=False,
    )
    assert [source.blob for source in plan.sources] == ["to.tif"]
