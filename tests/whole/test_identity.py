"""A job is known by what it did last: whatever changes, and changes back, is made, and then found again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from job_scenes import write_tile
from rastercollection import process_collection
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    for number in range(3):
        write_tile(tmp_path / "in" / f"t{number}.tif", 250 * number, 0)

    def run(**settings: Any) -> Any:
        usual = {"blob_list": ["*.tif"], "executor": "thread", "jobs": f"sqlite:///{tmp_path / 'jobs.db'}"}
        places = {"container_name": tmp_path / "in", "output_container": tmp_path / "out", "collection_id": "same"}
        return process_collection(**places, **{**usual, **settings})

    return run


def published(tmp_path: Path) -> set[str]:
    return set(StaticCatalog(str(tmp_path / "out" / "stac")).item_ids("same"))


def test_a_tile_that_comes_and_goes(run: Run, tmp_path: Path) -> None:
    fourth = tmp_path / "in" / "t3.tif"
    for _ in range(2):
        assert (run(mode="replace").reused, len(published(tmp_path))) == (False, 3)
        assert run(mode="replace").reused
        write_tile(fourth, 750, 0)
        assert (run(mode="replace").reused, len(published(tmp_path))) == (False, 4)
        assert run(mode="replace").reused
        fourth.unlink()
    assert not run(mode="replace").reused
    assert len(published(tmp_path)) == 3


def test_pixels_that_change_and_change_back(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in" / "t1.tif"
    first = source.read_bytes()
    with rasterio.open(source) as dataset:
        profile, pixels = dataset.profile, dataset.read()
    with rasterio.open(source, "w", **profile) as dataset:
        dataset.write(np.where(pixels > 0, pixels - 1, pixels).astype(pixels.dtype))
    second = source.read_bytes()

    def cog() -> Any:
        (path,) = (tmp_path / "out").rglob("t1_cog_*.tif")
        with rasterio.open(path) as dataset:
            return dataset.read()

    made = []
    for turn, content in enumerate((first, second, first, second)):
        source.write_bytes(content)
        os.utime(source, ns=(turn % 2, turn % 2))
        assert not run().reused
        assert run().reused
        made.append(cog())
    assert np.array_equal(made[0], made[2])
    assert np.array_equal(made[1], made[3])
    assert not np.array_equal(made[0], made[1])


def test_what_is_asked_for_again_is_made_again(run: Run, tmp_path: Path) -> None:
    run()
    before = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("t?_cog_*.tif")}
    result = run(rerun="t1.tif")
    assert not result.reused
    after = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("t?_cog_*.tif")}
    assert [path.name[:2] for path in before if before[path] != after[path]] == ["t1"]
    assert run().reused
    run(rerun="create_cogs")
    assert all(path.stat().st_ino != after[path] for path in after)
    assert not run(rerun=True).reused


def test_a_file_beside_a_tile_that_changes(run: Run, tmp_path: Path) -> None:
    run()
    beside = tmp_path / "in" / "t1.tif.aux.xml"
    for nodata in (0, 7):
        beside.write_text(
            f"<PAMDataset><PAMRasterBand band='1'><NoDataValue>{nodata}</NoDataValue></PAMRasterBand></PAMDataset>"
        )
        result = run()
        assert (result.reused, result.summary["tiles"][1]["blob"]) == (False, "t1.tif")
        assert run().reused
    beside.unlink()
    assert not run().reused
