"""Whole jobs of rasters from 0 to 360 and across the antimeridian: stock readers show both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import morecantile
import numpy as np
import pystac
import pytest
import rasterio
from cogeo_mosaic.backends import MosaicBackend
from rasterio.transform import from_origin

from rastercollection import JobResult, ObjectExistsError, plan_collection, process_collection

WEB = morecantile.tms.get("WebMercatorQuad")


def write(path: Path, west: float, columns: int = 200, dtype: str = "float32") -> None:
    """Longitudes, from 0 to 360, of 0.05° wide pixels south of 10° N."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.broadcast_to((west + 0.05 * (np.arange(columns) + 0.5)) % 360, (100, columns)).astype(dtype)
    size = {"width": columns, "height": 100, "count": 1, "dtype": dtype}
    place = {"crs": "EPSG:4326", "transform": from_origin(west, 10, 0.05, 0.05)}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as raster:
        raster.write(data, 1)


def run(folder: Path, **changes: Any) -> JobResult:
    given: dict[str, Any] = {
        "container_name": folder / "bronze",
        "blob_list": ["*.tif"],
        "collection_id": "seam",
        "output_container": folder / "out",
        "jobs": f"sqlite:///{folder / 'jobs.db'}",
        "executor": "serial",
        "datetime": "2020",
    }
    return process_collection(**{**given, **changes})


def shown(mosaic: Path, longitude: float) -> tuple[float, float]:
    """Share of valid pixels, and their mean, of the tile of zoom 8 there, as a stock reader has it."""
    with MosaicBackend(str(mosaic)) as backend:
        image, _ = backend.tile(*WEB.tile(longitude, 8, 8))
    return float(1 - np.ma.getmaskarray(image.array).mean()), float(image.array.mean())


@pytest.mark.parametrize("changes", [{}, {"target_crs": "EPSG:3857"}, {"grid": "WebMercatorQuad"}], ids=str)
@pytest.mark.parametrize("west", [175.0, -185.0])
def test_a_tile_across_the_antimeridian_is_served_on_both_sides(
    tmp_path: Path, changes: dict[str, Any], west: float
) -> None:
    write(tmp_path / "bronze" / "seam.tif", west)
    result = run(tmp_path, **changes)
    assert result.status == "completed"
    assert [tile.outcome for tile in result.tiles] == ["cog"]
    catalog = pystac.Catalog.from_file(str(next((tmp_path / "out").rglob("catalog.json"))))
    items = list(catalog.get_items(recursive=True))
    assert len(items) == 2
    for item in items:
        west, _, east, _ = item.bbox or [0.0] * 4
        assert -180 <= west < east <= 180
    mosaic = tmp_path / "out" / "seam.json"
    for longitude in (176.5, 179.3, -179.3, -176.5):
        share, mean = shown(mosaic, longitude)
        assert share > 0.9
        tile = WEB.bounds(WEB.tile(longitude, 8, 8))
        assert mean == pytest.approx(((tile.left + tile.right) / 2) % 360, abs=0.1)
    again = run(tmp_path, **changes)
    assert again.reused


def test_both_sides_are_one_tile_to_what_joins_the_collection(tmp_path: Path) -> None:
    write(tmp_path / "bronze" / "seam.tif", 175.0)
    assert run(tmp_path).status == "completed"
    with pytest.raises(ObjectExistsError, match=r"1 of 1 tiles are in collection"):
        run(tmp_path, mode="insert", jobs="memory")
    plan = plan_collection(
        container_name=tmp_path / "bronze",
        blob_list=["*.tif"],
        collection_id="seam",
        output_container=tmp_path / "out",
        jobs="memory",
        datetime="2020",
    )
    assert plan.to_dict()["joining"]["added"] == 0
    write(tmp_path / "bronze" / "inner.tif", 170.0, 100)
    grown = run(tmp_path)
    assert grown.status == "completed"
    assert grown.summary["stac"]["items_in_collection"] == 3


def test_sides_that_stay_beside_the_whole_are_told(tmp_path: Path) -> None:
    write(tmp_path / "bronze" / "seam.tif", 175.0)
    run(tmp_path)
    result = run(tmp_path, target_crs="EPSG:3832")
    (message,) = [one["message"] for one in result.summary["notices"] if one["code"] == "ITEM_OF_SAME_SOURCE"]
    assert "-east" in message
    assert "-west" in message
    again = run(tmp_path, target_crs="EPSG:3832", mode="replace")
    assert "ITEM_OF_SAME_SOURCE" not in {one["code"] for one in again.summary["notices"]}


def test_a_global_grid_from_0_to_360_is_shown_everywhere(tmp_path: Path) -> None:
    (tmp_path / "bronze").mkdir()
    data = np.broadcast_to(np.arange(0.5, 360), (120, 360)).astype("float32")
    place = {"crs": "EPSG:4326", "transform": from_origin(0, 60, 1, 1)}
    size = {"width": 360, "height": 120, "count": 1, "dtype": "float32"}
    with rasterio.open(tmp_path / "bronze" / "t.tif", "w", driver="GTiff", **size, **place) as raster:
        raster.write(data, 1)
    result = run(tmp_path)
    assert result.status == "completed"
    document = json.loads((tmp_path / "out" / "seam.json").read_text())
    assert document["bounds"][0::2] == [-180, 180]
    for longitude in (-170.0, -90.0, -10.0, 10.0, 90.0, 170.0):
        with MosaicBackend(str(tmp_path / "out" / "seam.json")) as backend:
            tile = WEB.tile(longitude, 20, 5)
            image, _ = backend.tile(*tile)
        bounds = WEB.bounds(tile)
        assert not np.ma.getmaskarray(image.array).any()
        assert image.array.mean() == pytest.approx(((bounds.left + bounds.right) / 2) % 360, abs=1)


def test_a_tile_across_the_antimeridian_stays_whole_in_a_zone_that_does_not_end_there(tmp_path: Path) -> None:
    write(tmp_path / "bronze" / "seam.tif", 175.0)
    result = run(tmp_path, target_crs="EPSG:32660")
    assert [tile.outcome for tile in result.tiles] == ["cog"]
    for longitude in (176.5, 179.3, -179.3, -176.5):
        share, mean = shown(tmp_path / "out" / "seam.json", longitude)
        assert share > 0.9
        tile = WEB.bounds(WEB.tile(longitude, 8, 8))
        assert mean == pytest.approx(((tile.left + tile.right) / 2) % 360, abs=0.1)
