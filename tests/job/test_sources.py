"""Finding sources: literal names, patterns, what is missing, what is listed twice."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rastercollection import CollectionRequest, RequestError
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import PermissionDeniedError
from rastercollection.job.source_parts import every_part
from rastercollection.job.sources import find_sources
from rastercollection.ports.storage import ObjectInfo

FILES = ["a.tif", "b.TIF", "sub/c.tif", "sub/deep/d.tif", "odd [1].tif", "odd 1.tif", "ü%20#.tif", "x_cog_analysis.tif"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "in"


def found(folder: Path, *names: str) -> list[str]:
    request = CollectionRequest(container_name=folder, blob_list=names, collection_id="c")
    return [source.blob for source in find_sources(request, FsspecStorage()).files]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["sub/c.tif", "a.tif"], ["sub/c.tif", "a.tif"]),
        (["*.tif"], ["a.tif", "odd 1.tif", "odd [1].tif", "x_cog_analysis.tif", "ü%20#.tif"]),
        (
            ["**/*.tif"],
            ["a.tif", "odd 1.tif", "odd [1].tif", "sub/c.tif", "sub/deep/d.tif", "x_cog_analysis.tif", "ü%20#.tif"],
        ),
        (["sub/*"], ["sub/c.tif"]),
        (["?.[tT][iI][fF]"], ["a.tif", "b.TIF"]),
        (["odd [1].tif"], ["odd [1].tif"]),
        (["odd [2].tif", "a.tif"], None),
        (["x_cog_analysis.tif"], ["x_cog_analysis.tif"]),
        (["sub"], ["sub"]),
    ],
)
def test_names_are_literal_and_patterns_expand(folder: Path, names: list[str], expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(RequestError, match="matches nothing"):
            found(folder, *names)
    else:
        assert found(folder, *names) == expected


def test_all_missing_names_are_listed_in_one_error(folder: Path) -> None:
    with pytest.raises(RequestError) as caught:
        found(folder, "a.tif", "gone.tif", "away/*.tif", "lost.tif")
    assert [problem.value for problem in caught.value.problems] == ["'gone.tif'", "'away/*.tif'", "'lost.tif'"]


def test_a_missing_container_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="CONTAINER_NOT_FOUND"):
        found(tmp_path / "nowhere", "a.tif")


def test_a_raster_named_twice_is_taken_once_and_told(folder: Path) -> None:
    request = CollectionRequest(container_name=folder, blob_list=["a.tif", "*.tif", "./a.tif"], collection_id="c")
    sources = find_sources(request, FsspecStorage())
    assert [source.blob for source in sources.files].count("a.tif") == 1
    assert [notice.code for notice in sources.notices] == ["DUPLICATE_BLOB"]


def test_the_version_changes_with_the_content(folder: Path) -> None:
    request = CollectionRequest(container_name=folder, blob_list=["a.tif"], collection_id="c")
    (before,) = find_sources(request, FsspecStorage()).files
    (same,) = find_sources(request, FsspecStorage()).files
    (folder / "a.tif").write_bytes(b"other")
    (after,) = find_sources(request, FsspecStorage()).files
    assert before == same != after
    assert (after.size, before.size) == (5, 5)


def test_what_fits_a_pattern_and_is_left_out_is_counted_and_named(folder: Path) -> None:
    for name in (".trash/old.tif", "sub/._c.tif", "#recycle/gone.tif", "a.tfw", "a.tif.aux.xml", "lonely.tfw"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    request = CollectionRequest(container_name=folder, blob_list=["**", "a.tfw"], collection_id="c")
    sources = find_sources(request, FsspecStorage())
    assert {source.blob for source in sources.files} == {*FILES, "a.tfw", "lonely.tfw"}
    hidden, beside = (notice.message for notice in sources.notices if notice.code == "PATTERN_LEFT_OUT")
    assert hidden.startswith("3 files")
    assert all(name in hidden for name in (".trash/old.tif", "sub/._c.tif", "#recycle/gone.tif"))
    assert beside.startswith("1 file that fits"), "a.tfw was asked for by its name"
    assert "a.tif.aux.xml" in beside


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="its file systems take Unicode names only")
def test_a_name_in_another_encoding_is_one_tile_refused(folder: Path) -> None:
    os.rename(folder / "b.TIF", os.fsencode(folder) + b"/stra\xdfe.tif")
    request = CollectionRequest(container_name=folder, blob_list=["*.tif"], collection_id="c")
    sources = find_sources(request, FsspecStorage())
    (refused,) = sources.refused
    assert refused == r"stra\xdfe.tif"
    assert sources.refused[refused].code == "NAME_UNREADABLE"
    assert {"a.tif", refused} <= {source.blob for source in sources.files}


def test_names_too_long_for_outputs_are_told(folder: Path) -> None:
    long = f"{'ä' * 120}.tif"
    (folder / long).write_bytes(b"x")
    request = CollectionRequest(container_name=folder, blob_list=["*.tif"], collection_id="c")
    (notice,) = find_sources(request, FsspecStorage()).notices
    assert notice.code == "NAME_SHORTENED"
    assert long in notice.message


@pytest.mark.skipif(sys.platform == "win32", reason="no colon in names of files")
def test_a_page_is_not_taken_for_a_file_of_its_name(folder: Path) -> None:
    (folder / "a.tif:1").write_bytes(b"")
    request = CollectionRequest(container_name=folder, blob_list=["a.tif", "a.tif:1"], collection_id="c")
    sources = find_sources(request, FsspecStorage())
    with pytest.raises(RequestError, match=r"'a\.tif:1' is a file, and the name of raster 1 in 'a\.tif'"):
        every_part(sources, lambda file: ("1", "2") if file.blob == "a.tif" else ())
    only = every_part(sources.only({"a.tif"}), lambda _: ("2", "3"))
    assert [one.blob for one in only.files] == ["a.tif:2", "a.tif:3"]


def test_what_lies_beside_a_source_under_its_name_is_part_of_what_it_is_known_by(tmp_path: Path) -> None:
    names = ("a.tif", "b.tif", "sub/a.tif")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    def seen(blobs: list[str]) -> dict[str, str]:
        request = CollectionRequest(container_name=tmp_path, blob_list=blobs, collection_id="x")
        return {one.blob: one.beside for one in find_sources(request, FsspecStorage()).files}

    for blobs in (["**/*.tif"], list(names)):
        assert set(seen(blobs).values()) == {""}
    for beside in ("a.tfw", "a.TIF.aux.xml", "a.tif.msk", "a_RPC.TXT", "a.prj"):
        before = seen(list(names))
        (tmp_path / beside).write_text(beside)
        for blobs in (["**/*.tif"], list(names)):
            after = seen(blobs)
            assert after["a.tif"] != before["a.tif"]
            assert (after["b.tif"], after["sub/a.tif"]) == ("", "")
        (tmp_path / beside).write_text(f"{beside} changed")
        assert seen(list(names))["a.tif"] != after["a.tif"]
    (tmp_path / "a_cog_analysis.tif").write_text("not of it")
    assert seen(list(names))["a.tif"] == seen(list(names))["a.tif"] != ""


def test_a_pattern_whose_folder_cannot_be_listed_is_told_by_the_folder(folder: Path) -> None:
    class Shut(FsspecStorage):
        """As a folder that its mode shuts: nothing in it can be looked at."""

        def stat(self, url: str) -> ObjectInfo:
            raise PermissionDeniedError(f"Cannot look at {url}.", "", url)

        def list(self, url: str, *, deep: bool = True) -> Iterator[ObjectInfo]:
            raise PermissionDeniedError(f"Cannot list {url}.", "", url)

    for name, told in (("*.tif", f"Cannot list {folder}."), ("a.tif", f"Cannot look at {folder}/a.tif.")):
        with pytest.raises(PermissionDeniedError) as caught:
            find_sources(CollectionRequest(container_name=folder, blob_list=[name], collection_id="c"), Shut())
        assert caught.value.message == told
