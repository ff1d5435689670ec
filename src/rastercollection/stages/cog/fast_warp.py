"""When the library's own compiled kernels warp a tile in GDAL's place, and how they do.

All of a tile is warped by one of the two, chosen by what is known beforehand: however it is cut, by however much memory
there is, and by whichever process, its pixels come out the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.core.models import Notice
from rastercollection.model.receipt import WarpChoice
from rastercollection.rasters.grid.placement import Placement, Points, apply
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.windows import Array, iterate_windows
from rastercollection.rasters.warping.fast_kernel import (
    DTYPES,
    KERNELS,
    FastKernel,
    KernelsUnavailableError,
    is_installed,
    load,
)
from rastercollection.rasters.warping.gdal_positions import agrees_with_gdal
from rastercollection.rasters.warping.lattice import MOST_ERROR, Lattice
from rastercollection.stages.cog.coverage import Coverage, source_pixels
from rastercollection.stages.cog.reading import BORDER

__all__ = ["FastWarp", "Warper", "choose_warper"]

_LEAST_SAMPLES = 2**24
"""Pixels of all bands. Fewer gain less than what it takes to load the kernels into a process, half a second of CPU."""
_PART = (256, 2048)
"""Rows and columns that are warped at once: what they need of the source stays in a core's cache."""


@attrs.frozen(kw_only=True)
class FastWarp:
    """Compiled kernels, ready to warp a tile.

    Attributes:
        kernel: For its pixels.
        lattice: Positions in the source with its border.
        source_size: Columns and rows of that.
    """

    kernel: FastKernel
    lattice: Lattice
    source_size: tuple[int, int]

    def fill(self, sources: Sequence[RasterBuffer], window: Window, data: Array, valid: NDArray[np.bool_]) -> None:
        """Warp a window of the grid, in the caller's thread.

        Args:
            sources: With their border, and masks where they have gaps; several where bands disagree on them.
            window: Of the grid.
            data: ``(bands, rows, columns)`` of all sources, one after the other.
            valid: ``(sources, rows, columns)``.
        """

        for part in iterate_windows(window.width, window.height, _PART):
            rows, columns = part.toslices()
            there = Window(window.col_off + part.col_off, window.row_off + part.row_off, part.width, part.height)
            first = 0
            for number, source in enumerate(sources):
                out = data[first : first + source.count, rows, columns]
                self._fill(source, there, out, valid[number, rows, columns])
                first += source.count

    def _fill(self, source: RasterBuffer, window: Window, out: Array, valid: NDArray[np.bool_]) -> None:
        below = self.lattice.below(window, self.source_size)
        part = below, source.read(below), _mask_of(source, below)
        self.kernel.fill(self.lattice, window, part, self.source_size, out, valid)


def _mask_of(source: RasterBuffer, window: Window) -> NDArray[np.uint8] | None:
    """``(rows, columns)``, 0 where not valid; None where all is."""
    mask = source.read_mask(window)
    return None if mask is None or mask.all() else mask[0].view(np.uint8)


@attrs.frozen(kw_only=True)
class Warper:
    """What warps a tile.

    Attributes:
        fast: Compiled kernels; None where GDAL does.
        choice: As it is told of.
        notices: What stood in the way of the compiled ones.
    """

    fast: FastWarp | None
    choice: WarpChoice
    notices: tuple[Notice, ...] = ()

    @classmethod
    def gdal(cls, reason: str) -> Warper:
        """GDAL's, and why."""
        return cls(fast=None, choice=WarpChoice(warper="gdal", reason=reason))


@attrs.frozen(kw_only=True)
class _Tile:
    """What the choice depends on; attributes as of :func:`choose_warper`."""

    blob: str
    placement: Placement
    grid: Grid
    resampling: str
    bands: int
    dtype: np.dtype
    plain: bool

    def obstacles(self) -> Iterator[str]:
        """What keeps the compiled kernels from it, as far as its description tells."""
        if not is_installed():
            yield "the extra fast is not installed"
        if self.resampling not in KERNELS:
            yield f"there is no fast kernel for {self.resampling}"
        if self.dtype.name not in DTYPES:
            yield f"there is no fast kernel for {self.dtype.name}"
        if not self.plain and self.resampling != "nearest":
            yield "the image is reduced, which takes GDAL's smoothing"
        if self.placement.transform is None:
            yield "positions follow from control points or polynomials"
        if Coverage(placement=self.placement, grid=self.grid).is_thin:
            yield "the image has too few rows or columns"
        if self.grid.width * self.grid.height * self.bands < _LEAST_SAMPLES:
            yield "the image is small"

    def locate(self, columns: Points, rows: Points) -> tuple[Points, Points]:
        return source_pixels(self.placement, self.grid, *apply(self.grid.transform, columns, rows))

    def lattice(self) -> Lattice | None:
        """Of positions in the source with its border."""
        found = Lattice.of(
            self.locate, (self.grid.width, self.grid.height), (self.placement.width, self.placement.height)
        )
        return None if found is None else attrs.evolve(found, nodes=found.nodes + BORDER)

    def agrees(self) -> bool:
        return agrees_with_gdal(self.placement, self.grid, self.locate, MOST_ERROR / 2)


def choose_warper(**tile: Any) -> Warper:
    """The compiled kernels where they are as right as GDAL's, and worth loading; else GDAL's.

    Args:
        **tile: ``blob``, its name; ``placement`` of the source; ``grid`` of the COG; ``resampling``, GDAL's name;
            ``bands``, their number; ``dtype``; ``plain``, whether the kernel is used as it is, without smoothing.
    """
    asked = _Tile(**tile)
    obstacle = next(asked.obstacles(), None)
    if obstacle is not None:
        return Warper.gdal(obstacle)
    lattice = asked.lattice()
    if lattice is None:
        return Warper.gdal("positions in the source cannot be interpolated")
    if not asked.agrees():
        return Warper.gdal("GDAL projects the source by another operation")
    try:
        kernel = load(asked.resampling, asked.dtype)
    except KernelsUnavailableError as error:
        return attrs.evolve(Warper.gdal("the fast kernels could not be loaded"), notices=(_unavailable(asked, error),))
    size = asked.placement.width + 2 * BORDER, asked.placement.height + 2 * BORDER
    fast = FastWarp(kernel=kernel, lattice=lattice, source_size=size)
    reason = f"positions are interpolated over {lattice.step} pixels"
    return Warper(fast=fast, choice=WarpChoice(warper="fast", reason=reason, coordinate_error=round(lattice.error, 6)))


def _unavailable(asked: _Tile, error: KernelsUnavailableError) -> Notice:
    return Notice(
        code="FAST_WARP_UNAVAILABLE",
        message=f"{asked.blob} was warped by GDAL, which takes longer: the fast kernels could not be loaded ({error}). "
        "Set NUMBA_CACHE_DIR to a folder that this user can write to, or reinstall numba.",
    )
