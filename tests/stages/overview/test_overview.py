"""The overview of a collection against pictures at full resolution, the mosaic itself, and damaged tiles."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio
from cogeo_mosaic.backends import MosaicBackend
from morecantile import tms as matrix_sets
from rasterio.enums import Resampling
from rio_cogeo import cog_validate
from rio_tiler.io import Reader

from overview_scenes import (
    LEVELS,
    STEP,
    TILE,
    UTM,
    Scene,
    gaps,
    inland,
    make_scene,
    overview_of,
    side,
    waves,
)
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import PermissionDeniedError, TileError
from rastercollection.geo.webmercator import HALF_WORLD
from rastercollection.model.band import BandRole
from rastercollection.model.cog import Cog, CogSettings
from rastercollection.model.drawing_order import on_top_first
from rastercollection.mosaics.low_zooms import LowZooms
from rastercollection.mosaics.mosaicjson import build_mosaic
from rastercollection.ports.storage import GdalSource
from rastercollection.rasters.cost import Load, predict
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.stages import publishing
from rastercollection.stages.overview import task
from rastercollection.stages.overview.form import find_form
from rastercollection.stages.overview.making import overview_grid
from rastercollection.testing.sample_rasters import write_sample_cog
from rastercollection.testing.sample_records import sample_cog, sample_request

TMS = matrix_sets.get("WebMercatorQuad")
SIDE = side(4)
CLASSES = {0: (0, 0, 0, 255), 3: (200, 30, 30, 255), 7: (30, 200, 30, 255), 9: (30, 30, 200, 255)}
COLORS = ("red", "green", "blue")


def settings_of(compression: str = "DEFLATE", resampling: str = "average", quality: int | None = None) -> CogSettings:
    return CogSettings(
        tier="analysis",
        storage_class="hot",
        compression=compression,
        level=6 if compression == "DEFLATE" else None,
        quality=quality,
        overview_resampling=resampling,
        warp_resampling="cubic",
    )


def scene_of(kind: str, folder: Path) -> Scene:
    """A collection of 4 × 4 tiles of one kind, most of them with gaps."""
    valid = gaps(SIDE, SIDE)
    one, three, four = (waves(bands, SIDE, SIDE) for bands in (1, 3, 4))
    match kind:
        case "rgb":
            return make_scene(folder, three.astype("uint8"), colors=COLORS, settings=settings_of(resampling="cubic"))
        case "rgb with mask":
            return make_scene(folder, three.astype("uint8"), valid=valid, masked=True, colors=COLORS)
        case "jpeg":
            jpeg = settings_of("JPEG", "cubic", 90)
            return make_scene(folder, three.astype("uint8"), valid=valid, masked=True, colors=COLORS, settings=jpeg)
        case "rgba":
            alpha = np.where(valid, 255, 0)[np.newaxis]
            pixels = np.concatenate([np.where(valid, three, 0), alpha]).astype("uint8")
            return make_scene(folder, pixels, valid=valid, colors=(*COLORS, "alpha"))
        case "uint16":
            pixels = np.where(valid, four * 250, 0).astype("uint16")
            return make_scene(folder, pixels, valid=valid, nodata=0, raster_type="nir")
        case "int16 dem":
            pixels = np.where(valid, one * 40 - 4000, -32768).astype("int16")
            return make_scene(folder, pixels, valid=valid, nodata=-32768, raster_type="dem")
        case "float dem":
            pixels = np.where(valid, one * 12.5, -9999).astype("float32")
            return make_scene(folder, pixels, valid=valid, nodata=-9999, raster_type="dem")
        case "nan":
            pixels = np.where(valid, one, np.nan).astype("float32")
            return make_scene(folder, pixels, valid=valid, nodata=np.nan, raster_type="dem")
        case "float without nodata":
            return make_scene(folder, one.astype("float32"), raster_type="dem")
    raise ValueError(kind)


def test_tiles_that_do_not_say_which_band_is_red_are_taken_for_most_of_those_that_do(tmp_path: Path) -> None:
    levels = np.array([30, 90, 200], "uint8")[:, None, None]
    pixels = np.broadcast_to(levels, (3, SIDE, SIDE))
    scene = make_scene(tmp_path / "cogs", pixels, colors=("gray", "undefined", "undefined"))
    names = ("blue", "green", "red")

    def named(cog: Cog, names: tuple[str, ...]) -> Cog:
        bands = zip(cog.file.bands, names, strict=True)
        roles = (attrs.evolve(band, role=BandRole(common_name=name, source="parameter")) for band, name in bands)
        return attrs.evolve(cog, file=attrs.evolve(cog.file, bands=tuple(roles)))

    other = [named(cog, names[::-1]) for cog in scene.cogs[2:4]]
    made = overview_of([*scene.cogs[:2], *other, *(named(cog, names) for cog in scene.cogs[4:])], tmp_path)
    assert made.overview.tile_count == len(scene.cogs) - len(other)
    image = made.image
    assert tuple(band.role.common_name for band in image.bands) == names
    assert image.thumbnail is not None
    with rasterio.open(image.thumbnail) as picture:
        middle = picture.read()[:, picture.height // 2, picture.width // 2]
    assert middle.tolist() == [200, 90, 30, 255]


KINDS = {
    "rgb": "mask",
    "rgb with mask": "mask",
    "jpeg": "mask",
    "rgba": "alpha",
    "uint16": "nodata",
    "int16 dem": "nodata",
    "float dem": "nodata",
    "nan": "nodata",
    "float without nodata": "nodata",
}


@pytest.mark.parametrize(("kind", "validity"), KINDS.items(), ids=list(KINDS))
def test_it_shows_what_the_tiles_show(kind: str, validity: str, tmp_path: Path) -> None:
    scene = scene_of(kind, tmp_path / "cogs")
    made = overview_of(scene.cogs, tmp_path)
    image, (pixels, masks) = made.image, made.read()
    assert cog_validate(image.href, strict=True, quiet=True) == (True, [], [])
    assert made.notices == []
    truth = scene.seen_by(image)
    there = ~np.isnan(truth[0])
    sure = inland(there)
    assert 0.6 < there.mean() < 1
    data_bands = [band for band, facts in enumerate(image.bands) if facts.color_interpretation != "alpha"]
    for band in data_bands:
        assert (masks[band] == there)[sure].all()
        off = np.abs(pixels[band].astype("float64") - truth[band])[sure & there]
        spread = np.nanmax(truth[band]) - np.nanmin(truth[band])
        # no seams: the largest error is small, too
        assert off.mean() < 0.006 * spread
        assert off.max() < (0.12 if kind == "jpeg" else 0.03) * spread
    first = scene.cogs[0]
    with rasterio.open(first.file.href) as tile, rasterio.open(image.href) as dataset:
        assert (dataset.dtypes, dataset.colorinterp) == (tile.dtypes, tile.colorinterp)
    assert image.validity == validity
    nodata = np.nan if kind == "float without nodata" else first.file.bands[0].nodata
    np.testing.assert_equal(image.bands[0].nodata, nodata)
    assert image.thumbnail is not None
    with rasterio.open(image.thumbnail) as thumbnail:
        assert max(thumbnail.shape) < 600
        assert 0.4 < (thumbnail.read(4) > 0).mean() < 1
    assert image.bands[0].statistics is not None
    assert image.bands[0].statistics.count == masks[0].sum()


@pytest.mark.parametrize("resampling", ["nearest", "mode"])
@pytest.mark.parametrize("table", [CLASSES, None], ids=["colour table", "no table"])
def test_classes_stay_classes(resampling: str, table: Any, tmp_path: Path) -> None:
    field = waves(1, SIDE, SIDE)
    pixels = np.select([field < 80, field < 120, field < 170], [3, 7, 9], 0).astype("uint8")
    scene = make_scene(
        tmp_path / "cogs",
        pixels,
        color_table=table,
        colors=("palette",) if table else ("gray",),
        raster_type="categorical",
        settings=settings_of(resampling=resampling),
    )
    made = overview_of(scene.cogs, tmp_path)
    data, masks = made.read()
    assert set(np.unique(data[masks])) <= {0, 3, 7, 9}
    truth = scene.seen_by(made.image, Resampling.mode)[0]
    there = ~np.isnan(truth)
    assert (data[0][there & masks[0]] == truth[there & masks[0]]).mean() > 0.95
    if table:
        with rasterio.open(made.image.href) as dataset:
            assert {value: dataset.colormap(1)[value] for value in table} == table
        assert made.image.color_table is not None
        assert made.image.color_table["7"] == (30, 200, 30, 255)


@pytest.mark.parametrize("settings_known", [True, False], ids=["this job's", "published before"])
@pytest.mark.parametrize("odd", ["categorical", "unknown"])
def test_tiles_of_another_type_are_drawn_with_the_others_and_keep_their_values(
    odd: str, settings_known: bool, tmp_path: Path
) -> None:
    """One tile was taken for classes, or its values were kept; its bands are those of the others."""
    pixels = np.where(waves(1, SIDE, SIDE) < 120, 1, 201).astype("uint8")
    kept = settings_of(resampling="nearest")
    scene = make_scene(tmp_path / "cogs", pixels, raster_type="dem", settings=kept)
    averaged = attrs.evolve(kept, overview_resampling="average")
    nothing = attrs.evolve(kept, compression="", overview_resampling="", warp_resampling="")
    first, *others = (attrs.evolve(cog, file=attrs.evolve(cog.file, settings=averaged)) for cog in scene.cogs)
    file = attrs.evolve(first.file, raster_type=odd, settings=kept if settings_known else nothing)
    cogs = [*others, attrs.evolve(first, file=file)]
    made = overview_of(cogs, tmp_path)
    assert made.notices == []
    assert made.overview.tile_count == len(cogs)
    data, masks = made.read()
    assert set(np.unique(data[masks])) == {1, 201}
    assert made.image.raster_type == "dem"


def test_64_bit_classes_stay_exact(tmp_path: Path) -> None:
    large = 2**60 + 1
    pixels = np.where(waves(1, SIDE, SIDE) < 120, large, large + 2).astype("int64")
    nearest = settings_of(resampling="nearest")
    scene = make_scene(tmp_path / "cogs", pixels, raster_type="categorical", settings=nearest)
    data, masks = overview_of(scene.cogs, tmp_path).read()
    assert set(np.unique(data[masks])) == {large, large + 2}


def test_no_pixel_of_full_resolution_is_read(tmp_path: Path) -> None:
    scene = scene_of("rgb", tmp_path / "cogs")
    pristine = overview_of(scene.cogs, tmp_path / "one")
    for cog in scene.cogs:
        with rasterio.open(cog.file.href) as dataset:
            first = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1))
            smaller = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1, 0))
        assert smaller < first
        with open(cog.file.href, "r+b") as file:
            file.seek(first)
            file.write(os.urandom(cog.file.size - first))
        with pytest.raises(rasterio.errors.RasterioIOError), rasterio.open(cog.file.href) as damaged:
            damaged.read()
    spoiled = overview_of(scene.cogs, tmp_path / "two")
    assert spoiled.image.checksum == pristine.image.checksum
    assert 0 < spoiled.overview.pixels_read < sum(cog.file.shape[0] * cog.file.shape[1] for cog in scene.cogs) / 3


def test_of_tiles_without_overviews_the_images_are_read(tmp_path: Path) -> None:
    """They are no larger than a block, then."""
    pixels = waves(1, 1200, 1200).astype("uint8")
    cogs = []
    for top in range(0, 1200, 200):
        for left in range(0, 1200, 200):
            west, north = 500_000 + left * 10, 4_500_000 - top * 10
            part = pixels[:, top : top + 200, left : left + 200]
            bounds = (west, north - 2000, west + 2000, north)
            cogs.append(
                write_sample_cog(
                    tmp_path, f"t{top}-{left}", part, bounds, crs=UTM, overview_levels=(), raster_type="dem"
                )
            )
    made = overview_of(cogs, tmp_path)
    truth = Scene(pixels=pixels, valid=np.ones((1200, 1200), bool), cogs=cogs).seen_by(made.image)[0]
    data, masks = made.read()
    there = ~np.isnan(truth)
    assert np.abs(data[0] - truth)[there & masks[0]].max() < 3


def test_it_lies_on_the_pixels_of_web_mercator_tiles(tmp_path: Path) -> None:
    """So that a tile of its zoom is cut out of it as it is, and coarser tiles out of its overviews."""
    small_blocks = attrs.evolve(settings_of(), block_size=128)
    scene = make_scene(tmp_path / "cogs", waves(1, SIDE, SIDE).astype("float32"), settings=small_blocks)
    image = overview_of(scene.cogs, tmp_path).image
    west, south, east, north = scene.cogs[5].file.bounds_4326
    with Reader(image.href) as reader, rasterio.open(image.href) as dataset:
        assert (reader.minzoom, reader.maxzoom)[1] == image.maxzoom
        tile = TMS.tile((west + east) / 2, (south + north) / 2, image.maxzoom)
        cut = reader.tile(tile.x, tile.y, tile.z)
        bounds = TMS.xy_bounds(tile)
        column, row = ~dataset.transform * (bounds.left, bounds.top)
        assert (column, row) == pytest.approx((round(column), round(row)), abs=1e-6)
        window = rasterio.windows.Window(round(column), round(row), 256, 256)
        own = dataset.read(1, window=window, masked=True, boundless=True)
        np.testing.assert_array_equal(own.filled(-1), cut.array[0].filled(-1))
        assert dataset.overviews(1)
        for level in range(len(dataset.overviews(1))):
            with rasterio.open(image.href, OVERVIEW_LEVEL=level) as overview:
                assert overview.transform.a == pytest.approx(dataset.transform.a * 2 ** (level + 1), rel=1e-12)


def test_it_agrees_with_the_mosaic_that_it_stands_for(tmp_path: Path) -> None:
    scene = scene_of("uint16", tmp_path / "cogs")
    image = overview_of(scene.cogs, tmp_path).image
    document, _ = build_mosaic(scene.cogs, sample_request())
    path = tmp_path / "mosaic.json"
    path.write_text(json.dumps(document))
    zoom = image.maxzoom
    compared = 0
    with MosaicBackend(str(path)) as mosaic, Reader(image.href) as overview:
        for tile in TMS.tiles(*document["bounds"], zooms=[zoom, zoom - 1]):
            slow, used = mosaic.tile(tile.x, tile.y, tile.z)
            fast = overview.tile(tile.x, tile.y, tile.z)
            one, other = (~np.ma.getmaskarray(each.array)[0] for each in (slow, fast))
            sure = inland(one, 3)
            assert (one == other)[sure].all()
            off = np.abs(slow.array.data.astype(float) - fast.array.data.astype(float))[:, sure & one]
            assert not off.size or off.mean() < 0.01 * 60_000
            compared += off.size
            assert len(used) <= len(scene.cogs)
    assert compared > 100_000


def test_what_is_on_top_in_the_mosaic_is_on_top(tmp_path: Path) -> None:
    """Of overlapping tiles the newest, and below its gaps the next."""
    cogs, count = [], 4
    for number in range(count * count):
        row, column = divmod(number, count)
        west, north = 500_000 + column * 3200, 4_500_000 - row * 3200
        pixels = np.full((1, 640, 640), number + 1, "int16")
        pixels[:, :100, 500:] = -1
        bounds = (west, north - 6400, west + 6400, north)
        cogs.append(
            write_sample_cog(tmp_path, f"t{number}", pixels, bounds, crs=UTM, nodata=-1, overview_levels=LEVELS)
        )
    for name, order in (("forward", cogs), ("backward", cogs[::-1])):
        dated = [attrs.evolve(cog, datetime=f"2019-07-{30 - day}T00:00:00Z") for day, cog in enumerate(order)]
        made = overview_of(dated[::-1], tmp_path)
        document, _ = build_mosaic(on_top_first(dated), sample_request())
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(document))
        with MosaicBackend(str(path)) as mosaic, Reader(made.image.href) as overview:
            for x in np.linspace(500_500, 515_500, 12):
                for y in np.linspace(4_484_500, 4_499_500, 12):
                    place = rasterio.warp.transform(UTM, "EPSG:4326", [x], [y])
                    longitude, latitude = place[0][0], place[1][0]
                    if _is_near_an_edge(x - 500_000, 4_500_000 - y):
                        continue
                    answers = mosaic.point(longitude, latitude)
                    wanted = next(
                        (data.array.data[0] for _, data in answers if not np.ma.getmaskarray(data.array)[0]), None
                    )
                    found = overview.point(longitude, latitude)
                    if wanted is None:
                        assert np.ma.getmaskarray(found.array)[0]
                    else:
                        assert found.array[0] == wanted


def _is_near_an_edge(x: float, y: float) -> bool:
    return any(
        min(at % 3200, 3200 - at % 3200) < 150 or min((at - 1000) % 3200, 3200 - (at - 1000) % 3200) < 150
        for at in (x, y)
    ) or (min((x - 5000) % 3200, 3200 - (x - 5000) % 3200) < 150)


@pytest.mark.parametrize("count", [1, 4])
def test_a_few_tiles_need_none(count: int, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "cogs", waves(1, side(2), side(2)).astype("uint8"), step=STEP)
    made = overview_of(scene.cogs[:count], tmp_path / "out")
    assert made.overview.image is None
    assert made.overview.outputs == ()
    assert made.overview.reason == "no tile opens more than 4 COGs at any zoom"
    assert not list(tmp_path.glob("out/*.tif"))


def test_other_types_and_other_ways_to_tell_invalid_pixels_are_drawn_with_the_others(tmp_path: Path) -> None:
    """A tile of 16 bits, whose nodata is a value of the others, and one with alpha, among tiles with a mask."""
    scene = scene_of("rgb with mask", tmp_path / "cogs")
    cogs = list(scene.cogs)
    for place, kind in ((5, "alpha"), (6, "wide"), (9, "nodata")):
        top, left = place // 4 * STEP, place % 4 * STEP
        part = np.s_[top : top + TILE, left : left + TILE]
        pixels, valid = scene.pixels[:, *part], scene.valid[part]
        facts: dict[str, Any] = {"colors": COLORS}
        if kind == "alpha":
            pixels = np.concatenate([pixels, np.where(valid, 255, 0).astype("uint8")[None]])
            facts = {"colors": (*COLORS, "alpha"), "validity": "alpha"}
        elif kind == "wide":
            pixels, facts = np.where(valid, pixels.astype("uint16"), 65535), {**facts, "nodata": 65535}
        else:
            pixels, facts = np.where(valid, pixels, 255).astype("uint8"), {**facts, "nodata": 255}
        bounds = cogs[place].file.bounds
        cogs[place] = write_sample_cog(
            tmp_path / kind, f"{kind}-{place}", pixels, bounds, crs=UTM, overview_levels=LEVELS, **facts
        )
    made = overview_of(cogs, tmp_path)
    assert made.overview.tile_count == 16
    (pixels, masks), truth = made.read(), scene.seen_by(made.image)
    assert (len(pixels), pixels.dtype, made.image.validity) == (3, np.uint16, "nodata")
    there = ~np.isnan(truth[0])
    sure = inland(there)
    assert (masks[0] == there)[sure].all()
    assert np.abs(pixels.astype("float64") - truth)[:, sure & there].max() < 0.03 * 240


def test_tiles_that_cannot_be_combined_with_most_are_left_out(tmp_path: Path) -> None:
    scene = scene_of("uint16", tmp_path / "cogs")
    odd = write_sample_cog(
        tmp_path / "odd",
        "odd",
        np.ones((1, TILE, TILE), "uint8"),
        scene.cogs[0].file.bounds,
        crs=UTM,
        overview_levels=LEVELS,
    )
    made = overview_of([odd, *scene.cogs], tmp_path)
    assert made.overview.tile_count == 16
    data, masks = made.read()
    assert data[masks].min() > 1


def test_where_every_cog_was_published_before_it_is_lossless() -> None:
    unknown = attrs.evolve(settings_of(), compression="", level=None, overview_resampling="", warp_resampling="")
    form = find_form([sample_cog(f"tile-{number}", settings=unknown) for number in range(5)])
    settings = form.settings
    assert (settings.compression, settings.level, settings.overview_resampling) == ("DEFLATE", "auto", "average")


@pytest.mark.parametrize(("width", "height", "columns"), [(512, 2000, 513), (1024, 900, 1024), (1024, 1100, 1025)])
def test_an_overview_is_as_wide_as_readers_take_to_see_its_blocks(width: int, height: int, columns: int) -> None:
    place = {"left": 0, "top": 0, "width": width, "height": height, "is_torn": False}
    grid = overview_grid(LowZooms(maxzoom=5, wanted=5, bearable=0, most=9, **place), 512)
    assert (grid.width, grid.height) == (columns, height)


def test_space_around_whole_numbers_has_a_value_that_none_of_them_has(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "cogs", (1000 + 10 * waves(1, side(3), side(3))).astype("int16"), step=STEP)
    image = overview_of([cog for number, cog in enumerate(scene.cogs) if number != 4], tmp_path).image
    with rasterio.open(image.href) as overview:
        data, mask = overview.read(1), overview.dataset_mask() > 0
        assert overview.nodata == -32768
        assert (data[~mask] == -32768).all()
        assert data[mask].min() >= 1000
    assert image.validity == "nodata"


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32701"])
def test_on_both_sides_of_the_antimeridian(crs: str, tmp_path: Path) -> None:
    """Tiles lie on either side, and some across it, where their coordinates run on or jump."""
    cogs = []
    for row in range(3):
        for column in range(4):
            value = 10 * (row + 1) + column
            cogs.append(_near_antimeridian(tmp_path, crs, row, column, value))
    made = overview_of(cogs, tmp_path)
    image = made.image
    assert (image.bounds[0], image.bounds[2]) == pytest.approx((-HALF_WORLD, HALF_WORLD))
    assert image.bounds_4326[:3:2] == pytest.approx((179.55, -179.25), abs=0.4), "those of its valid pixels"
    assert image.thumbnail is None
    assert [notice.code for notice in made.notices] == ["THUMBNAIL_SKIPPED"]
    with Reader(image.href) as reader:
        for row in range(3):
            for column in range(4):
                west = 179.55 + 0.3 * column
                longitude, latitude = west + 0.15, -16.15 - 0.3 * row
                longitude -= 360 if longitude > 180 else 0
                assert reader.point(longitude, latitude).array[0] == 10 * (row + 1) + column
        tile = TMS.tile(-179.7, -16.5, image.maxzoom)
        assert reader.tile(tile.x, tile.y, tile.z).mask.any()


def _near_antimeridian(folder: Path, crs: str, row: int, column: int, value: int) -> Any:
    west, north = 179.55 + 0.3 * column, -16.0 - 0.3 * row
    east, south = west + 0.3, north - 0.3
    turned = tuple(x - 360 if x > 180 else x for x in (west, east))
    place = (turned[0], south, turned[1], north)
    bounds: tuple[float, float, float, float] = (west, south, east, north)
    if crs == "EPSG:3857":
        (top, bottom) = rasterio.warp.transform("EPSG:4326", crs, [0, 0], [north, south])[1]
        bounds = (west * 20037508.342789244 / 180, bottom, east * 20037508.342789244 / 180, top)
    elif crs == "EPSG:32701":
        xs, ys = rasterio.warp.transform("EPSG:4326", crs, [*turned, *turned], [north, north, south, south])
        bounds = (min(xs), min(ys), max(xs), max(ys))
    return write_sample_cog(
        folder,
        f"t{row}{column}",
        np.full((1, TILE, TILE), value, "uint8"),
        bounds,
        crs=crs,
        overview_levels=LEVELS,
        bounds_4326=place,
        footprint={},
        minzoom=10,
        maxzoom=12,
    )


@pytest.mark.parametrize("in_memory", [True, False])
def test_it_is_the_same_in_memory_and_on_disk(in_memory: bool, tmp_path: Path) -> None:
    scene = scene_of("rgb with mask", tmp_path / "cogs")
    made = overview_of(scene.cogs, tmp_path / "a", in_memory=in_memory)
    decided = overview_of(scene.cogs, tmp_path / "b", limits=Limits(memory_bytes=10, scratch=str(tmp_path / "scratch")))
    assert made.image.checksum == decided.image.checksum
    assert not list((tmp_path / "scratch").iterdir())


def test_the_disk_that_is_reserved_does_for_the_image_its_encoded_blocks_and_the_cog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int, int]] = []

    @contextlib.contextmanager
    def room_for(load: Load, settings: CogSettings, *given: Any) -> Iterator[Workspace]:
        with publishing.room_for(load, settings, *given) as workspace:
            yield workspace
        found = predict(load, settings)
        seen.append((workspace.usage.most_disk, found.temporary_disk, load.image_bytes, found.most_bytes_out))

    monkeypatch.setattr(task, "room_for", room_for)
    made = overview_of(scene_of("rgb with mask", tmp_path / "cogs").cogs, tmp_path / "a", in_memory=False)
    assert made.image is not None
    ((taken, reserved, image, most),) = seen
    assert image < taken <= reserved
    assert reserved >= image * 4 // 3 + 2 * most, "blocks that do not compress lie beside the image and the COG"


def test_objects_that_gdal_cannot_open_are_fetched(tmp_path: Path) -> None:
    scene = scene_of("float dem", tmp_path / "cogs")
    storage = FsspecStorage()
    container = f"memory://overview-{os.getpid()}"
    cogs = [attrs.evolve(cog, output_container=container) for cog in scene.cogs]
    for cog, there in zip(scene.cogs, cogs, strict=True):
        storage.put(cog.file.href, f"{container}/{there.output_blob}")
    made = overview_of(cogs, tmp_path, storage=storage)
    assert made.image.checksum == overview_of(scene.cogs, tmp_path).image.checksum


class _Guarded(http.server.SimpleHTTPRequestHandler):
    """Serves ranges of files to those who know the word."""

    protocol_version = "HTTP/1.1"
    served: list[int]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        data = b""
        if self.headers.get("Authorization") != "Bearer sesame":
            self.send_response(403)
        else:
            data = Path(self.translate_path(self.path)).read_bytes()
            total, asked = len(data), self.headers.get("Range")
            if asked:
                start, _, end = asked.removeprefix("bytes=").partition("-")
                data = data[int(start) : int(end or total) + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{int(start) + len(data) - 1}/{total}")
            else:
                self.send_response(200)
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.served.append(len(data))
            self.wfile.write(data)


@attrs.frozen
class _Remote(FsspecStorage):
    """Local files that GDAL is to read from a web server, with a credential."""

    server: str = ""
    word: str = ""

    def gdal_source(self, url: str) -> GdalSource | None:
        config = {"GDAL_HTTP_HEADERS": f"Authorization: Bearer {self.word}", "GDAL_HTTP_MAX_RETRY": "0"}
        return GdalSource(path=f"/vsicurl/{self.server}/{Path(url).name}", config=config)

    def get(self, url: str, local_path: str) -> None:
        raise PermissionDeniedError(f"Cannot fetch {url}.")


@pytest.fixture
def web_server(tmp_path: Path) -> Iterator[tuple[str, list[int]]]:
    served: list[int] = []

    def handler(*args: Any) -> _Guarded:
        return type("Counting", (_Guarded,), {"served": served})(*args, directory=str(tmp_path / "cogs"))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", served
        server.shutdown()
        thread.join()


def test_a_store_that_is_far_away_is_read_with_its_credentials_and_only_in_part(
    tmp_path: Path, web_server: tuple[str, list[int]]
) -> None:
    noise = np.random.default_rng(1).integers(1, 255, (3, SIDE, SIDE), "uint8")
    scene = make_scene(tmp_path / "cogs", noise, colors=COLORS)
    address, served = web_server
    with pytest.raises(PermissionDeniedError) as refused:  # by GDAL first, then by the store itself
        overview_of(scene.cogs, tmp_path, storage=_Remote(server=address, word="wrong"))
    assert "wrong" not in str(refused.value)
    served.clear()
    made = overview_of(scene.cogs, tmp_path, storage=_Remote(server=address, word="sesame"))
    assert made.image.checksum == overview_of(scene.cogs, tmp_path).image.checksum
    assert sum(served) < 0.4 * sum(cog.file.size for cog in scene.cogs)


def test_a_damaged_tile_is_named(tmp_path: Path) -> None:
    scene = scene_of("float dem", tmp_path / "cogs")
    Path(scene.cogs[3].file.href).write_bytes(b"nothing")
    with pytest.raises(TileError, match=scene.cogs[3].source_blob) as damaged:
        overview_of(scene.cogs, tmp_path)
    assert damaged.value.code == "FILE_UNREADABLE"
    assert not list(tmp_path.glob("sample_overview*"))


def test_what_was_written_is_compared_with_what_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rastercollection.errors import TaskError

    def spoil(target: Path, _: str) -> None:
        with rasterio.open(target, "r+", IGNORE_COG_LAYOUT_BREAK=True) as cog:
            block = cog.read(1, window=rasterio.windows.Window(200, 200, 8, 8))
            cog.write(block + 1, 1, window=rasterio.windows.Window(200, 200, 8, 8))

    scene = scene_of("float dem", tmp_path / "cogs")
    monkeypatch.setattr("rastercollection.rasters.writing.finish.check_valid", spoil)
    with pytest.raises(TaskError) as caught:
        overview_of(scene.cogs, tmp_path)
    assert caught.value.code == "FIDELITY_FAILED"
    assert not list(tmp_path.glob("sample_overview*"))


def test_sample_cogs_need_no_files_for_the_decision() -> None:
    """What decides are places, not rasters."""
    made = overview_of([sample_cog()], Path("/nowhere"))
    assert made.overview.image is None
