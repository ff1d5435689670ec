"""How a raster tells which of its pixels are valid, and how its COG will.

A pixel of a band is valid as GDAL's readers see it (a mask wins over a nodata value), unless it is NaN or an alpha
band makes it fully transparent. Arrays of validity are boolean, ``(1, rows, columns)`` where all bands agree, else
``(bands, rows, columns)``; None stands for "all valid".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.pixels.windows import Array

__all__ = ["PixelLayout", "Valid", "Validity", "any_band", "choose_layout", "common_dtype", "is_nodata", "settle"]

Valid = NDArray[np.bool_] | None
_Number = int | float

_LARGEST_EXACT = 2**53
_FLOAT_STEP = float(np.finfo(np.float32).eps)
_CLOSE = 2 * _FLOAT_STEP
"""Floats, also of 64 bits, are nodata to GDAL if they are less than this part of the sum of both away from it."""


def common_dtype(dataset: DatasetReader) -> np.dtype:
    """The one type that holds all bands; types that few programs read become the next larger one."""
    names = {"complex_int16": "complex64", "complex_int32": "complex128", "float16": "float32"}
    return np.result_type(*(np.dtype(names.get(dtype, dtype)) for dtype in dataset.dtypes))


def is_nodata(data: Array, nodata: _Number) -> NDArray[np.bool_]:
    """Where ``data`` is the nodata value, to GDAL's tolerance for floats."""
    if data.dtype.kind == "c":
        return is_nodata(data.real, nodata)
    if data.dtype.kind != "f":
        return np.asarray(data == data.dtype.type(nodata))
    if math.isnan(nodata):
        return np.isnan(data)
    value = data.dtype.type(nodata)
    if value == 0 or not np.isfinite(value):
        return np.asarray(data == value)
    ends = [
        _last_before(float(value) * part, value) for part in ((1 - _CLOSE) / (1 + _CLOSE), (1 + _CLOSE) / (1 - _CLOSE))
    ]
    return np.asarray((data >= min(ends)) & (data <= max(ends)))


def _last_before(end: float, value: np.floating[Any]) -> np.floating[Any]:
    """The float of the type of ``value`` that is the last one before ``end``, coming from ``value``."""
    with np.errstate(over="ignore"):
        number = value.dtype.type(end)
    inside = abs(float(number) - float(value)) < abs(end - float(value))
    return number if inside else np.nextafter(number, value)


@attrs.frozen(kw_only=True)
class Validity:
    """How a dataset tells invalid pixels.

    Attributes:
        kind: none, nodata, mask or alpha.
        nodata: Of each band; None where it has none or one that no pixel can have.
        alpha: Position of the alpha band, from 0; None without one.
        asks_gdal: The nodata value has no exact float: GDAL's own masks tell.
        transparent: Values, beside nodata, that the colour table of a single band makes fully transparent.
    """

    kind: str
    nodata: tuple[_Number | None, ...]
    alpha: int | None
    asks_gdal: bool = False
    transparent: tuple[int, ...] = ()

    @classmethod
    def of(cls, dataset: DatasetReader) -> Validity:
        dtype = common_dtype(dataset)
        nodata = tuple(_usable(value, dtype) for value in dataset.nodatavals)
        alpha = next(
            (i for i, c in enumerate(dataset.colorinterp) if c is ColorInterp.alpha and dataset.count > 1), None
        )
        flags, clear = dataset.mask_flag_enums[0], _transparent(dataset)
        if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:
            return cls(kind="mask", nodata=(None,) * dataset.count, alpha=alpha, transparent=clear)
        if len(clear) == 1 and nodata == (None,):
            nodata = clear
        if any(value is not None for value in nodata):
            inexact = dtype.itemsize == 8 and any(abs(value or 0) > _LARGEST_EXACT for value in nodata)
            others = tuple(value for value in clear if value != nodata[0])
            exact = dtype.kind not in "iu" or not inexact
            return cls(kind="nodata", nodata=nodata, alpha=alpha, asks_gdal=not exact, transparent=others)
        return cls(kind="none" if alpha is None else "alpha", nodata=nodata, alpha=alpha, transparent=clear)

    def read(self, dataset: DatasetReader, window: Window, out: Array | None = None) -> tuple[Array, Valid, Valid]:
        """All bands of a window, ``(bands, rows, columns)``, which pixels are valid, and the dataset's own mask.

        Pixels are read into ``out`` if there is one, of the common type.
        """
        if out is None:
            data = dataset.read(window=window, out_dtype=common_dtype(dataset))
        else:
            data = dataset.read(window=window, out=out)
        mask = None
        if self.kind == "mask":
            mask = dataset.read_masks(1, window=window)[np.newaxis] > 0
        elif self.asks_gdal:
            mask = dataset.read_masks(window=window) > 0
        if self.transparent:
            mask = _and(mask, ~np.isin(data[:1], self.transparent))
        return data, self.judge(data, mask), mask

    def judge(self, data: Array, mask: Valid = None) -> Valid:
        """Which pixels are valid, given the values and what the dataset's own mask says."""
        valid = mask
        if not self.asks_gdal and self.kind == "nodata":
            valid = _and(valid, self._by_nodata(data))
        if data.dtype.kind in "fc":
            valid = _and(valid, _by_nan(data, self.alpha))
        if self.alpha is not None:
            opaque = data[self.alpha : self.alpha + 1] > 0
            valid = _and(valid, None if opaque.all() else opaque)
        return _simplest(valid)

    def _by_nodata(self, data: Array) -> Valid:
        invalid = np.zeros(data.shape, bool)
        for band, nodata in enumerate(self.nodata):
            if nodata is not None and band != self.alpha:
                invalid[band] = is_nodata(data[band], nodata)
        if not invalid.any():
            return None
        if self.alpha is not None:
            invalid[self.alpha] = np.delete(invalid, self.alpha, axis=0).all(axis=0)
        return ~invalid


