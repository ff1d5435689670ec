"""The collection as a mosaic that titiler serves: which COGs a tile is drawn from, and how they are opened."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import attr
from rasterio.crs import CRS
from rasterio.warp import transform, transform_bounds
from rio_tiler.constants import WGS84_CRS
from rio_tiler.errors import RioTilerError
from rio_tiler.expression import parse_expression
from rio_tiler.io import BaseReader, Reader
from rio_tiler.mosaic.backend import BaseBackend

from rastercollection.geo.webmercator import TILE
from rastercollection.model.band import is_complex
from rastercollection.model.render_rules import PARSING
from rastercollection.ports.storage import StorageBackend
from rastercollection.viewer.cogs import open_cog
from rastercollection.viewer.served import PublishedCollection
from rastercollection.viewer.served_catalog import ServedCatalog

__all__ = ["NotDrawnError", "TooCoarseError", "backend_of", "reader_of"]

MOST_COGS = 256
MOST_PIXELS = 4096
"""Along an edge of what is read for one answer: some hundred megabytes at most."""


MOST_BANDS = 256
"""That an answer is made of, each as often as it is asked for."""

DEEPEST = 30
"""Zoom: pixels of a few millimetres. Deeper ones take numbers of any length, and as long to reckon with them."""


class NotDrawnError(RioTilerError):  # type: ignore[misc]
    """A COG holds complex numbers, of which rio-tiler makes no pictures."""


class TooCoarseError(RioTilerError):  # type: ignore[misc]
    """What is asked for would take more COGs, pixels or bands than is bearable."""


def reader_of(storage: StorageBackend) -> type[BaseReader]:
    """rio-tiler's reader of COGs, opening them through a storage."""

    class CogReader(Reader):  # type: ignore[misc]
        def __attrs_post_init__(self) -> None:
            self.dataset = self._ctx_stack.enter_context(open_cog(storage, self.input))
            try:
                if any(map(is_complex, self.dataset.dtypes)):
                    raise NotDrawnError("No picture is made of complex numbers.")
                super().__attrs_post_init__()
            except BaseException:
                self.close()
                raise

        def part(self, *place: Any, indexes: Any = None, expression: str | None = None, **options: Any) -> Any:
            """Part of a COG, as tiles and features ask for it."""
            return _computed(functools.partial(super().part, *place, **options), indexes, expression)

        def point(self, *place: Any, indexes: Any = None, expression: str | None = None, **options: Any) -> Any:
            """Values of a pixel."""
            return _computed(functools.partial(super().point, *place, **options), indexes, expression)

    return CogReader


def _computed(read: Callable[..., Any], indexes: Any, expression: str | None) -> Any:
    """The bands that ``read`` reads, or what an expression makes of those that it names."""
    if not expression:
        return read(indexes=indexes)
    with PARSING:
        named = parse_expression(expression)
    found = read(indexes=named)
    with PARSING:
        return found.apply_expression(expression)


class _CogsOfMosaic:
    """Which COGs an answer of rio-tiler's mosaic is drawn from."""

    shown: PublishedCollection

    def assets_for_tile(self, x: int, y: int, z: int, detail: float | None = None, **_: Any) -> list[str]:
        """COGs of a tile; ``detail`` is the zoom at which tiles of 256 pixels are as detailed."""
        _check_zoom(z)
        overview = self.shown.overview
        if overview and (z if detail is None else detail) <= overview.maxzoom:
            return [overview.cog]
        return _few(self.shown.mosaic.in_tile(x, y, z))

    def assets_for_point(self, lng: float, lat: float, coord_crs: CRS | None = None, **_: Any) -> list[str]:
        """COGs around a place."""
        if coord_crs and coord_crs != WGS84_CRS:
            (lng,), (lat,) = transform(coord_crs, WGS84_CRS, [lng], [lat])
        return self.shown.mosaic.in_point(lng, lat)

    def assets_for_bbox(
        self,
        xmin: float,
        ymin: float,
        xmax: float,
        ymax: float,
        coord_crs: CRS | None = None,
        pixels: float = math.inf,
        **_: Any,
    ) -> list[str]:
        """COGs that reach into bounds, of which ``pixels`` are read along the longer edge."""
        if coord_crs and coord_crs != WGS84_CRS:
            xmin, ymin, xmax, ymax = transform_bounds(coord_crs, WGS84_CRS, xmin, ymin, xmax, ymax)
        overview = self.shown.overview
        turns = max(xmax - xmin, ymax - ymin) / 360
        if overview and pixels <= turns * TILE * 2**overview.maxzoom:
            return [overview.cog]
        return _few(self.shown.mosaic.in_box((xmin, ymin, xmax, ymax)))


