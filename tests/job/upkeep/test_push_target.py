"""What a push finds at its target: others' files and collections are left as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rastercollection import (
    OutputTakenError,
    check_collection,
    process_collection,
    push_collection,
    remove_collection,
)
from rastercollection.cli.demo import make_scene


def _made(folder: Path, tiles: str, **settings: Any) -> Path:
    make_scene(folder / "bronze", size=96)
    process_collection(
        container_name=folder / "bronze",
        blob_list=tiles,
        collection_id="fields",
        output_container=folder / "out",
        jobs="memory",
        **settings,
    )
    return folder / "out"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("push")
    return _made(folder, "*_a[12].tif", mosaicjson_container=folder / "mosaics")


def _content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("tiles", ["*_a1.tif", "*_b2.tif"])
def test_another_collection_of_that_id_is_left_as_it_is(finished: Path, tmp_path: Path, tiles: str) -> None:
    other = _made(tmp_path, tiles)
    before = _content(other)
    with pytest.raises(OutputTakenError, match="another collection 'fields'"):
        push_collection(finished, other)
    assert _content(other) == before


def test_files_of_somebody_are_left_as_they_are(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "namangan_a1_cog_analysis.tif").write_bytes(b"mine")
    (tmp_path / "fields.html").write_bytes(b"mine")
    before = _content(tmp_path)
    with pytest.raises(OutputTakenError, match=r"2 files in .* would be overwritten"):
        push_collection(finished, tmp_path)
    assert _content(tmp_path) == before


def test_a_mosaic_that_lies_elsewhere_is_made_at_the_target(finished: Path, tmp_path: Path) -> None:
    mosaic = finished.parent / "mosaics" / "fields.json"
    before = mosaic.read_bytes()
    assert push_collection(finished, tmp_path / "there").findings == ()
    assert mosaic.read_bytes() == before
    assert (tmp_path / "there" / "fields.json").exists()
    assert check_collection(tmp_path / "there", jobs="memory").is_sound


def test_items_that_are_there_alone_stay_and_are_told(finished: Path, tmp_path: Path) -> None:
    push_collection(finished, tmp_path / "first")
    remove_collection(tmp_path / "first", "namangan_a1")
    push_collection(finished, tmp_path / "there")
    assert push_collection(tmp_path / "first", tmp_path / "there").kept == ("namangan_a1",)
    assert check_collection(tmp_path / "there", jobs="memory").items == 2
