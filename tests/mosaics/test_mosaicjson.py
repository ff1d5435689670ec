"""MosaicJSON documents against cogeo-mosaic, morecantile and shapely, and awkward places on Earth."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from typing import Any

import attrs
import morecantile
import numpy as np
import pytest
import shapely
from cogeo_mosaic.mosaic import MosaicJSON
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mosaic_scenes import TMS, assets_at
from rastercollection.errors import TaskError
from rastercollection.geo.bounds import bounds_parts, bounds_union, unroll
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog
from rastercollection.mosaics.assets import assets_by_quadkey
from rastercollection.mosaics.low_zooms import find_low_zooms
from rastercollection.mosaics.mosaicjson import build_mosaic, cogs_per_tile
from rastercollection.testing.sample_records import (
    sample_cog,
    sample_grid,
    sample_request,
)


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
                    assert cog.file.href in assets_at(document, *place)
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
    west, south, east, north = shapely.total_bounds([part for _, part in polygons])
    first, last = TMS.tile(west, north, zoom), TMS.tile(east, south, zoom)
    # it draws an image of all tiles between the polygons, which may be far apart
    assume((last.x - first.x + 1) * (last.y - first.y + 1) < 10**6)
    features = [
        {"type": "Feature", "properties": {"path": cog.file.href}, "geometry": shapely.geometry.mapping(part)}
        for cog, part in polygons
    ]
    theirs = MosaicJSON.from_features(features, minzoom=zoom, maxzoom=zoom, quadkey_zoom=zoom)
    for quadkey, assets in theirs.tiles.items():
        tile = shapely.box(*TMS.bounds(TMS.quadkey_to_tile(quadkey)))
        overlaps = {cog.file.href for cog, part in polygons if shapely.area(shapely.intersection(part, tile)) > 1e-12}
        assert overlaps & set(assets) <= set(assets_by_quadkey(ours).get(quadkey, ()))


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
    assert world.file.href in assets_at(document, 179.99, 85.0)
    assert document["bounds"] == pytest.approx([-180, -85.0511, 180, 85.0511], abs=1e-3)


@pytest.mark.parametrize("sliver", [0.01, 0.1, 0.25, 1.0])
def test_a_sliver_on_one_side_of_the_antimeridian_is_not_lost(sliver: float) -> None:
    cog = sample_cog("fiji", (180 - sliver, 0.0, -170.0, 10.0), shape=(64, 64))
    document, _ = build_mosaic([cog], sample_request())
    assert cog.file.href in assets_at(document, 180 - sliver / 2, 5.0)
    assert cog.file.href in assets_at(document, -175.0, 5.0)


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
    assert cog.file.href in assets_at(document, 71.05, 41.05)


def test_a_footprint_of_many_vertices_and_a_hole() -> None:
    angles = np.linspace(0, 2 * math.pi, 5000)
    ring = [[71 + math.cos(a) * (1 + 0.01 * (i % 2)), 41 + math.sin(a)] for i, a in enumerate(angles)]
    hole = [[70.9, 40.9], [71.1, 40.9], [71.1, 41.1], [70.9, 41.1], [70.9, 40.9]]
    footprint = {"type": "Polygon", "coordinates": [[*ring[:-1], ring[0]], hole]}
    cog = sample_cog("round", (69.98, 39.99, 72.02, 42.01), footprint=footprint)
    document, _ = build_mosaic([cog], sample_request())
    assert cog.file.href in assets_at(document, 71.5, 41.5)
    assert cog.file.href in assets_at(document, 71.0, 41.0)


def test_the_application_keeps_its_log_level() -> None:
    script = (
        "import logging; before = logging.root.level\n"
        "from rastercollection.mosaics.mosaicjson import build_mosaic\n"
        "from rastercollection.testing.sample_records import sample_grid, sample_request, fan_in_parameters\n"
        "build_mosaic(sample_grid(1), sample_request())\n"
        "assert logging.root.level == before == logging.WARNING, logging.root.level\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


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


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_places_for_100000_cogs_are_found_within_20_seconds(count: int) -> None:
    cogs = sample_grid(count, step=0.01)
    started = time.process_time()
    low = find_low_zooms([cog.file for cog in cogs])
    assert not isinstance(low, str)
    assert time.process_time() - started < 20 * count / 100_000


def test_colours_of_all_tables_that_do_not_contradict_each_other_are_told() -> None:
    black, red, blue = (0, 0, 0, 255), (255, 0, 0, 255), (0, 0, 255, 255)
    cogs = [
        sample_cog("a", (71.0, 41.0, 71.1, 41.1), color_table={"2": red}),
        sample_cog("b", (71.1, 41.0, 71.2, 41.1), color_table={"1": black, "2": red}),
    ]
    document, _ = build_mosaic(cogs, sample_request())
    assert document["colormap"] == {"1": list(black), "2": list(red)}
    for other in ({"2": blue}, None):
        more = [*cogs, sample_cog("c", (71.2, 41.0, 71.3, 41.1), color_table=other)]
        assert "colormap" not in build_mosaic(more, sample_request())[0]