def backend_of(catalog: ServedCatalog) -> type[BaseBackend]:
    """rio-tiler's mosaic of a collection; what it is told to open is the key of that in ``catalog``."""

    @attr.s
    class CollectionBackend(_CogsOfMosaic, BaseBackend):  # type: ignore[misc]
        minzoom: int = attr.ib(default=None)
        maxzoom: int = attr.ib(default=None)

        def __attrs_post_init__(self) -> None:
            self.shown = catalog.get(self.input).shown
            self.bounds, self.crs = self.shown.mosaic.bounds, WGS84_CRS
            self.minzoom, self.maxzoom = self.shown.minzoom, self.shown.mosaic.maxzoom

        def tile(self, x: int, y: int, z: int, search_options: Any = None, **options: Any) -> Any:
            """A tile, from the overview where that is fine enough for its size."""
            _check_zoom(z)
            if z < self.shown.lowest_zoom:
                raise TooCoarseError(f"Tiles of this collection begin at zoom {self.shown.lowest_zoom}.")
            size = options.get("tilesize") or TILE
            _check_tile(size, options)
            search = {**(search_options or {}), "detail": z + math.log2(size / TILE)}
            return super().tile(x, y, z, search_options=search, **options)

        def feature(self, shape: Any, search_options: Any = None, **options: Any) -> Any:
            """What lies in a shape: in full where it is small enough, else reduced."""
            limited = _limited(options)
            search = {**(search_options or {}), "pixels": _longest(limited)}
            return super().feature(shape, search_options=search, **limited)

        def asset_name(self, asset: str) -> str:
            """What answers call a COG: its address without credentials."""
            return catalog.storage.public_url(asset)

    return CollectionBackend


def _check_zoom(zoom: int) -> None:
    if not 0 <= zoom <= DEEPEST:
        raise TooCoarseError(f"Tiles have zooms from 0 to {DEEPEST}.")


def _check_tile(size: int, options: dict[str, Any]) -> None:
    _check_bands(options)
    _bearable(size + 2 * ((options.get("buffer") or 0) + (options.get("padding") or 0)))


def _check_bands(options: dict[str, Any]) -> None:
    indexes = options.get("indexes") or ()
    if not isinstance(indexes, int) and len(indexes) > MOST_BANDS:
        raise TooCoarseError(f"This would be {len(indexes)} bands, more than {MOST_BANDS}: ask for fewer.")


def _limited(options: dict[str, Any]) -> dict[str, Any]:
    """Options of an extract, with a size where none is forced."""
    _check_bands(options)
    forced = [options.get("width") or 0, options.get("height") or 0]
    _bearable(max(forced))
    return options if any(forced) else {**options, "max_size": min(options.get("max_size") or MOST_PIXELS, MOST_PIXELS)}


def _longest(options: dict[str, Any]) -> float:
    return max(options.get(name) or 0 for name in ("width", "height", "max_size"))


def _bearable(pixels: float) -> None:
    if not pixels <= MOST_PIXELS:
        raise TooCoarseError(f"This would be {pixels:g} pixels long, more than {MOST_PIXELS}: ask for fewer.")


def _few(cogs: list[str]) -> list[str]:
    if len(cogs) > MOST_COGS:
        raise TooCoarseError(f"This would open {len(cogs)} COGs, more than {MOST_COGS}: ask for a smaller area.")
    return cogs
