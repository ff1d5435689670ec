"""Complex numbers: published whole, and nothing is promised that no tile server shows."""

from __future__ import annotations

import json
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from rastercollection import plan_collection, process_collection
from rastercollection.stac.tile_servers import build_urls
from tile_scenes import fetch_tile, get

CODE = "COMPLEX_NOT_DRAWN"
DTYPES = ("complex64", "complex128", "complex_int16")


def _bronze(folder: Path, *dtypes: str) -> dict[str, Any]:
    """Parameters of a job over tiles side by side, one of each data type."""
    folder = folder / "bronze"
    folder.mkdir()
    across, down = np.meshgrid(np.arange(300), np.arange(300))
    values = (50 + 40 * np.sin(across / 20)) * np.exp(1j * down / 15)
    for number, dtype in enumerate(dtypes):
        place = {"crs": "EPSG:32642", "transform": from_origin(500_000 + 3000 * number, 4_500_000, 10, 10)}
        profile = {"driver": "GTiff", "height": 300, "width": 300, "count": 1, "dtype": dtype, **place}
        with rasterio.open(folder / f"tile-{number}.tif", "w", **profile) as raster:
            raster.write((values if dtype.startswith("complex") else values.real).astype(_held_as(dtype)), 1)
    names = {"container_name": str(folder), "blob_list": ["*.tif"], "collection_id": "waves"}
    return {**names, "output_container": str(folder.parent / "out"), "datetime": "2020"}


def _held_as(dtype: str) -> str:
    return "complex64" if dtype == "complex_int16" else dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_promised_that_cannot_be_shown(tile_server: str, tmp_path: Path, dtype: str) -> None:
    job = {**_bronze(tmp_path, dtype, dtype), "titiler_url": tile_server}
    planned = plan_collection(**job)
    assert [notice.code for notice in planned.notices].count(CODE) == 1
    result = process_collection(**job, jobs="memory", executor="serial")
    summary = result.to_dict()
    assert result.status == "completed"
    assert [notice["code"] for notice in summary["notices"]].count(CODE) == 1
    assert (summary["titiler_urls"], summary["stac"]["ready_for_titiler"]) == ({}, False)
    assert "complex numbers" in summary["stac"]["ready_reason"]
    document = json.loads(Path(summary["stac"]["collection_url"]).read_text())
    assert not document.get("renders")
    assert not {link["rel"] for link in document["links"]} & {"preview", "tilejson", "xyz"}
    page = Path(str(result.share_url)).read_text()
    assert page.count("<image ") == 1, "the picture shows amplitudes"
    for tile in result.tiles:
        with rasterio.open(tile.output) as cog:
            assert cog.dtypes == (_held_as(dtype),)


def test_a_tile_server_still_makes_no_picture_of_them(tile_server: str, tmp_path: Path) -> None:
    job = _bronze(tmp_path, "complex64", "complex64")
    mosaic = process_collection(**job, jobs="memory", executor="serial").to_dict()["mosaicjson"]
    for render in ({"bidx": [1]}, {"bidx": [1], "rescale": [[0, 100]]}):
        tiles = build_urls(tile_server, {"url": mosaic["url"]}, render)["tiles"]
        with pytest.raises(urllib.error.HTTPError, match="500"):
            fetch_tile(tiles, *_middle(mosaic["bounds"]), mosaic["maxzoom"])


def _middle(bounds: list[float]) -> tuple[float, float]:
    west, south, east, north = bounds
    return west + 0.4 * (east - west), south + 0.4 * (north - south)


def test_pgstac_is_promised_nothing_either(titiler_pgstac: tuple[str, int], served_dsn: str, tmp_path: Path) -> None:
    job = {**_bronze(tmp_path, "complex64"), "collection_id": f"waves-{titiler_pgstac[1]}"}
    result = process_collection(
        **job, jobs="memory", executor="serial", titiler_url=titiler_pgstac[0], catalog=served_dsn
    )
    assert result.to_dict()["titiler_urls"] == {}
    assert str(result.share_url).endswith(".html")


def test_among_real_numbers_they_stay_out_of_the_mosaic(tile_server: str, tmp_path: Path) -> None:
    job = {**_bronze(tmp_path, "complex64", "float32", "float32"), "titiler_url": tile_server}
    summary = process_collection(**job, jobs="memory", executor="serial").to_dict()
    assert summary["stac"]["ready_for_titiler"], summary["stac"]["ready_reason"]
    assert summary["stac"]["items_stored"] == 3
    assert summary["mosaicjson"]["tile_count"] == 2
    assert CODE in {notice["code"] for notice in summary["notices"]}


def test_the_viewer_tells_values_and_refuses_tiles(tmp_path: Path) -> None:
    result = process_collection(**_bronze(tmp_path, "complex64"), jobs="memory", executor="serial")
    mosaic = result.to_dict()["mosaicjson"]
    longitude, latitude = _middle(mosaic["bounds"])
    server = result.view(port=0)
    try:
        answer = json.loads(get(f"{server}api/point?lon={longitude}&lat={latitude}"))
        assert abs(complex(answer["items"][0]["bands"][0]["value"])) > 5
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch_tile(f"{server}mosaicjson/tiles/WebMercatorQuad/{{z}}/{{x}}/{{y}}.png", longitude, latitude, 14)
        assert (refused.value.code, b"complex" in refused.value.read()) == (400, True)
    finally:
        server.stop()
