"""Whether the zoom and the size of pixels that were ordered suit the pixels that there are. Pure, no GDAL."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rastercollection.core.models import Notice
from rastercollection.errors import TaskError
from rastercollection.geo.webmercator import exact_zoom
from rastercollection.model.tile import Validation

__all__ = ["check_maxzoom", "check_resolution", "finest_zoom"]

_METRES_A_DEGREE = 111_320.0
_COARSER, _ENLARGED = 1, 2
_SENSELESS = 8
_COARSER_PIXELS = 16


def finest_zoom(validations: Sequence[Validation]) -> int | None:
    """The WebMercatorQuad zoom, for tiles of 256 pixels, of the finest tile's pixels, rounded; None without tiles."""
    return max((round(exact_zoom(_pixel(validation))) for validation in validations), default=None)


def _pixel(validation: Validation) -> float:
    """Height of a pixel in metres of EPSG:3857, which are shorter than those on the ground by the latitude's cosine."""
    _, south, _, north = validation.bounds_4326
    rows = max(validation.height, 1)
    latitude = math.radians(max(-85.0, min(85.0, (south + north) / 2)))
    return max((north - south) / rows * _METRES_A_DEGREE / math.cos(latitude), 1e-6)


def check_maxzoom(maxzoom: int | None, validations: Sequence[Validation]) -> Notice | None:
    """What to tell of the ``maxzoom`` that was ordered; None where it is about that of the data, or left open.

    Raises:
        TaskError: ``MAXZOOM_TOO_DEEP``; one pixel of the data would fill a map tile at that zoom.
    """
    own = finest_zoom(validations)
    if maxzoom is None or own is None or own - _COARSER <= maxzoom <= own + _ENLARGED:
        return None
    if maxzoom >= own + _SENSELESS:
        raise TaskError(
            f"maxzoom={maxzoom} is too deep: the finest tile's pixels are those of zoom {own}, and at zoom {maxzoom} "
            f"one of them is {2 ** (maxzoom - own):,} pixels of the map wide.",
            f"Leave maxzoom out, or set it to {own}; maps enlarge beyond it by themselves.",
            "MAXZOOM_TOO_DEEP",
        )
    shown = "shows pixels enlarged" if maxzoom > own else "leaves the finest pixels out of the map"
    message = f"maxzoom={maxzoom} {shown}: the finest tile's pixels are those of zoom {own}."
    return Notice(code="MAXZOOM_NOT_OF_DATA", message=message)


def check_resolution(resolution: float | None, validations: Sequence[Validation]) -> Notice | None:
    """What to tell of the ``resolution`` that was ordered, in units of the target CRS; None where it suits the tiles.

    Raises:
        TaskError: ``RESOLUTION_TOO_COARSE``; a pixel would be larger than every tile, as where metres are given for
            degrees.
    """
    grids = [validation.natural for validation in validations if validation.natural is not None]
    if resolution is None or not grids:
        return None
    widest = max(max(right - left, top - bottom) for left, bottom, right, top in (grid.bounds for grid in grids))
    own = max(max(grid.resolution) for grid in grids)
    if resolution >= widest and resolution > own * _COARSER_PIXELS:
        raise TaskError(
            f"resolution={resolution:g} is too coarse: it is in units of the target CRS, in which the largest tile is "
            f"{widest:.6g} wide and its pixels {own:.6g}.",
            "Give it in degrees where target_crs is geographic, or leave it out.",
            "RESOLUTION_TOO_COARSE",
        )
    if resolution <= own * _COARSER_PIXELS:
        return None
    message = (
        f"resolution={resolution:g} makes pixels {resolution / own:,.0f} times as wide as the coarsest tile's "
        f"({own:.6g} in units of the target CRS)."
    )
    return Notice(code="RESOLUTION_COARSE", message=message)
