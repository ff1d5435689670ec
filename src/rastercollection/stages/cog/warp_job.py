"""What is to be resampled onto the grid of a COG, and what follows from that alone."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np

from rastercollection.rasters.grid.placement import Placement, apply
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.pixels.windows import Array
from rastercollection.stages.cog.coverage import Coverage, source_pixels
from rastercollection.stages.cog.fast_warp import Warper, choose_warper
from rastercollection.stages.cog.source_raster import SourceRaster
from rastercollection.stages.cog.warp_windows import WarpWindows

__all__ = ["Warp", "lattice"]

_NEARLY_ONE = 1.2
"""Up to this many source pixels for one of the grid, in either axis, the plain kernel is used. Beyond 1.05 GDAL would
widen it against aliasing and take 2.5 times as long. Measured against true area averages at 1.15, that gains 0.3 dB
of PSNR on texture of 61 dB, 0.4 on noise of 39 dB, and 2 on hard edges of 38 dB; at 1.5 it gains 1.5, 2 and 6."""
_BEND = 0.02
"""Pixels of the source by which coordinates may be off. GDAL takes them to run evenly along a row of what it is given
to warp, up to 0.125 pixels off, and rasterio (1.4) lets nobody choose: so rows are cut to where they do."""
_LATTICE = 23
_FILLED = ("bilinear", "cubic", "cubic_spline", "lanczos")
"""Kernels that reach no further, without a reduction, than gaps are filled."""


@attrs.frozen(kw_only=True)
class Warp:
    """What is to be resampled, and how.

    Attributes:
        source: The source.
        placement: Of its pixels.
        grid: Of the COG.
        resampling: GDAL's name, lower case.
        threads: That warp at the same time.
        spilled: Whether pixels are held in files.
    """

    source: SourceRaster
    placement: Placement
    grid: Grid
    resampling: str
    threads: int
    spilled: bool = False

    @property
    def as_words(self) -> bool:
        """Whether 64-bit integers are moved as pairs of words: the warper computes in floats."""
        dtype = self.source.layout.dtype
        return dtype.kind in "iu" and dtype.itemsize == 8 and self.resampling == "nearest"

    @functools.cached_property
    def coverage(self) -> Coverage:
        """Where the source lies."""
        return Coverage(placement=self.placement, grid=self.grid)

    @functools.cached_property
    def straight(self) -> int | None:
        """Columns of the grid over which GDAL may take positions to run evenly; None where rows must not be cut."""
        return self.coverage.straight(_BEND)

    @functools.cached_property
    def reductions(self) -> tuple[float, float]:
        """Columns and rows of the source for one pixel of the grid, typically."""
        return _reductions(self.placement, self.grid)

    @functools.cached_property
    def windows(self) -> WarpWindows:
        """The windows of the grid in the order in which they are warped."""
        layout, (across, down) = self.source.layout, self.reductions
        pixel_bytes = (len(layout.bands) + 1) * layout.dtype.itemsize
        shrink = across * down if np.isfinite(across * down) else 1.0
        return WarpWindows.of(self.coverage, self.straight, pixel_bytes, shrink)

    @functools.cached_property
    def options(self) -> dict[str, Any]:
        """Options of GDAL's warper, the same for every window: results must not depend on how a tile is cut."""
        options: dict[str, Any] = {"SAMPLE_GRID": "YES", **self.placement.warp_options}
        if max(self.reductions) <= _NEARLY_ONE:
            options |= {"XSCALE": 1, "YSCALE": 1}
        return options

    @functools.cached_property
    def warper(self) -> Warper:
        """What warps all of it."""
        layout = self.source.layout
        if self.spilled:
            return Warper.gdal("its pixels do not fit into memory, and compiled kernels take 100 MB")
        return choose_warper(
            blob=self.source.blob,
            placement=self.placement,
            grid=self.grid,
            resampling=self.resampling,
            bands=len(layout.bands),
            dtype=layout.dtype,
            plain="XSCALE" in self.options,
        )

    @property
    def is_filled(self) -> bool:
        """Whether the gaps of the source are filled, so that the mask can be warped on its own."""
        return self.resampling in _FILLED and "XSCALE" in self.options and self.source.layout.dtype.kind != "c"


def _reductions(placement: Placement, grid: Grid) -> tuple[float, float]:
    """How many source columns and rows one pixel of the grid covers, typically."""
    columns, rows = (axis.ravel() for axis in lattice(grid.width, grid.height))
    found = []
    for right, below in ((0, 0), (1, 0), (0, 1)):
        x, y = apply(grid.transform, columns + right, rows + below)
        found.append(source_pixels(placement, grid, x, y))
    (c0, r0), (c1, r1), (c2, r2) = found
    with np.errstate(invalid="ignore"):
        inside = (c0 >= 0) & (c0 <= placement.width) & (r0 >= 0) & (r0 <= placement.height)
        across, down = np.hypot(c1 - c0, c2 - c0)[inside], np.hypot(r1 - r0, r2 - r0)[inside]
    across, down = across[np.isfinite(across)], down[np.isfinite(down)]
    if not across.size or not down.size:
        return np.inf, np.inf
    return float(np.median(across)), float(np.median(down))


def lattice(width: int, height: int) -> tuple[Array, Array]:
    """Columns and rows of a few points all over an image."""
    columns, rows = np.meshgrid(np.linspace(0, width, _LATTICE), np.linspace(0, height, _LATTICE))
    return columns, rows
