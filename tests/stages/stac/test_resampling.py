"""What addresses say of resampling is what tiles are, of COGs in UTM: compared with GDAL's own warp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.warp import reproject

from rastercollection.testing.sample_rasters import write_sample_cog
from tile_scenes import TMS, fetch_tile, terrain

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

UTM, BOUNDS = "EPSG:32642", (500_000.0, 4_540_000.0, 525_600.0, 4_565_600.0)
PLACE = (69.13, 41.12)


def _cogs(folder: Path, dtype: str, nodata: float | None, **facts: Any) -> list[Any]:
    down, across = np.mgrid[0:256, 0:256]
    pixels = (np.sin(across * 0.9) * np.cos(down * 0.8) * 1000 + 1100).astype(dtype)[None]
    return [write_sample_cog(folder, f"utm-{dtype}", pixels, BOUNDS, crs=UTM, nodata=nodata, **facts)]


def _grey(cog: Any, kernel: Resampling, zoom: int, low: float, high: float) -> np.ndarray:
    """The map tile around a place, as GDAL warps it, from black to white."""
    bounds = TMS.xy_bounds(TMS.tile(*PLACE, zoom))
    transform = rasterio.transform.from_bounds(*bounds, 256, 256)
    values = np.zeros((256, 256))
    with rasterio.open(cog.file.href) as dataset:
        place = {"dst_transform": transform, "dst_crs": "EPSG:3857"}
        reproject(rasterio.band(dataset, 1), values, **place, resampling=kernel, tolerance=0)
    return np.clip((values - low) / (high - low), 0, 1) * 255


@pytest.mark.parametrize(("dtype", "nodata"), [("float32", float("nan")), ("int16", -9999), ("uint16", None)])
def test_mosaic_tiles_are_bilinear(publish: Any, tile_server: str, tmp_path: Path, dtype: str, nodata: Any) -> None:
    (cog,) = cogs = _cogs(tmp_path, dtype, nodata)
    done = publish(cogs, titiler_url=tile_server)
    _is_bilinear(done.entry.urls["tiles"], cog, done)


@pytest.mark.parametrize(("dtype", "nodata"), [("float32", float("nan")), ("int16", None)])
def test_pgstac_tiles_are_bilinear(serve: Any, tmp_path: Path, dtype: str, nodata: Any) -> None:
    (cog,) = cogs = _cogs(tmp_path, dtype, nodata)
    done = serve(f"utm-{dtype}", cogs=cogs)
    _is_bilinear(done.entry.urls["tiles"], cog, done)


def _is_bilinear(tiles: str, cog: Any, done: Any) -> None:
    zoom = done.mosaic.maxzoom + 2
    shown = fetch_tile(tiles, *PLACE, zoom)
    done.cogs = [cog]
    ((low, high),) = done.renders["visual"]["rescale"]
    bilinear, nearest = (_grey(cog, kernel, zoom, low, high) for kernel in (Resampling.bilinear, Resampling.nearest))
    assert (shown[3] == 255).all()
    assert np.abs(shown[0] - bilinear).mean() < 0.25 * np.abs(shown[0] - nearest).mean()


def test_floats_whose_invalid_pixels_nothing_marks_are_there(publish: Any, tile_server: str, tmp_path: Path) -> None:
    cogs = _cogs(tmp_path, "float32", None)
    done = publish(cogs, titiler_url=tile_server)
    assert done.entry.ready_for_titiler, done.entry.ready_reason
    for zoom in (done.mosaic.minzoom, done.mosaic.maxzoom):
        shown = fetch_tile(done.entry.urls["tiles"], *PLACE, zoom)
        assert len(np.unique(shown[0][shown[3] == 255])) > 20


def test_classes_stay_what_they_are(publish: Any, tile_server: str, tmp_path: Path) -> None:
    pixels = (terrain(2) * 7).astype("uint8")[None]
    cogs = [write_sample_cog(tmp_path, "classes", pixels, BOUNDS, crs=UTM, raster_type="categorical")]
    done = publish(cogs, titiler_url=tile_server)
    done.cogs = cogs
    colors = {tuple(color) for color in done.renders["visual"]["colormap"].values()}
    shown = fetch_tile(done.entry.urls["tiles"], *PLACE, done.mosaic.maxzoom + 2)
    assert {tuple(color) for color in np.unique(shown[:, shown[3] > 0], axis=1).T.tolist()} <= colors
