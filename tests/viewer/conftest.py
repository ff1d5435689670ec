"""A small published collection, and servers that show it."""

from __future__ import annotations

import http.client
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rastercollection import ViewServer, process_collection, view_collection
from viewer_pages import DESKTOP, wait_until_drawn
from viewer_scenes import HOSTILE, PIXEL, SIZE, WEST, Answer, Collection, write_cover, write_hills, write_tile


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Two tiles of four bands, side by side with an overlap, published by the library itself."""
    folder = tmp_path_factory.mktemp("viewer")
    (folder / "sources").mkdir()
    write_tile(folder / "sources" / "west.tif", WEST)
    write_tile(folder / "sources" / "east 2.tif", WEST + (SIZE - 20) * PIXEL)
    result = process_collection(
        container_name=str(folder / "sources"),
        blob_list=["west.tif", "east 2.tif"],
        collection_id="fields",
        collection_description=f"Fields & meadows {HOSTILE}",
        output_container=str(folder / "output"),
        datetime="2019-07-14T06:12:31Z",
        license="CC-BY-4.0",
        providers=[{"name": "Survey <b>office</b>", "url": "https://survey.example/"}],
        executor="serial",
        jobs="memory",
    )
    assert result.status == "completed"
    return Collection(folder)


@pytest.fixture(scope="session")
def catalog(published: Collection, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """The same with two more collections in its catalog: heights, and classes with names."""
    copied = published.copy(tmp_path_factory.mktemp("catalog") / "scene")
    for write, name, kind in ((write_hills, "heights", "dem"), (write_cover, "cover", "categorical")):
        write(copied.folder / "sources" / f"{name}.tif")
        result = process_collection(
            container_name=str(copied.folder / "sources"),
            blob_list=[f"{name}.tif"],
            collection_id=name,
            output_container=str(copied.output),
            datetime="2019-07-14",
            raster_type=kind,
            executor="serial",
            jobs="memory",
        )
        assert result.status == "completed"
    return copied


@pytest.fixture
def scene(published: Collection, tmp_path: Path) -> Collection:
    """The same, for one test alone, to be changed."""
    return published.copy(tmp_path / "scene")


@pytest.fixture(scope="session")
def need_extra(missing_service: Callable[[str, str], None]) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("titiler", "uvicorn", "fastapi")):
        missing_service("the viewer's server", "pip install 'rastercollection[view]'")


@pytest.fixture(scope="module")
def server(published: Collection, need_extra: None) -> Iterator[ViewServer]:
    """A viewer of the collection, in this process."""
    with view_collection(str(published.output), port=0) as server:
        yield server


@pytest.fixture(scope="module")
def catalog_server(catalog: Collection, need_extra: None) -> Iterator[ViewServer]:
    """A viewer of the catalog, in this process."""
    with view_collection(str(catalog.output), port=0) as server:
        yield server


@pytest.fixture
def serve(need_extra: None) -> Iterator[Callable[..., ViewServer]]:
    """Starts viewers that end with the test."""
    running: list[ViewServer] = []

    def start(place: Path | str, **options: Any) -> ViewServer:
        running.append(view_collection(str(place), **{"port": 0, **options}))
        return running[-1]

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="session")
def get() -> Callable[..., Answer]:
    """A plain client that sends a path as it is given."""

    def ask(server: str, path: str, **headers: str) -> Answer:
        host, _, port = server.removeprefix("http://").rstrip("/").rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        try:
            connection.putrequest("GET", path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    return ask


@pytest.fixture(scope="session")
def post() -> Callable[..., Answer]:
    """Sends JSON."""

    def send(server: str, path: str, value: Any) -> Answer:
        connection = http.client.HTTPConnection(server.removeprefix("http://").rstrip("/"), timeout=30)
        try:
            connection.request("POST", path, json.dumps(value), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    return send


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page and waits until its tiles are drawn; nothing may leave this machine or end on the console."""
    pages: list[Any] = []
    noted: list[str] = []

    def start(address: str, drawn: bool = True, viewport: dict[str, int] = DESKTOP, **options: Any) -> Any:
        page = browser.new_page(viewport=viewport, **options)
        pages.append(page)
        page.on("console", lambda message: noted.append(message.text))
        page.on("pageerror", lambda error: noted.append(str(error)))
        page.on("dialog", lambda dialog: noted.append(dialog.message))
        page.on("request", lambda request: _own(request.url) or noted.append(request.url))
        page.set_default_timeout(15_000)
        page.goto(address)
        if drawn:
            wait_until_drawn(page)
        return page

    yield start
    for page in pages:
        page.close()
    assert noted == []


def _own(address: str) -> bool:
    return re.match(r"(blob:)?http://127\.0\.0\.1:\d+/|data:", address) is not None