def _transparent(dataset: DatasetReader) -> tuple[int, ...]:
    """What a colour table makes fully transparent; nothing where it does so with everything, which says nothing."""
    if dataset.count != 1 or dataset.colorinterp[0] is not ColorInterp.palette:
        return ()
    try:
        table = dataset.colormap(1)
    except ValueError:
        return ()
    clear = tuple(value for value, color in table.items() if color[3] == 0)
    return clear if len(clear) < len(table) else ()


def _by_nan(data: Array, alpha: int | None) -> Valid:
    # a sum is NaN if any of its terms is, and costs no array of its own
    with np.errstate(all="ignore"):
        if np.isfinite(data.sum()):
            return None
    invalid = np.isnan(data)
    if not invalid.any():
        return None
    if alpha is not None:
        invalid[alpha] = np.delete(invalid, alpha, axis=0).all(axis=0)
    return ~invalid


def _and(one: Valid, other: Valid) -> Valid:
    if one is None:
        return other
    return one if other is None else one & other


def _simplest(valid: Valid) -> Valid:
    if valid is None or valid.all():
        return None
    if valid.shape[0] > 1 and all((valid[band] == valid[0]).all() for band in range(1, valid.shape[0])):
        return valid[:1]
    return valid


def any_band(valid: Valid) -> NDArray[np.bool_] | None:
    """``(rows, columns)``: valid in at least one band; None where all are."""
    if valid is None:
        return None
    whole: NDArray[np.bool_] = valid[0] if valid.shape[0] == 1 else np.logical_or.reduce(valid)
    return None if whole.all() else whole


def _usable(nodata: _Number | None, dtype: np.dtype) -> _Number | None:
    """The nodata value as a number of the band's type; None where no pixel can have it."""
    if nodata is None or dtype.kind == "c":
        return nodata
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        # a decimal fraction written for the type's largest number can lie a hair beyond it
        return min(max(nodata, -largest), largest) if largest < abs(nodata) <= largest * (1 + 1e-6) else nodata
    if not math.isfinite(nodata) or nodata != int(nodata):
        return None
    limits = np.iinfo(dtype)
    if limits.bits == 64 and abs(nodata) > _LARGEST_EXACT:
        return int(nodata)
    return int(nodata) if limits.min <= nodata <= limits.max else None


