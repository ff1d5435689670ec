"""What was altered behind a finished job's back is found by running it again, and made as it was."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job_scenes import make_tiles
from rastercollection import JobResult, process_collection

WEST_HALF, EAST_HALF = ["a.tif", "sub/c.tif"], ["b.tif", "sub/d ü.tif"]


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    make_tiles(tmp_path / "bronze")
    return tmp_path / "bronze"


def run(bronze: Path, **parameters: Any) -> JobResult:
    settings: dict[str, Any] = {
        "blob_list": "**/*.tif",
        "jobs": f"sqlite:///{bronze.parent / 'jobs.db'}",
        "executor": "serial",
        **parameters,
    }
    return process_collection(container_name=bronze, collection_id="test", **settings)


def content(bronze: Path) -> dict[str, bytes]:
    """All that is published, by name."""
    folder = bronze.parent / "cogs"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip(path: Path) -> None:
    """Change a byte in the middle; size and time stay."""
    times, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))

    return apply


def false_bounds(mosaic: dict[str, Any]) -> None:
    mosaic["bounds"] = [0, 0, 1, 1]


def moved(item: dict[str, Any]) -> None:
    item["bbox"] = [0, 0, 1, 1]


def elsewhere(collection: dict[str, Any]) -> None:
    collection["extent"]["spatial"]["bbox"] = [[0, 0, 1, 1]]


def without_children(root: dict[str, Any]) -> None:
    root["links"] = [link for link in root["links"] if link["rel"] != "child"]


ALTERATIONS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "a thumbnail": ("test/a_cog_analysis_thumbnail.png", flip),
    "a small COG": ("test/a_cog_analysis.tif", flip),
    "the mosaic": ("test/test.json", flip),
    "bounds of the mosaic": ("test/test.json", edit(false_bounds)),
    "the preview page": ("test/test.html", flip),
    "no preview page": ("test/test.html", Path.unlink),
    "an item": ("stac/test/items/a.json", flip),
    "the place of an item": ("stac/test/items/a.json", edit(moved)),
    "an item that is no JSON": ("stac/test/items/a.json", lambda path: path.write_bytes(b"{" * path.stat().st_size)),
    "the extent of the collection": ("stac/test/collection.json", edit(elsewhere)),
    "the link to the collection": ("stac/catalog.json", edit(without_children)),
    "the mirror": ("stac/test/items.parquet", flip),
}


def alike(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """The same, as far as two runs give the same bytes: an item that was rewritten has another name."""
    kind = re.compile(r"-[0-9a-f]{12}\.json$")
    assert {kind.sub(".json", name) for name in before} == {kind.sub(".json", name) for name in after}
    for name, data in before.items():
        if name.endswith((".tif", ".png")) or name == "test/test.json":
            assert after[name] == data, name


@pytest.mark.parametrize("what", ALTERATIONS)
def test_what_was_altered_is_found_and_mended(bronze: Path, what: str) -> None:
    if what == "the mirror":
        pytest.importorskip("rustac")
    name, alter = ALTERATIONS[what]
    run(bronze)
    before = content(bronze)
    assert run(bronze).reused
    alter(bronze.parent / "cogs" / name)
    assert not run(bronze).reused
    alike(before, content(bronze))
    again = run(bronze)
    assert again.reused
    assert not [notice for notice in again.summary["notices"] if notice["code"] == "ITEMS_LOST"]
    assert items(bronze) == items_of(before)


def items(bronze: Path) -> dict[str, Any]:
    return items_of(content(bronze))


def items_of(files: dict[str, bytes]) -> dict[str, Any]:
    """Item documents by id."""
    every = [json.loads(data) for name, data in files.items() if "/items/" in name]
    return {item["id"]: item for item in every}


def test_rot_in_a_large_cog_is_found_where_all_content_is_compared(
    bronze: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rastercollection.model.output.SMALL", 1000)
    run(bronze)
    cog = bronze.parent / "cogs/test/a_cog_analysis.tif"
    whole = cog.read_bytes()
    flip(cog)
    assert run(bronze).reused
    assert not run(bronze, verify="checksum").reused
    assert cog.read_bytes() == whole
    assert run(bronze, verify="checksum").reused


@pytest.mark.parametrize("name", ["test/test.json", "test/test.html", "stac/test/collection.json"])
def test_what_another_job_has_written_since_is_as_good_until_it_is_altered(bronze: Path, name: str) -> None:
    first = {"blob_list": WEST_HALF, "executor": "serial"}
    run(bronze, **first)
    before = content(bronze)[name]
    run(bronze, blob_list=EAST_HALF)
    both = content(bronze)[name]
    assert both != before
    assert run(bronze, **first).reused
    (bronze.parent / "cogs" / name).write_bytes(before)
    assert not run(bronze, **first).reused
    # a collection's document that was put back knows the items of its time only
    assert run(bronze, blob_list=EAST_HALF).reused == (name != "stac/test/collection.json")
    assert run(bronze, **first).reused
    assert len(items(bronze)) == 4
    if name != "stac/test/collection.json":
        assert content(bronze)[name] == both


def test_what_other_programs_add_to_the_document_stays(bronze: Path) -> None:
    run(bronze)
    path = bronze.parent / "cogs/stac/test/collection.json"

    def add(document: dict[str, Any]) -> None:
        document["their:field"] = 1
        document["assets"]["theirs"] = {"href": "./theirs.txt", "roles": ["metadata"]}
        document["links"].append({"rel": "license", "href": "https://example.com"})

    edit(add)(path)
    assert run(bronze).reused
    assert json.loads(path.read_text())["their:field"] == 1


def test_a_store_that_cannot_be_asked_is_no_success(bronze: Path) -> None:
    from rastercollection.backends.storage.fsspec import FsspecStorage
    from rastercollection.errors import PermissionDeniedError

    run(bronze)

    class Silent(FsspecStorage):
        def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
            if url.endswith("_thumbnail.png"):
                raise PermissionDeniedError("Not now.", "", url)
            return super().read(url, start, end)

    with pytest.raises(PermissionDeniedError):
        run(bronze, storage=Silent())


@pytest.mark.parametrize("which", ["stage = 2", "task_id LIKE '%create_overview%'", "1 = 1"])
def test_a_finished_job_without_its_journal_is_not_taken_over(bronze: Path, which: str) -> None:
    run(bronze)
    before = content(bronze)
    with contextlib.closing(sqlite3.connect(bronze.parent / "jobs.db")) as database, database:
        assert database.execute(f"DELETE FROM results WHERE {which}").rowcount
    assert not run(bronze).reused
    alike(before, content(bronze))
