"""Overlapping tiles of different values: mosaic, search, collection and pages show the same on top."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from cogeo_mosaic.backends import MosaicBackend
from rasterio.io import MemoryFile

from rastercollection.stac.tile_servers import PROFILES, build_urls
from rastercollection.testing.sample_rasters import write_sample_cog
from tile_scenes import TMS, get

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

UNKNOWN = {"datetime": None, "datetime_source": "unknown"}
TIES = [("b", 10, {}), ("a", 20, {}), ("B-2", 30, {}), ("b_1", 40, {}), ("ä", 50, {})]
TIMES = [
    ("first", 60, {"datetime": "2019-01-01T00:00:00Z"}),
    ("span", 70, {"datetime": None, "start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2030-01-01T00:00:00Z"}),
    ("last", 80, {"datetime": "2021-06-01T00:00:00.25Z"}),
    ("none", 90, UNKNOWN),
    ("open", 100, {"datetime": None, "end_datetime": "2031-01-01T00:00:00Z"}),
    ("middle", 110, {"datetime": "2020-06-01T00:00:00Z"}),
]


def _cogs(folder: Path, tiles: list[tuple[str, int, dict[str, Any]]]) -> list[Any]:
    """Tiles of one value each, every one a little to the east of the one before."""
    made = []
    for number, (name, value, times) in enumerate(tiles):
        bounds = (71.0 + 0.01 * number, 41.0, 71.05 + 0.01 * number, 41.05)
        cog = write_sample_cog(folder, name, np.full((1, 256, 256), value, "uint8"), bounds, raster_type="unknown")
        made.append(attrs.evolve(cog, **times))
    return made


def _means(tiles: str, zoom: int, bounds: tuple[float, ...]) -> list[float]:
    """The mean of every map tile, as a tile server has it."""
    means = []
    for tile in TMS.tiles(*bounds, [zoom]):
        path = tiles.replace("{z}", str(zoom)).replace("{x}", str(tile.x)).replace("{y}.png", f"{tile.y}.tif")
        with MemoryFile(get(re.sub("&rescale=[^&]*", "", path))) as memory, memory.open() as picture:
            means.append(float(picture.read(1, masked=True).mean()))
    return means


def _assert_alike(done: Any, server: tuple[str, int]) -> None:
    zoom = done.mosaic.maxzoom + 1
    collection = {"collection": done.collection_id}
    visual = done.catalog.collection(done.collection_id)["renders"]["visual"]
    urls = build_urls(server[0], collection, visual, PROFILES[f"titiler-pgstac-{server[1]}"])
    with MosaicBackend(done.mosaic.url) as mosaic:
        expected = [float(mosaic.tile(*tile)[0].array.mean()) for tile in TMS.tiles(*done.mosaic.bounds, [zoom])]
    assert len(set(expected)) > 3
    assert _means(done.entry.urls["tiles"], zoom, done.mosaic.bounds) == pytest.approx(expected)
    assert _means(urls["tiles"], zoom, done.mosaic.bounds) == pytest.approx(expected)


@pytest.mark.parametrize("tiles", [TIES, TIMES], ids=["ties", "times"])
def test_mosaic_search_and_collection_show_the_same(
    serve: Any, titiler_pgstac: tuple[str, int], tmp_path: Path, tiles: Any
) -> None:
    done = serve("order", cogs=_cogs(tmp_path, tiles))
    _assert_alike(done, titiler_pgstac)


def test_so_they_do_when_another_job_has_added_tiles(
    serve: Any, titiler_pgstac: tuple[str, int], tmp_path: Path
) -> None:
    cogs = _cogs(tmp_path, [*TIES, *TIMES])
    first = serve("order", cogs=cogs[::2])
    second = serve("order", cogs=cogs[1::2], collection_id=first.collection_id)
    assert second.mosaic.tile_count == len(cogs)
    second.collection_id = first.collection_id
    _assert_alike(second, titiler_pgstac)


def test_the_page_draws_them_in_that_order_and_lists_them_by_name(publish: Any, tmp_path: Path) -> None:
    page = publish(_cogs(tmp_path, TIMES)).page
    names = re.findall(r'<td class="name"[^>]*><b>(?:<a[^>]*>)?([^<]*)', page)
    assert names == ["first", "last", "middle", "none", "open", "span"]
    drawn = re.findall(r"<title>\d+\. ([^<]*)</title>", page)
    assert drawn == ["last", "middle", "span", "first", "open", "none"][::-1]
