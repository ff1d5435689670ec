"""Finding sources: literal names, patterns, what is missing, what is listed twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from rastercollection import CollectionRequest, RequestError
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.job.sources import find_sources

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
        (["*.tif"], ["a.tif", "odd 1.tif", "odd [1].tif", "ü%20#.tif"]),
        (["**/*.tif"], ["a.tif", "odd 1.tif", "odd [1].tif", "sub/c.tif", "sub/deep/d.tif", "ü%20#.tif"]),
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
