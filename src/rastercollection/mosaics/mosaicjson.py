"""The MosaicJSON over all COGs of a collection, made of their footprints. Opens no raster."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from rastercollection.core.records import digest
from rastercollection.errors import TaskError
from rastercollection.geo.bounds import bounds_center, bounds_parts, bounds_union, one_box
from rastercollection.geo.mercator_tiles import fullest, on_world_map, tile_boxes, tile_count, tiles_of, typical_zoom
from rastercollection.geo.webmercator import TILE, is_on_map, quadkey, tile_number, within_map
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.request import CollectionRequest
from rastercollection.mosaics.assets import assets_by_quadkey, common_folder
from rastercollection.mosaics.low_zooms import LowZooms, find_low_zooms

__all__ = [
    "build_mosaic",
    "cogs_per_tile",
    "members_digest",
]


LEVELS_BELOW_MINZOOM = 6
"""Readers list all 4^n quadkeys below a tile of the smallest zoom, so n is kept small."""

QUADKEYS_PER_COG = 25

FEWEST_QUADKEYS = 1024

PREPARED_AT_ONCE = 1000

MARGIN_PIXELS = 2
"""Footprints are simplified: this much is added around them, within the COG's bounds."""

Document = dict[str, Any]


@attrs.frozen
class _Part:
    """A piece of a COG on one side of the antimeridian: the COG's index and a polygon in EPSG:4326, without holes."""

    cog: int
    outline: BaseGeometry


def build_mosaic(cogs: Sequence[Cog], request: CollectionRequest) -> tuple[Document, Sequence[Cog]]:
    """The MosaicJSON document (version 0.0.3, WebMercatorQuad), and the COGs that no quadkey holds.

    Assets of a quadkey are in the order of ``cogs``: where COGs overlap, the first is on top. They are relative to the
    folder that all of them lie in, where there is one; that is the document's ``asset_prefix``.

    Args:
        cogs: In the order in which they lie above each other.
        request: What was asked for; its ``maxzoom`` wins over the data's where it is not None.

    Raises:
        TaskError: ``MOSAIC_EMPTY``.
    """
    parts = _parts(cogs)
    included = [cogs[index].file for index in sorted({part.cog for part in parts})]
    minzoom, maxzoom = _zooms(included, request)
    zoom = _quadkey_zoom(parts, minzoom, maxzoom)
    holders = _quadkeys(parts, zoom)
    prefix = common_folder(cog.href for cog in included)
    names = [cog.file.href.removeprefix(prefix) for cog in cogs]
    tiles = {key: [names[index] for index in sorted(holders[key])] for key in sorted(holders)}
    bounds = bounds_union(within_map(cog.bounds_4326) for cog in included)
    mosaic = _mosaicjson()(
        mosaicjson="0.0.3",
        name=request.collection_id,
        description=request.collection_description,
        minzoom=minzoom,
        maxzoom=maxzoom,
        quadkey_zoom=zoom,
        bounds=one_box(bounds),  # readers of maps take west to be the smaller
        center=(*bounds_center(bounds), minzoom),
        asset_type="COG",
        asset_prefix=prefix or None,
        tiles=tiles,
        **_shared_facts(included),
    )
    document: Document = mosaic.model_dump(mode="json", exclude_none=True)
    held = set().union(*holders.values())
    return document, [cog for index, cog in enumerate(cogs) if index not in held]


def _parts(cogs: Sequence[Cog]) -> list[_Part]:
    """What there is to be shown of all COGs.

    Raises:
        TaskError: ``MOSAIC_EMPTY``; nothing.
    """
    parts = [_Part(index, outline) for index, cog in enumerate(cogs) for outline in _outlines(cog)]
    if not parts:
        raise TaskError(
            "No COG can be shown on a Web Mercator map: there is none, or all lie beyond ±85.05° of latitude.",
            "Set create_mosaicjson=False to publish the STAC collection without a mosaic.",
            code="MOSAIC_EMPTY",
        )
    return parts


def cogs_per_tile(document: Mapping[str, Any]) -> dict[int, int]:
    """The greatest number of COGs that a server opens for one tile, at every zoom from 0 to the document's maxzoom.

    Below a quadkey, it opens all that the quadkey lists.
    """
    tiles, zoom = assets_by_quadkey(document), document["quadkey_zoom"]
    numbers: dict[str, int] = {}
    held = [numbers.setdefault(href, len(numbers)) for assets in tiles.values() for href in assets]
    places = np.array([tile_number(key) for key, assets in tiles.items() for _ in assets], dtype=np.int64)
    opened = fullest(np.array(held, dtype=np.int64), places[:, 0], places[:, 1], zoom)
    return {level: opened[min(level, zoom)] for level in range(document["maxzoom"] + 1)}


def _shared_facts(cogs: Sequence[CogFile]) -> Document:
    """Data type and colour table, where all COGs have the same."""
    dtypes = {band.dtype for cog in cogs for band in cog.bands if band.color_interpretation != "alpha"}
    facts: Document = {"data_type": dtypes.pop()} if len(dtypes) == 1 else {}
    table = _shared_colors(cogs)
    if table:
        facts["colormap"] = table
    return facts


