"""Stage 3: the MosaicJSON against cogeo-mosaic, morecantile and rio-tiler, and against awkward places on Earth."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import attrs
import morecantile
import numpy as np
import pytest
import rasterio
import shapely
from cogeo_mosaic.backends import MosaicBackend
from cogeo_mosaic.mosaic import MosaicJSON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rio_tiler.io import Reader

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.models import Task
from rastercollection.core.records import from_dict
from rastercollection.core.workflow import TaskContext
from rastercollection.errors import TaskError
from rastercollection.geo.bounds import bounds_parts, bounds_union, unroll
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Mosaic
from rastercollection.mosaics.low_zooms import find_low_zooms
from rastercollection.mosaics.mosaicjson import build_mosaic, cogs_per_tile
from rastercollection.stages.mosaic import create_mosaicjson
from rastercollection.testing.sample_rasters import write_sample_cog
from rastercollection.testing.sample_records import (
    fan_in_parameters,
    sample_cog,
    sample_grid,
    sample_request,
    sample_results,
)

# affine 3.1 announces a deprecation of what rio-tiler does

TMS = morecantile.tms.get("WebMercatorQuad")


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


def _assets_at(document: dict[str, Any], longitude: float, latitude: float) -> list[str]:
    tile = TMS.tile(longitude, latitude, document["quadkey_zoom"])
    return document["tiles"].get(TMS.quadkey(tile), [])


@st.composite
def _bounds(draw: st.DrawFn) -> Bounds:
    """Boxes of 1e-5° to 60°, anywhere: poles, antimeridian and grid lines included."""
    size = 10 ** draw(st.floats(-5, math.log10(60)))
    west = draw(st.one_of(st.floats(-180, 179.99), st.sampled_from([-180.0, 0.0, 90.0, 179.9, 180 - size])))
    south = draw(st.one_of(st.floats(-90, 89.99), st.sampled_from([-90.0, 0.0, -85.06, 85.0, 84.9, 90 - size])))
    east, north = west + size, min(90.0, south + size * draw(st.floats(0.1, 1)))
    return (west, south, east - 360 if east > 180 else east, max(north, south + 1e-6))


@st.composite
def _cogs(draw: st.DrawFn) -> list[Cog]:
    """COGs whose footprints are their bounds, or a diamond or a triangle in them."""
    cogs = []
    for number, bounds in enumerate(draw(st.lists(_bounds(), min_size=1, max_size=8))):
        cog = sample_cog(f"tile-{number}", bounds, shape=(draw(st.integers(64, 4000)), draw(st.integers(64, 4000))))
        if bounds[0] <= bounds[2] and draw(st.booleans()):
            w, s, e, n = bounds
            corners = [(w, (s + n) / 2), ((w + e) / 2, s), (e, (s + n) / 2), ((w + e) / 2, n)]
            ring = [*corners[: draw(st.integers(3, 4))], corners[0]]
            cog = attrs.evolve(cog, footprint={"type": "Polygon", "coordinates": [ring]})
        cogs.append(cog)
    return cogs


def _on_map(bounds: Bounds) -> bool:
    return bounds[1] < TMS.bbox.top and bounds[3] > TMS.bbox.bottom


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cogs=_cogs(), fractions=st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(0.001, 0.999)), min_size=5))
def test_every_place_of_every_footprint_finds_its_cog(cogs: list[Cog], fractions: list[tuple[float, float]]) -> None:
    if not any(_on_map(cog.file.bounds_4326) for cog in cogs):
        with pytest.raises(TaskError):
            build_mosaic(cogs, sample_request())
        return
    document, left_out = build_mosaic(cogs, sample_request())
    for cog in cogs:
        footprint = shapely.geometry.shape(cog.footprint)
        for part in bounds_parts(cog.file.bounds_4326):
            for x, y in fractions:
                place = (part[0] + x * (part[2] - part[0]), part[1] + y * (part[3] - part[1]))
                if abs(place[1]) < 85.05 and footprint.contains(shapely.Point(place)):
                    assert cog.file.href in _assets_at(document, *place)
    assert [cog.item_id for cog in left_out] == [cog.item_id for cog in cogs if not _on_map(cog.file.bounds_4326)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cogs=_cogs())
def test_the_bounds_hold_all_and_the_center_lies_in_them(cogs: list[Cog]) -> None:
    shown = [cog for cog in cogs if _on_map(cog.file.bounds_4326)]
    if not shown:
        return
    document, _ = build_mosaic(cogs, sample_request())
    west, south, east, north = unroll(tuple(document["bounds"]))
    longitude, latitude, zoom = document["center"]
    assert -180 <= longitude <= 180
    assert west <= longitude <= east or west <= longitude + 360 <= east
    assert south <= latitude <= north
    assert document["minzoom"] <= zoom <= document["maxzoom"]
    assert -85.06 < south < north < 85.06
    for part in (part for cog in shown for part in bounds_parts(cog.file.bounds_4326)):
        assert max(part[1], -85.0511) >= south - 1e-6
        assert min(part[3], 85.0511) <= north + 1e-6
        assert any(west - 1e-9 <= part[0] + turn and part[2] + turn <= east + 1e-9 for turn in (0, 360))


@settings(max_examples=150, deadline=None)
@given(st.lists(_bounds(), min_size=1, max_size=12))
def test_unions_hold_what_they_unite(every: list[Bounds]) -> None:
    west, south, east, north = unroll(bounds_union(every))
    assert east - west <= 360
    for bounds in every:
        for part in bounds_parts(bounds):
            assert south <= part[1] <= part[3] <= north
            assert any(west <= part[0] + turn and part[2] + turn <= east + 1e-9 for turn in (0, 360))
    if not any(bounds[0] > bounds[2] or abs(bounds[0]) == 180 or bounds[2] == 180 for bounds in every):
        assert west >= -180
        assert east <= 180


def _is_easy(cogs: list[Cog]) -> bool:
    return len(cogs) <= 4 and all(abs(cog.file.bounds_4326[1]) < 80 > abs(cog.file.bounds_4326[3]) for cog in cogs)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cogs=_cogs().filter(_is_easy))
def test_it_agrees_with_what_cogeo_mosaic_makes_of_the_footprints(cogs: list[Cog]) -> None:
    ours, _ = build_mosaic(cogs, sample_request())
    zoom = ours["quadkey_zoom"]
    polygons = [(cog, part) for cog in cogs for part in shapely.get_parts(shapely.geometry.shape(cog.footprint))]
    features = [
        {"type": "Feature", "properties": {"path": cog.file.href}, "geometry": shapely.geometry.mapping(part)}
        for cog, part in polygons
    ]
    theirs = MosaicJSON.from_features(features, minzoom=zoom, maxzoom=zoom, quadkey_zoom=zoom)
    for quadkey, assets in theirs.tiles.items():
        tile = shapely.box(*TMS.bounds(TMS.quadkey_to_tile(quadkey)))
        overlaps = {cog.file.href for cog, part in polygons if shapely.area(shapely.intersection(part, tile)) > 1e-12}
        assert overlaps & set(assets) <= set(ours["tiles"].get(quadkey, []))


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


def test_assets_are_in_the_order_of_the_request(tmp_path: Path) -> None:
    names = ["zebra", "ant", "mole", "bee"]
    cogs = [sample_cog(name) for name in names]
    results = sample_results(cogs)
    context = _context([], list(reversed(results)))
    made = create_mosaicjson(fan_in_parameters(mosaicjson_container=str(tmp_path)), context)
    document = json.loads(Path(made["url"]).read_text())
    assert {tuple(Path(asset).stem for asset in assets) for assets in document["tiles"].values()} == {tuple(names)}


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


@pytest.mark.parametrize("count", [1, 4, 100])
def test_a_quadkey_holds_few_cogs_and_a_cog_few_quadkeys(count: int) -> None:
    document, _ = build_mosaic(sample_grid(count), sample_request())
    assert max(len(assets) for assets in document["tiles"].values()) <= 6
    assert sum(len(assets) for assets in document["tiles"].values()) <= 9 * count
    assert document["minzoom"] <= document["quadkey_zoom"] <= document["minzoom"] + 6


def test_an_aligned_grid_has_one_cog_a_quadkey() -> None:
    tiles = [morecantile.Tile(x, y, 12) for x in range(2856, 2860) for y in range(1520, 1524)]
    cogs = [sample_cog(f"{tile.x}-{tile.y}", tuple(TMS.bounds(tile)), minzoom=12, maxzoom=14) for tile in tiles]
    document, _ = build_mosaic(cogs, sample_request())
    assert document["quadkey_zoom"] >= 12
    assert {len(assets) for assets in document["tiles"].values()} == {1}


def test_far_apart_and_unlike_cogs_make_a_small_document() -> None:
    surveys = [
        sample_cog(
            f"{longitude}-{number}", (longitude, -30.0 + number * 1e-4, longitude + 1e-4, -30 + (number + 1) * 1e-4)
        )
        for longitude in (-70.0, 20.0, 150.0)
        for number in range(30)
    ]
    document, _ = build_mosaic(surveys, sample_request())
    assert len(document["tiles"]) < 1000
    world = sample_cog("world", (-180.0, -90.0, 180.0, 90.0))
    document, left_out = build_mosaic([world, *surveys], sample_request())
    assert not left_out
    assert sum(len(assets) for assets in document["tiles"].values()) < 5000
    assert world.file.href in _assets_at(document, 179.99, 85.0)
    assert document["bounds"] == pytest.approx([-180, -85.0511, 180, 85.0511], abs=1e-3)


def test_across_the_antimeridian(tmp_path: Path) -> None:
    cogs = [sample_cog("fiji", (179.0, -18.0, -179.0, -16.0)), sample_cog("east", (-179.0, -18.0, -178.0, -16.0))]
    mosaic, document, _ = _make(cogs, tmp_path)
    assert mosaic.bounds == (179.0, -18.0, -178.0, -16.0)
    assert mosaic.center[:2] == (-179.5, -17.0)
    for longitude in (179.5, 179.99, -179.99, -179.5):
        assert _assets_at(document, longitude, -17.0)[0] == cogs[0].file.href
    assert all(len(assets) == len(set(assets)) for assets in document["tiles"].values())
    assert cogs[0].file.href not in _assets_at(document, 0.0, -17.0)


@pytest.mark.parametrize("sliver", [0.01, 0.1, 0.25, 1.0])
def test_a_sliver_on_one_side_of_the_antimeridian_is_not_lost(sliver: float) -> None:
    cog = sample_cog("fiji", (180 - sliver, 0.0, -170.0, 10.0), shape=(64, 64))
    document, _ = build_mosaic([cog], sample_request())
    assert cog.file.href in _assets_at(document, 180 - sliver / 2, 5.0)
    assert cog.file.href in _assets_at(document, -175.0, 5.0)


def test_what_no_web_map_shows_is_reported_not_lost(tmp_path: Path) -> None:
    polar = sample_cog("polar", (10.0, 86.0, 20.0, 90.0))
    mosaic, document, context = _make([polar, sample_cog("norway", (10.0, 60.0, 11.0, 61.0))], tmp_path)
    assert mosaic.tile_count == 1
    assert [(notice.code, "polar.tif" in notice.message) for notice in context.notices] == [
        ("MOSAIC_TILE_OMITTED", True)
    ]
    assert mosaic.bounds == (10.0, 60.0, 11.0, 61.0)
    assert polar.file.href not in {asset for assets in document["tiles"].values() for asset in assets}
    with pytest.raises(TaskError, match="create_mosaicjson=False") as error:
        _make([polar], tmp_path / "none")
    assert error.value.code == "MOSAIC_EMPTY"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "footprint",
    [
        {"type": "Polygon", "coordinates": []},
        {"type": "MultiPolygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[71, 41], [71.1, 41.1], [71, 41], [71, 41]]]},
        {"type": "Polygon", "coordinates": [[[71, 41], [71.1, 41.1], [71.1, 41], [71, 41.1], [71, 41]]]},
    ],
    ids=["empty", "no parts", "a line", "a bow tie"],
)
def test_odd_footprints_lose_no_cog(footprint: dict[str, Any]) -> None:
    cog = sample_cog("odd", (71.0, 41.0, 71.1, 41.1), footprint=footprint)
    document, left_out = build_mosaic([cog], sample_request())
    assert not left_out
    assert cog.file.href in _assets_at(document, 71.05, 41.05)


def test_a_footprint_of_many_vertices_and_a_hole() -> None:
    angles = np.linspace(0, 2 * math.pi, 5000)
    ring = [[71 + math.cos(a) * (1 + 0.01 * (i % 2)), 41 + math.sin(a)] for i, a in enumerate(angles)]
    hole = [[70.9, 40.9], [71.1, 40.9], [71.1, 41.1], [70.9, 41.1], [70.9, 40.9]]
    footprint = {"type": "Polygon", "coordinates": [[*ring[:-1], ring[0]], hole]}
    cog = sample_cog("round", (69.98, 39.99, 72.02, 42.01), footprint=footprint)
    document, _ = build_mosaic([cog], sample_request())
    assert cog.file.href in _assets_at(document, 71.5, 41.5)
    assert cog.file.href in _assets_at(document, 71.0, 41.0)


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


def test_the_application_keeps_its_log_level() -> None:
    script = (
        "import logging; before = logging.root.level\n"
        "from rastercollection.mosaics.mosaicjson import build_mosaic\n"
        "from rastercollection.testing.sample_records import sample_grid, sample_request, fan_in_parameters\n"
        "build_mosaic(sample_grid(1), sample_request())\n"
        "assert logging.root.level == before == logging.WARNING, logging.root.level\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


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


@settings(max_examples=100, deadline=None)
@given(cogs=_cogs())
def test_tiles_are_counted_at_every_zoom(cogs: list[Cog]) -> None:
    if not any(_on_map(cog.file.bounds_4326) for cog in cogs):
        return
    document, _ = build_mosaic(cogs, sample_request())
    opened = cogs_per_tile(document)
    zoom = document["quadkey_zoom"]
    for level in range(zoom + 1):
        tiles: dict[str, set[str]] = {}
        for key, assets in document["tiles"].items():
            tiles.setdefault(key[:level], set()).update(assets)
        assert opened[level] == max(map(len, tiles.values()))
    assert all(opened[level] == opened[zoom] for level in range(zoom, document["maxzoom"] + 1))


@pytest.mark.parametrize("count", [4, 9, 25, 100, 1000, 10_000])
def test_no_zoom_is_left_to_nobody(count: int) -> None:
    """The mosaic begins where tiles are bearable, and at the latest where the overview ends."""
    cogs = sample_grid(count)
    low = find_low_zooms([cog.file for cog in cogs])
    if isinstance(low, str):
        assert count == 4
        return
    document, _ = build_mosaic(cogs, sample_request(create_overview=True))
    assert document["minzoom"] <= low.maxzoom + 1
    assert low.width * low.height <= 8192 * 8192
    opened = cogs_per_tile(document)
    assert opened[document["minzoom"]] <= 16
    assert opened[low.wanted] > 4
    assert opened[low.wanted + 1] <= 6
    assert low.most == count


def test_where_overviews_of_tiles_are_few_the_mosaic_begins_later_for_having_an_overview_of_all() -> None:
    cogs = sample_grid(400, minzoom=5)
    plain, _ = build_mosaic(cogs, sample_request())
    served, _ = build_mosaic(cogs, sample_request(create_overview=True))
    assert plain["minzoom"] == 5
    assert cogs_per_tile(plain)[5] == 400
    assert cogs_per_tile(served)[served["minzoom"]] <= 16


def test_an_overview_of_tiles_on_top_of_each_other_is_no_finer_than_needed() -> None:
    """A tile opens all of them at any zoom, so their own size says where it is enough."""
    stack = [sample_cog(f"date-{number}", shape=(8192, 8192)) for number in range(20)]
    low = find_low_zooms([cog.file for cog in stack])
    assert not isinstance(low, str)
    assert max(low.width, low.height) <= 1024 + 64


def test_places_for_100000_cogs_are_found_within_seconds() -> None:
    cogs = sample_grid(100_000, step=0.01)
    started = time.perf_counter()
    low = find_low_zooms([cog.file for cog in cogs])
    assert not isinstance(low, str)
    assert time.perf_counter() - started < 20
