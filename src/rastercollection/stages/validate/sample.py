"""A bounded, deterministic sample of a tile's pixels, from windows spread all over it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np
from rasterio.windows import Window

from rastercollection.rasters.pixels.validity import Validity
from rastercollection.rasters.source.opening import reading
from rastercollection.rasters.source.source_dataset import SourceDataset

__all__ = ["BandSample", "Sample", "take_sample"]

_MOST_VALUES = 2**22
_MOST_PIXELS = 2**20
_WINDOW_SIDE = 256
_DECODED = 48 * 2**20
_MOST_BANDS = 8
_LONGEST_ROW = 2**19
_GRIDS = (4, 7)
_ENOUGH = 4096


@attrs.frozen(kw_only=True, eq=False)
class BandSample:
    """Pixels of one band.

    Attributes:
        index: The band, from 1.
        dtype: Its type.
        windows: Pixels as they are, 2-D, one array a window.
        valid: Which of them count: not NaN, nodata or masked; like ``windows``.
        values: All valid pixels, 1-D.
    """

    index: int
    dtype: str
    windows: tuple[np.ndarray, ...]
    valid: tuple[np.ndarray, ...]
    values: np.ndarray


@attrs.frozen(kw_only=True, eq=False)
class Sample:
    """What was looked at.

    Attributes:
        bands: Samples of the first bands and some of the others.
        complete: Every pixel of those bands was read.
        pixels: Number of pixels of one band.
    """

    bands: tuple[BandSample, ...]
    complete: bool
    pixels: int

    def band(self, index: int) -> BandSample | None:
        return next((band for band in self.bands if band.index == index), None)


def take_sample(dataset: SourceDataset) -> Sample:
    """Sample a tile: the whole of a small one, else windows in the middle of the cells of a grid.

    When they show hardly a valid pixel, a finer grid is tried.

    Raises:
        TileError: FILE_UNREADABLE or FILE_TRUNCATED, with the rows and columns.
    """
    indexes = _bands(dataset.count)
    if dataset.width * dataset.height <= _pixels(dataset):
        return _read(dataset, indexes, [Window(0, 0, dataset.width, dataset.height)], complete=True)
    sample = _read(dataset, indexes, windows(dataset, _GRIDS[0]), complete=False)
    for grid in _GRIDS[1:]:
        if max(band.values.size for band in sample.bands) >= _ENOUGH:
            break
        sample = _read(dataset, indexes, windows(dataset, grid), complete=False)
    return sample


def _bands(count: int) -> list[int]:
    """The first bands, and others spread over the rest."""
    if count <= _MOST_BANDS:
        return list(range(1, count + 1))
    first = _MOST_BANDS // 2
    rest = np.linspace(first + 1, count, _MOST_BANDS - first).round().astype(int)
    return [*range(1, first + 1), *(int(index) for index in rest)]


def _pixels(dataset: SourceDataset) -> int:
    """How many pixels of each band may be looked at."""
    return min(_MOST_PIXELS, _MOST_VALUES // min(int(dataset.count), _MOST_BANDS))


def windows(dataset: SourceDataset, grid: int) -> list[Window]:
    """Windows in reading order, placed so that few blocks have to be decoded."""
    rows, columns = dataset.block_shapes[0]
    if columns >= dataset.width:
        return _strips(dataset, grid * grid)
    affordable = max(1, _DECODED // (rows * columns * dataset.count))
    side = min(_WINDOW_SIDE, math.isqrt(_pixels(dataset)) // grid)
    cells = max(1, min(grid, math.isqrt(affordable)))
    found = []
    for down in range(cells):
        for across in range(cells):
            top, height = _within(dataset.height, rows, (down + 0.5) / cells, side)
            left, width = _within(dataset.width, columns, (across + 0.5) / cells, side)
            found.append(Window(left, top, width, height))
    return found


def _within(length: int, block: int, place: float, side: int) -> tuple[int, int]:
    """Start and length, up to ``side``, of a stretch around ``place`` (a fraction) that stays in one block."""
    start = int(length * place) // block * block
    end = min(start + block, length)
    size = min(end - start, side)
    centred = int(length * place) - size // 2
    return max(start, min(centred, end - size)), size


def _strips(dataset: SourceDataset, number: int) -> list[Window]:
    """Stretches of whole rows, where blocks are as wide as the tile."""
    rows = dataset.block_shapes[0][0]
    width = min(dataset.width, _LONGEST_ROW)
    height = min(max(2, _pixels(dataset) // number // width), dataset.height)
    affordable = max(2, _DECODED // (math.ceil(height / rows) * rows * dataset.width * dataset.count))
    number = max(1, min(number, dataset.height // height, affordable))
    found = []
    for cell in range(number):
        top = int((cell + 0.5) * dataset.height / number) - height // 2
        left = (dataset.width - width) * cell // max(1, number - 1)
        found.append(Window(left, max(0, top), width, height))
    return found


def _measured(validity: Validity, index: int, band: np.ndarray) -> np.ndarray:
    """Which pixels of a band do not have its nodata value."""
    valid = validity.of_bands([index - 1]).judge(band[np.newaxis])
    return np.ones(band.shape, bool) if valid is None else valid[0]


def _read(dataset: SourceDataset, indexes: Sequence[int], where: Sequence[Window], *, complete: bool) -> Sample:
    pixels: dict[int, list[np.ndarray]] = {index: [] for index in indexes}
    valid: dict[int, list[np.ndarray]] = {index: [] for index in indexes}
    validity = Validity.of(dataset)
    alpha = None if validity.alpha is None else validity.alpha + 1
    for window in where:
        rows = f"rows {window.row_off} to {window.row_off + window.height - 1}"
        columns = f"columns {window.col_off} to {window.col_off + window.width - 1}"
        with reading(dataset, f"reading {rows}, {columns}"):
            data = dataset.read(list(indexes), window=window)
            mask = dataset.read_masks(1, window=window) > 0 if validity.kind == "mask" else True
            opaque = dataset.read(alpha, window=window) > 0 if alpha else True
        for index, band in zip(indexes, data, strict=True):
            pixels[index].append(band)
            told = True if index == alpha else opaque & _measured(validity, index, band)
            valid[index].append(mask & np.isfinite(band) & told)
    bands = tuple(
        BandSample(
            index=index,
            dtype=dataset.dtypes[index - 1],
            windows=tuple(pixels[index]),
            valid=tuple(valid[index]),
            values=np.concatenate([band[good] for band, good in zip(pixels[index], valid[index], strict=True)]),
        )
        for index in indexes
    )
    return Sample(bands=bands, complete=complete, pixels=sum(int(window.width * window.height) for window in where))