def _shared_colors(cogs: Sequence[CogFile]) -> dict[str, list[int]]:
    """All entries of the colour tables; empty where a COG has none, or two have different colours for a value."""
    found: dict[str, set[tuple[int, ...]]] = defaultdict(set)
    for cog in cogs:
        for value, color in (cog.color_table or {}).items():
            found[value].add(tuple(color))
    if not all(cog.color_table for cog in cogs) or any(len(colors) > 1 for colors in found.values()):
        return {}
    return {value: list(*found[value]) for value in sorted(found, key=int)}


def _outlines(cog: Cog) -> list[BaseGeometry]:
    """The footprint's polygons without holes, within the map; the bounds where it has none."""
    boxes = [shapely.box(*within_map(part)) for part in bounds_parts(cog.file.bounds_4326) if is_on_map(part)]
    if not boxes:
        return []
    footprint = _valid(shapely.geometry.shape(cog.footprint)) if cog.footprint else shapely.Point()
    return _polygons(_widened(footprint, _pixel(cog.file) * MARGIN_PIXELS, shapely.union_all(boxes))) or boxes


def _valid(geometry: BaseGeometry) -> BaseGeometry:
    return geometry if geometry.is_valid else shapely.make_valid(geometry)


def _pixel(cog: CogFile) -> float:
    """Degrees that a pixel measures at most: what it may at the COG's zoom, which is the closest to its resolution."""
    return 360 / TILE / 2 ** (cog.maxzoom - 0.5)


def _widened(outline: BaseGeometry, margin: float, around: BaseGeometry) -> BaseGeometry:
    """A simpler outline that holds this one and reaches at most a few margins further, and not out of ``around``."""
    # what simplifying may cut off, the wider buffer adds; the fast algorithm loses parts that are narrower than that
    simple = shapely.simplify(outline, margin, preserve_topology=False)
    parts_are_there = shapely.get_num_geometries(simple) == shapely.get_num_geometries(outline)
    if simple.is_empty or not simple.is_valid or not parts_are_there:
        simple = shapely.simplify(outline, margin)
    return shapely.intersection(shapely.buffer(simple, 2 * margin, join_style="mitre"), around)


def _polygons(geometry: BaseGeometry) -> list[BaseGeometry]:
    rings = [shapely.Polygon(part.exterior) for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return [ring for ring in rings if ring.area > 0]


def _zooms(cogs: Sequence[CogFile], request: CollectionRequest) -> tuple[int, int]:
    """From the coarsest overview of any COG, but not where tiles open too many, to the finest resolution of any.

    Where an overview of the whole collection serves low zooms, the mosaic begins at the latest where that one ends.
    """
    wanted = request.maxzoom
    maxzoom = max(cog.maxzoom for cog in cogs) if wanted is None else wanted
    minzoom = min(cog.minzoom for cog in cogs)
    low = find_low_zooms(cogs) if request.create_overview else ""
    if isinstance(low, LowZooms):
        minzoom = min(max(minzoom, low.bearable), low.maxzoom + 1)
    return min(maxzoom, minzoom), maxzoom


def _quadkey_zoom(parts: Sequence[_Part], minzoom: int, maxzoom: int) -> int:
    """The zoom whose tiles are between half as large and as large as most COGs, as far as the document stays small."""
    boxes = on_world_map(shapely.bounds(np.array([part.outline for part in parts], dtype=object)))
    zoom = max(minzoom, min(typical_zoom(boxes), maxzoom, minzoom + LEVELS_BELOW_MINZOOM))
    allowed = max(FEWEST_QUADKEYS, QUADKEYS_PER_COG * len(parts))
    while zoom > 0 and tile_count(boxes, zoom) > allowed:
        zoom -= 1
    return zoom


def _quadkeys(parts: Sequence[_Part], zoom: int) -> Mapping[str, Collection[int]]:
    """Quadkey → indices of the COGs whose outlines reach into it."""
    holders: dict[str, set[int]] = defaultdict(set)
    for start in range(0, len(parts), PREPARED_AT_ONCE):
        some = parts[start : start + PREPARED_AT_ONCE]
        outlines = np.array([part.outline for part in some], dtype=object)
        part, column, row = tiles_of(shapely.bounds(outlines), zoom)
        shapely.prepare(outlines)
        inside = shapely.intersects(outlines[part], tile_boxes(column, row, zoom))
        shapely.destroy_prepared(outlines)
        for index, x, y in zip(part[inside].tolist(), column[inside].tolist(), row[inside].tolist(), strict=True):
            holders[quadkey(x, y, zoom)].add(some[index].cog)
    return holders


def _mosaicjson() -> Any:
    """cogeo-mosaic's model of the document."""
    # all of it: what cogeo-mosaic imports makes CRSs at once, which fails while another thread is half done with this
    import rasterio  # noqa: F401

    # importing it sets the level of the root logger, which is the application's
    level = logging.root.level
    from cogeo_mosaic.mosaic import MosaicJSON

    logging.root.setLevel(level)
    return MosaicJSON


def members_digest(cogs: Sequence[Cog]) -> str:
    """Of what a mosaic holds: equal for the same files of the same tiles, in whatever order."""
    return digest(sorted([cog.item_id, cog.file.href, cog.file.checksum] for cog in cogs))
