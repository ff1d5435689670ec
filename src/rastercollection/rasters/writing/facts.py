"""What is told of a finished COG: zooms, header, checksum, bands."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pyproj
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from rastercollection.core.records import multihash
from rastercollection.errors import TaskError
from rastercollection.geo.bounds import geometry_bounds
from rastercollection.geo.crs import name_crs
from rastercollection.geo.heights import with_heights
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.geo.webmercator import TILE, exact_zoom
from rastercollection.model.band import BandFacts, BandRole, BandStatistics, Histogram
from rastercollection.model.cog import CogFile, CogSettings
from rastercollection.rasters.gdal_crs import from_rasterio
from rastercollection.rasters.grid.footprint import footprint
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import NO_PLACE, Grid, plan_sides
from rastercollection.rasters.pixels.windows import ValidityMap
from rastercollection.rasters.source.classes import BandClasses
from rastercollection.rasters.writing.metadata import ColorTable, color_table_of

__all__ = ["LocalCog", "cog_file_of", "footprint_of"]

_MOST_ZOOM = 24
_LEADER = 4
"""GDAL writes the size of each block in front of it."""
_MOST_COLORS = 256

ColorEntries = dict[str, tuple[int, int, int, int]]


@attrs.frozen(kw_only=True)
class LocalCog:
    """A COG, a local file.

    Attributes:
        path: Of the file.
        checksum: SHA2-256 as a hexadecimal multihash.
        size: Bytes.
        header_size: Bytes up to the first block.
    """

    path: Path
    checksum: str
    size: int
    header_size: int

    @classmethod
    def read(cls, path: Path, cog: DatasetReader) -> LocalCog:
        """Of a COG that somebody else wrote, which is open."""
        with path.open("rb") as content:
            checksum = multihash(content)
        return cls(path=path, checksum=checksum, size=path.stat().st_size, header_size=_header_size(cog))


def cog_file_of(
    written: LocalCog,
    cog: DatasetReader,
    grid: Grid,
    statistics: tuple[BandStatistics | None, ...],
    *,
    footprint: Mapping[str, Any],
    settings: CogSettings,
    raster_type: str,
    validity: str,
    overview_levels: tuple[int, ...],
    heights: str | None = None,
    classes: Sequence[BandClasses] = (),
    roles: tuple[BandRole, ...] = (),
) -> CogFile:
    """All that is told of a finished COG, open, but for its addresses: what its maker knows, as in
    :class:`CogFile`, with the footprint of its valid pixels, and what is read from it."""
    found, colors = _band_facts(cog, statistics, roles), color_table_of(cog)
    bands, (minzoom, maxzoom) = _with_classes(found, classes, colors or {}), _zoom_range(grid)
    crs = _crs_of(grid)
    return CogFile(
        href="",
        thumbnail=None,
        settings=settings,
        target_crs=name_crs(crs),
        heights=heights,
        projjson=_projjson(crs, heights),
        transform=tuple(grid.transform)[:6],
        shape=(grid.height, grid.width),
        bounds=grid.bounds,
        bounds_4326=geometry_bounds(footprint),
        size=written.size,
        checksum=written.checksum,
        header_size=written.header_size,
        overview_levels=overview_levels,
        raster_type=raster_type,
        validity=validity,
        bands=bands,
        color_table=_color_entries(colors, bands[0]),
        minzoom=minzoom,
        maxzoom=maxzoom,
    )


def footprint_of(valid: ValidityMap, grid: Grid) -> Mapping[str, Any]:
    """The outline of the valid pixels of a grid as GeoJSON, EPSG:4326."""
    rows, columns = valid.steps
    cells = None if valid.is_full else valid.counts > 0
    return footprint(cells, grid.transform @ Affine.scale(columns, rows), grid.bounds_in_world, _crs_of(grid))


def _crs_of(grid: Grid) -> pyproj.CRS:
    crs = from_rasterio(grid.crs)
    assert crs is not None
    return crs


def _projjson(crs: pyproj.CRS, heights: str | None) -> Mapping[str, Any] | None:
    """Of the CRS with what heights refer to; None where that has a code."""
    whole = (with_heights(name_crs(crs), heights) if heights else None) or crs
    definition: Mapping[str, Any] = whole.to_json_dict()
    return None if name_crs(whole).startswith("EPSG:") else definition


def _header_size(cog: DatasetReader) -> int:
    """Bytes of a COG up to its first pixel data."""
    offsets = []
    for overview in (None, *range(len(cog.overviews(1)))):
        offset = cog.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1, overview)
        if offset:
            offsets.append(int(offset))
    return min(offsets) - _LEADER if offsets else 0


def _zoom_range(grid: Grid) -> tuple[int, int]:
    """The WebMercatorQuad zooms, with tiles of 256 pixels, that the overviews and the pixels themselves serve.

    As rio-tiler has it: the zoom whose resolution is closest, on a scale of powers of two, to that of the raster in
    Web Mercator; and to that of its first overview of no more than 256 pixels.
    """
    placement = Placement(crs=grid.crs, transform=grid.transform, width=grid.width, height=grid.height)
    try:
        sides = plan_sides(placement, CRS.from_epsg(3857), GridRule(), "", sys.maxsize)
    except TaskError as error:
        if error.code != NO_PLACE:
            raise
        return 0, 0
    there, width = sides[0].plan.grid, sum(side.plan.grid.width for side in sides)
    resolution = max(there.transform.a, -there.transform.e)
    levels = 0
    while min(width >> levels, there.height >> levels) > TILE:
        levels += 1
    return _zoom(resolution * 2**levels), _zoom(resolution)


def _zoom(resolution: float) -> int:
    return min(_MOST_ZOOM, max(0, round(exact_zoom(resolution))))


def _band_facts(
    cog: DatasetReader, statistics: tuple[BandStatistics | None, ...], roles: tuple[BandRole, ...]
) -> tuple[BandFacts, ...]:
    """Facts about each band of a COG."""
    return tuple(
        BandFacts(
            name=f"b{band}",
            description=cog.descriptions[band - 1] or None,
            dtype=cog.dtypes[band - 1],
            nodata=_whole(cog.nodatavals[band - 1], cog.dtypes[band - 1]),
            unit=cog.units[band - 1] or None,
            scale=float(cog.scales[band - 1]),
            offset=float(cog.offsets[band - 1]),
            color_interpretation=cog.colorinterp[band - 1].name,
            statistics=statistics[band - 1],
            role=roles[band - 1] if roles else BandRole(),
        )
        for band in cog.indexes
    )


def _with_classes(
    bands: tuple[BandFacts, ...], classes: Sequence[BandClasses], colors: ColorTable
) -> tuple[BandFacts, ...]:
    """With what values stand for, in the colours that the COG has for them, else in those of the attribute table."""
    named = [
        tuple(attrs.evolve(entry, color=colors.get(entry.value, entry.color)) for entry in found.classes)
        for found in classes or [BandClasses()] * len(bands)
    ]
    return tuple(attrs.evolve(band, classes=found) for band, found in zip(bands, named, strict=True))


def _whole(nodata: float | None, dtype: str) -> int | float | None:
    return int(nodata) if nodata is not None and "int" in dtype and math.isfinite(nodata) else nodata


def _color_entries(table: ColorTable | None, band: BandFacts) -> ColorEntries | None:
    """A colour table as results carry it; nodata is transparent.

    GeoTIFF has 2^bits entries always, and fills up with black: what is opaque black is left out where no pixel has the
    value and nothing names it, as is whatever is black of a table that stays too long.
    """
    if table is None:
        return None
    named = {entry.value for entry in band.classes} | {band.nodata}
    counted = band.statistics.histogram if band.statistics else None
    entries = {key: color for key, color in table.items() if any(color[:3]) or key in named or _occurs(key, counted)}
    if len(entries) > _MOST_COLORS:
        entries = {key: color for key, color in table.items() if any(color[:3])}
    if len(entries) > _MOST_COLORS:
        return None
    shown = {key: (*color[:3], 0) if key == band.nodata else tuple(color) for key, color in entries.items()}
    return {str(key): (color[0], color[1], color[2], color[3]) for key, color in shown.items()}


def _occurs(value: int, counted: Histogram | None) -> bool:
    """Whether pixels may have a value, as far as a histogram tells."""
    if counted is None or not counted.minimum <= value < counted.maximum:
        return False
    width = (counted.maximum - counted.minimum) / len(counted.counts)
    return counted.counts[int((value - counted.minimum) // width)] > 0