@attrs.frozen(kw_only=True)
class PixelLayout:
    """How a COG holds its pixels.

    Attributes:
        kind: none, nodata, mask or alpha. A COG of kind none that turns out to have invalid pixels gets a mask, or
            NaN where it holds floats.
        nodata: The one nodata value of all bands.
        bands: Positions of the source's bands that are kept, from 0.
        alpha: Position of the alpha band among those kept.
        dtype: Of all bands.
    """

    kind: str
    nodata: _Number | None
    bands: tuple[int, ...]
    alpha: int | None
    dtype: np.dtype

    @property
    def validity(self) -> Validity:
        """How the COG will tell."""
        return Validity(kind=self.kind, nodata=(self.nodata,) * len(self.bands), alpha=self.alpha)

    @property
    def turns_nan(self) -> bool:
        """Whether invalid pixels, should there be any, are NaN without a nodata value being declared yet."""
        return self.kind == "none" and self.dtype.kind == "f"


def choose_layout(validity: Validity, dtype: np.dtype, settings: CogSettings) -> PixelLayout:
    """The source's own way to tell invalid pixels where the codec can hold it, else a mask.

    Lossy codecs blur nodata values away, JPEG has no alpha, and a 64-bit nodata value beyond 2^53 cannot be written
    exactly: these get an internal mask. So do values that a colour table makes transparent, where they are several: a
    GeoTIFF's has no alpha.
    """
    count = len(validity.nodata)
    bands = tuple(range(count))
    lossy = settings.compression == "JPEG" or (settings.compression == "WEBP" and settings.quality != 100)
    kind, alpha = validity.kind, validity.alpha
    if settings.compression == "JPEG" and alpha is not None:
        bands, alpha = tuple(band for band in bands if band != alpha), None
        kind = "mask"
    if validity.transparent or (kind == "nodata" and (lossy or validity.asks_gdal)):
        kind = "mask"
    nodata = _one_nodata(validity.nodata, dtype) if kind == "nodata" else None
    return PixelLayout(kind=kind, nodata=nodata, bands=bands, alpha=alpha, dtype=dtype)


def _one_nodata(values: Sequence[_Number | None], dtype: np.dtype) -> _Number:
    """The nodata value of all bands: GeoTIFF has one for all."""
    given = [value for value in values if value is not None]
    differ = any(value != given[0] and not (value != value and given[0] != given[0]) for value in given)
    return math.nan if differ and dtype.kind in "fc" else given[0]


def settle(data: Array, valid: Valid, layout: PixelLayout, *, as_picture: bool = False) -> None:
    """Give invalid pixels the values that say so, and keep valid ones from having them; in place.

    Args:
        data: ``(bands, rows, columns)``.
        valid: Which of them are valid.
        layout: How the COG tells.
        as_picture: A pixel is nodata only if all its bands are: black is no hole in a picture without green.
    """
    if layout.kind == "nodata" and layout.nodata is not None:
        _move_off_nodata(data, valid, layout, as_picture)
    if layout.alpha is not None:
        alpha = data[layout.alpha]
        alpha[alpha == 0] = 1
    if valid is None:
        return
    fill = layout.nodata if layout.kind == "nodata" else math.nan if layout.dtype.kind in "fc" else 0
    for band in range(data.shape[0]):
        invalid = ~valid[band if valid.shape[0] > 1 else 0]
        data[band][invalid] = 0 if band == layout.alpha else fill


def _move_off_nodata(data: Array, valid: Valid, layout: PixelLayout, as_picture: bool) -> None:
    assert layout.nodata is not None
    bands = [band for band in range(data.shape[0]) if band != layout.alpha]
    hits = np.stack([is_nodata(data[band], layout.nodata) for band in bands])
    if as_picture:
        hits[:] = hits.all(axis=0)
    if not hits.any():
        return
    beside = _beside(layout.nodata, layout.dtype)
    for hit, band in zip(hits, bands, strict=True):
        if valid is not None:
            hit &= valid[band if valid.shape[0] > 1 else 0]
        data[band][hit] = beside


def _beside(nodata: _Number, dtype: np.dtype) -> _Number:
    """The number closest to ``nodata``, towards zero, that nobody takes for it."""
    if dtype.kind in "iu":
        return int(nodata) - 1 if nodata > 0 else int(nodata) + 1
    if math.isnan(nodata):
        return 0
    return float(np.finfo(dtype).tiny) if nodata == 0 else nodata * (1 - 16 * _FLOAT_STEP)
