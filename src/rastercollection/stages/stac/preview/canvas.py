"""Drawing COGs onto the preview page's map, pixel by pixel, each by the same look."""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import Window

from rastercollection.geo.bounds import unroll
from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import HALF_WORLD
from rastercollection.model.cog import CogFile
from rastercollection.model.look import Look
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.gdal_crs import to_rasterio
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.validity import Valid, any_band
from rastercollection.rasters.reduced.painting import paint
from rastercollection.rasters.reduced.pieces import Piece, ReducedCog, read_piece
from rastercollection.rasters.reduced.resampling import resampled
from rastercollection.stac.fields import ground_resolution
from rastercollection.stages.stac.preview.frame import METRES_PER_DEGREE, WIDTH, Frame

__all__ = ["Canvas", "Drawable", "Patch"]


@attrs.frozen(kw_only=True)
class Drawable:
    """One COG: what is known of it, and where and under which name it is opened."""

    file: CogFile
    url: str
    name: str


@attrs.frozen(kw_only=True)
class Patch:
    """A part of the canvas: red, green, blue and alpha, ``(4, rows, columns)``, and where it lies."""

    picture: NDArray[np.uint8]
    window: Window


@attrs.frozen(kw_only=True)
class Canvas:
    """The map's frame in pixels.

    Attributes:
        frame: What is shown.
        columns: Pixels across.
        look: How values become colours.
        storage: Where the COGs are.
        limits: GDAL's threads and cache.
    """

    frame: Frame
    columns: int
    look: Look
    storage: StorageBackend
    limits: Limits

    @property
    def rows(self) -> int:
        return max(1, round(self.columns * self.frame.height / WIDTH))

    def enlargement(self, file: CogFile) -> float:
        """How many pixels of the map's middle one of a file is as high as; 0 where that is not known."""
        middle = self.frame.height / 2
        down = self.frame.latitude(middle) - self.frame.latitude(middle + self.frame.height / self.rows)
        return (ground_resolution(file) or 0.0) / (down * METRES_PER_DEGREE)

    def patches(self, cog: Drawable) -> list[Patch]:
        """What a COG shows: more than one patch where the map goes around the world, or across 180°.

        Raises:
            TileError, TaskError, BackendError: It cannot be read.
        """
        found = []
        for turn, window in self._windows(cog.file.bounds_4326):
            source = ReducedCog(url=cog.url, blob=cog.name, reduction=_reduction(cog.file, window))
            grid = self._grid(turn)
            piece = read_piece(self.storage, self.limits, source, grid, window)
            if piece is not None:
                found.append(Patch(picture=self._painted(piece, grid, window), window=window))
        return found

    def _painted(self, piece: Piece, grid: Grid, window: Window) -> NDArray[np.uint8]:
        piece = piece.of_bands([band - 1 for band in self.look.bands])
        if piece.data.dtype.kind == "c":
            piece = attrs.evolve(piece, data=np.abs(piece.data))
        data, valid = resampled(
            piece,
            grid.transform @ Affine.translation(window.col_off, window.row_off),
            grid.crs,
            (window.height, window.width),
            resampling=Resampling.nearest if self.look.keeps_values else Resampling.average,
            threads=self.limits.gdal_threads,
        )
        return paint(data, self._drawn(valid), self.look)

    def _drawn(self, valid: Valid) -> NDArray[np.bool_] | None:
        """Which pixels are drawn, ``(rows, columns)``: an expression needs all of its bands."""
        if self.look.expression is None or valid is None:
            return any_band(valid)
        whole: NDArray[np.bool_] = np.logical_and.reduce(valid)
        return whole

    def _grid(self, turn: int) -> Grid:
        """All of the canvas, with longitudes that are ``turn`` times 360° less: those that readers know end at 180°."""
        frame = self.frame
        across = WIDTH / self.columns / (frame.scale * frame.squeeze)
        down = frame.height / self.rows / frame.scale
        unit = HALF_WORLD / 180 if frame.is_mercator else 1.0
        corner = frame.west / frame.squeeze - 360 * turn, frame.north
        transform = Affine(across * unit, 0, corner[0] * unit, 0, -down * unit, corner[1] * unit)
        crs = to_rasterio("EPSG:3857" if frame.is_mercator else "EPSG:4326")
        return Grid(crs=crs, transform=transform, width=self.columns, height=self.rows)

    def _windows(self, bounds: Bounds) -> Iterator[tuple[int, Window]]:
        """Where a box lies: windows that do not go across 180°, and how many times 360° are to be taken away there."""
        west, south, east, north = unroll(bounds)
        down, rows = self.rows / self.frame.height, self.rows
        top, bottom = _whole(self.frame.y(north) * down, self.frame.y(south) * down, rows)
        for turn in (-1, 0, 1):
            edges = max(360.0 * turn - 180, self.frame.left), min(360.0 * turn + 180, self.frame.right)
            for shift in (-360, 0, 360):
                left, right = max(west + shift, edges[0]), min(east + shift, edges[1])
                if left < right:
                    across = self.columns / WIDTH
                    first, last = _whole(self.frame.x(left) * across, self.frame.x(right) * across, self.columns)
                    yield turn, Window(first, top, last - first, bottom - top)


def _whole(start: float, end: float, size: int) -> tuple[int, int]:
    """Whole pixels from one place to another, at least one, within ``size``."""
    first = min(max(math.floor(start), 0), size - 1)
    return first, max(first + 1, min(math.ceil(end), size))


def _reduction(file: CogFile, window: Window) -> float:
    """Pixels of a COG for one of the canvas, along the axis where they are fewer."""
    rows, columns = file.shape
    return min(columns / float(window.width), rows / float(window.height))
