"""Stage 3: the MosaicJSON that it writes, read by cogeo-mosaic and rio-tiler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import morecantile
import numpy as np
import pytest
import rasterio
from cogeo_mosaic.backends import MosaicBackend
from rio_tiler.io import Reader

from mosaic_scenes import TMS, assets_at
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task
from rastercollection.core.records import from_dict
from rastercollection.errors import TaskError
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Mosaic
from rastercollection.mosaics.assets import every_asset
from rastercollection.mosaics.mosaicjson import cogs_per_tile
from rastercollection.stages.mosaic import create_mosaicjson
from rastercollection.testing.sample_rasters import write_sample_cog
from rastercollection.testing.sample_records import (
    fan_in_parameters,
    sample_cog,
    sample_grid,
    sample_results,
)


def _context(cogs: list[Cog], results: Any = None) -> TaskContext:
    return TaskContext(
        job_id="job",
        task=Task(id="t", stage=3, task_type="create_mosaicjson", handler="a:b"),
        resources={"storage": FsspecStorage()},
        inputs={"create_cogs": sample_results(cogs) if results is None else results},
    )


def _make(cogs: list[Cog], folder: Path, **job: Any) -> tuple[Mosaic, dict[str, Any], TaskContext]:
    """The result, the document on disk, and the context with its notices."""
    context = _context(cogs)
    parameters = fan_in_parameters(mosaicjson_container=str(folder), **job)
    mosaic = from_dict(Mosaic, create_mosaicjson(parameters, context))
    return mosaic, json.loads(Path(mosaic.url).read_text()), context


def test_the_document_is_read_by_cogeo_mosaic(tmp_path: Path) -> None:
    cogs = sample_grid(9)
    mosaic, document, context = _make(cogs, tmp_path / "mosaics", output_folder="2019/july", collection_id="scene")
    assert mosaic.url == str(tmp_path / "mosaics" / "2019" / "july" / "scene.json")
    assert (mosaic.tile_count, mosaic.quadkeys) == (9, len(document["tiles"]))
    assert mosaic.outputs[0].size == Path(mosaic.url).stat().st_size
    assert context.notices == []
    with MosaicBackend(mosaic.url) as backend:
        assert backend.mosaic_def.name == "scene"
        assert (backend.minzoom, backend.maxzoom) == (mosaic.minzoom, mosaic.maxzoom)
        assert tuple(backend.bounds) == mosaic.bounds
        for cog in cogs:
            west, south, east, north = cog.file.bounds_4326
            assert cog.file.href in backend.assets_for_point((west + east) / 2, (south + north) / 2)
        seen = {
            asset for tile in TMS.tiles(*mosaic.bounds, [mosaic.minzoom]) for asset in backend.assets_for_tile(*tile)
        }
    assert seen == {cog.file.href for cog in cogs}


def test_one_line_is_to_be_changed_where_the_cogs_are_moved(tmp_path: Path) -> None:
    """Readers put the prefix in front of assets, whatever is in their names, and know nothing beside the document."""
    names = ["a b", "50%20off", "x#1", "größe", "sub/c"]
    boxes = [(71.0 + 0.1 * number, 41.0, 71.1 + 0.1 * number, 41.1) for number in range(len(names))]
    old, new = tmp_path / "old", tmp_path / "new & moved"
    cogs = []
    for name, box in zip(names, boxes, strict=True):
        cogs.append(write_sample_cog(old / Path(name).parent, Path(name).name, np.full((1, 64, 64), 7, "uint8"), box))
    mosaic, document, _ = _make(cogs, old)
    assert document["asset_prefix"] == f"{old}/"
    old.rename(new)
    place = new / Path(mosaic.url).name
    place.write_text(place.read_text().replace(f'"asset_prefix":"{old}/"', f'"asset_prefix":"{new}/"'))
    with MosaicBackend(str(place)) as backend:
        for name, (west, south, *_) in zip(names, boxes, strict=True):
            ((asset, value),) = backend.point(west + 0.05, south + 0.05)
            assert (Path(asset).stem, value.array.tolist()) == (Path(name).name, [7])


def test_the_newest_is_on_top_whatever_the_order_of_the_request(tmp_path: Path) -> None:
    order = ["mole", "zebra", "bee", "ant"]
    cogs = [sample_cog(name, datetime=f"201{9 if name == 'mole' else 8}-07-01T00:00:00Z") for name in sorted(order)]
    results = sample_results(cogs)
    context = _context([], list(reversed(results)))
    made = create_mosaicjson(fan_in_parameters(mosaicjson_container=str(tmp_path)), context)
    document = json.loads(Path(made["url"]).read_text())
    assert {tuple(Path(asset).stem for asset in assets) for assets in document["tiles"].values()} == {tuple(order)}


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    first, _, _ = _make(sample_grid(20), tmp_path / "a")
    second, _, _ = _make(sample_grid(20), tmp_path / "b")
    assert Path(first.url).read_bytes() == Path(second.url).read_bytes()


def test_zooms_follow_the_data_unless_told_otherwise(tmp_path: Path) -> None:
    cogs = [sample_cog("fine", minzoom=14, maxzoom=18), sample_cog("coarse", minzoom=11, maxzoom=13)]
    mosaic, _, _ = _make(cogs, tmp_path)
    assert (mosaic.minzoom, mosaic.maxzoom) == (11, 18)
    mosaic, _, _ = _make(cogs, tmp_path, maxzoom=16)
    assert (mosaic.minzoom, mosaic.maxzoom) == (11, 16)
    mosaic, _, _ = _make(cogs, tmp_path, maxzoom=0)
    assert (mosaic.minzoom, mosaic.maxzoom, mosaic.quadkey_zoom) == (0, 0, 0)
    with MosaicBackend(mosaic.url) as backend:
        assert len(backend.assets_for_tile(0, 0, 0)) == 2


def test_across_the_antimeridian(tmp_path: Path) -> None:
    cogs = [sample_cog("fiji", (179.0, -18.0, -179.0, -16.0)), sample_cog("east", (-179.0, -18.0, -178.0, -16.0))]
    mosaic, document, _ = _make(cogs, tmp_path)
    assert mosaic.bounds == (-180.0, -18.0, 180.0, -16.0), "clients take west to be the smaller"
    assert mosaic.center[:2] == (-179.5, -17.0)
    for longitude in (179.5, 179.99, -179.99, -179.5):
        assert assets_at(document, longitude, -17.0)[0] == cogs[0].file.href
    assert all(len(assets) == len(set(assets)) for assets in document["tiles"].values())
    assert cogs[0].file.href not in assets_at(document, 0.0, -17.0)


def test_what_no_web_map_shows_is_reported_not_lost(tmp_path: Path) -> None:
    polar = sample_cog("polar", (10.0, 86.0, 20.0, 90.0))
    mosaic, document, context = _make([polar, sample_cog("norway", (10.0, 60.0, 11.0, 61.0))], tmp_path)
    assert mosaic.tile_count == 1
    assert [(notice.code, "polar.tif" in notice.message) for notice in context.notices] == [
        ("MOSAIC_TILE_OMITTED", True)
    ]
    assert mosaic.bounds == (10.0, 60.0, 11.0, 61.0)
    assert polar.file.href not in every_asset(document)
    with pytest.raises(TaskError, match="create_mosaicjson=False") as error:
        _make([polar], tmp_path / "none")
    assert error.value.code == "MOSAIC_EMPTY"
    assert not (tmp_path / "none").exists()


@pytest.fixture
def scene(tmp_path: Path) -> tuple[np.ndarray, morecantile.Tile]:
    """Noise of 2 × 2 map tiles at zoom 13, and the upper left tile."""
    return np.random.default_rng(7).integers(1, 60_000, (2, 512, 512), dtype=np.uint16), morecantile.Tile(
        5714, 3062, 13
    )


def _part(scene: np.ndarray, bounds: Bounds, rows: slice, columns: slice) -> tuple[np.ndarray, Bounds]:
    west, south, east, north = bounds
    x, y = (east - west) / scene.shape[2], (north - south) / scene.shape[1]
    box = (west + columns.start * x, north - rows.stop * y, west + columns.stop * x, north - rows.start * y)
    return scene[:, rows, columns], box


def test_tiles_across_a_seam_are_those_of_the_source(tmp_path: Path, scene: Any) -> None:
    pixels, corner = scene
    upper, lower = TMS.xy_bounds(corner), TMS.xy_bounds(morecantile.Tile(corner.x + 1, corner.y + 1, 13))
    whole: Bounds = (upper.left, lower.bottom, lower.right, upper.top)
    cuts = [(slice(0, 300), slice(0, 200)), (slice(0, 300), slice(170, 512)), (slice(290, 512), slice(0, 512))]
    cogs = [
        write_sample_cog(tmp_path / "cogs", f"part {number}", *_part(pixels, whole, *cut), crs="EPSG:3857", nodata=0)
        for number, cut in enumerate(cuts)
    ]
    mosaic, _, _ = _make(cogs, tmp_path / "cogs")
    with MosaicBackend(mosaic.url) as backend:
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            image, used = backend.tile(corner.x + x, corner.y + y, 13)
            assert (image.data == pixels[:, y * 256 : y * 256 + 256, x * 256 : x * 256 + 256]).all()
            assert image.mask.all()
            assert len(used) >= 1


def test_tiles_across_a_seam_in_geographic_coordinates(tmp_path: Path, scene: Any) -> None:
    pixels, _ = scene
    whole: Bounds = (71.0, 41.0, 71.08, 41.06)
    uncut = write_sample_cog(tmp_path / "source", "uncut", pixels, whole, nodata=0)
    cuts = [(slice(0, 512), slice(0, 256)), (slice(0, 512), slice(256, 512))]
    cogs = [
        write_sample_cog(tmp_path / "cogs", f"half-{number}", *_part(pixels, whole, *cut), nodata=0)
        for number, cut in enumerate(cuts)
    ]
    mosaic, _, _ = _make(cogs, tmp_path / "cogs")
    middle = TMS.tile(71.04, 41.03, mosaic.maxzoom)
    with MosaicBackend(mosaic.url) as backend, Reader(uncut.file.href) as source:
        image, used = backend.tile(*middle)
        expected = source.tile(*middle)
        assert len(used) == 2
        assert (image.data == expected.data).all()
        assert (image.mask == expected.mask).all()
        values = [point.data for _, point in backend.point(71.0399, 41.03)]
        assert (values[0] == source.point(71.0399, 41.03).data).all()


def test_no_raster_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    real = rasterio.open
    monkeypatch.setattr(rasterio, "open", lambda *args, **options: opened.append(args) or real(*args, **options))
    cogs = sample_grid(4, container=str(tmp_path / "nothing is here"))
    mosaic, _, _ = _make(cogs, tmp_path)
    assert mosaic.tile_count == 4
    assert opened == []


@pytest.mark.parametrize("count", [1, 30, 200])
def test_it_is_told_how_many_cogs_a_tile_opens(count: int, tmp_path: Path) -> None:
    """As many as cogeo-mosaic would open, whichever tile of a zoom is asked for."""
    mosaic, document, _ = _make(sample_grid(count), tmp_path)
    assert list(mosaic.cogs_per_tile) == [str(zoom) for zoom in range(mosaic.minzoom, mosaic.maxzoom + 1)]
    opened = cogs_per_tile(document)
    assert {str(zoom): opened[zoom] for zoom in range(mosaic.minzoom, mosaic.maxzoom + 1)} == mosaic.cogs_per_tile
    with MosaicBackend(mosaic.url) as backend:
        for zoom in range(mosaic.minzoom - 4, mosaic.maxzoom + 1):
            tiles = TMS.tiles(*document["bounds"], zooms=[zoom])
            assert opened[zoom] == max(len(backend.assets_for_tile(*tile)) for tile in tiles)
    assert opened[0] == count
