"""Compiled kernels, where numba is installed; nothing of it is imported before a kernel is asked for."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from rastercollection.rasters.pixels.windows import Array
from rastercollection.rasters.warping.lattice import Lattice

__all__ = ["DTYPES", "KERNELS", "FastKernel", "KernelsUnavailableError", "is_installed", "load"]

KERNELS: Mapping[str, int] = {"nearest": 0, "bilinear": 1, "cubic": 2}
"""By GDAL's name, with what they are called by in :mod:`~rastercollection.rasters.warping.kernels`."""
DTYPES = ("uint8", "uint16", "int16", "float32")


class KernelsUnavailableError(Exception):
    """Kernels could not be compiled or loaded, and why."""


@attrs.frozen(kw_only=True)
class FastKernel:
    """A kernel for pixels of a type.

    Attributes:
        kernel: One of the values of ``KERNELS``.
        limits: Least and largest value of integers; 0 and 0 of floats.
        function: As compiled.
    """

    kernel: int
    limits: tuple[float, float]
    function: Any

    def fill(
        self,
        lattice: Lattice,
        window: Window,
        part: tuple[Window, Array, NDArray[np.uint8] | None],
        source_size: tuple[int, int],
        out: Array,
        valid: NDArray[np.bool_],
    ) -> None:
        """Warp a window of a grid, in one thread and without Python's lock.

        Args:
            lattice: Over the grid.
            window: Of the grid.
            part: A window of the source that has all of :meth:`Lattice.below`, its pixels, ``(bands, rows, columns)``,
                whose rows are in one piece, and its mask, ``(rows, columns)``, 0 where not valid.
            source_size: Columns and rows of the source.
            out: ``(bands, rows, columns)`` of the window, whose rows are in one piece; zeros beyond the source.
            valid: ``(rows, columns)`` of the window: below which pixels a valid one of the source lies.
        """
        below, pixels, mask = part
        self.function(
            pixels,
            (below.col_off, below.row_off),
            source_size,
            np.empty((0, 0), np.uint8) if mask is None else mask,
            lattice.nodes,
            lattice.step,
            lattice.size,
            (window.col_off, window.row_off, window.width, window.height),
            self.kernel,
            self.limits,
            out,
            valid,
        )


def is_installed() -> bool:
    """Whether the extra ``fast`` is."""
    return importlib.util.find_spec("numba") is not None


def load(resampling: str, dtype: np.dtype) -> FastKernel:
    """A kernel, compiled the first time on a machine, and kept in numba's cache.

    Raises:
        KernelsUnavailableError: Without a place for that cache, or with a numba that does not work.
    """
    limits = (0.0, 0.0)
    if dtype.kind in "iu":
        limits = (float(np.iinfo(dtype).min), float(np.iinfo(dtype).max))
    return FastKernel(kernel=KERNELS[resampling], limits=limits, function=_function(dtype.name))


@functools.cache
def _function(dtype: str) -> Any:
    try:
        from rastercollection.rasters.warping.kernels import compiled  # loads numba

        return compiled(np.dtype(dtype))
    except Exception as error:  # whatever a compiler, its cache or half an installation comes up with
        raise KernelsUnavailableError(
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        ) from error
