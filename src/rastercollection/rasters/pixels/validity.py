"""How a raster tells which of its pixels are valid, and how its COG will.

A pixel of a band is valid as GDAL's readers see it (a mask wins over a nodata value), unless it is NaN or an alpha
band makes it fully transparent. In a picture, bands are one colour together: a pixel is a hole where all of them are
nodata, and black, or pure blue, is none. Elsewhere each band is a quantity that may be missing by itself. Arrays of
validity are boolean, ``(1, rows, columns)`` where all bands agree, else ``(bands, rows, columns)``; None stands for
"all valid".

COGs are made so that readers need not know what is a picture: see :func:`choose_layout` and :func:`is_told_alike`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import attrs
import numpy as np
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from rastercollection.model.cog import CogSettings
from rastercollection.model.tiers import PICTURES
from rastercollection.rasters.pixels.windows import Array

__all__ = [
    "LARGEST_EXACT",
    "PixelLayout",
    "Valid",
    "Validity",
    "any_band",
    "choose_layout",
    "common_dtype",
    "is_nodata",
    "is_told_alike",
    "nodata_values",
    "usable",
]

Valid = NDArray[np.bool_] | None
_Number = int | float

LARGEST_EXACT = 2**53
"""Beyond it, readers that take nodata for a float of 64 bits confuse it with its neighbours."""
_LONG_INTEGERS = ("int64", "uint64")
_FLOAT_STEP = float(np.finfo(np.float32).eps)
_CLOSE = 2 * _FLOAT_STEP
"""Floats, also of 64 bits, are nodata to GDAL if they are less than this part of the sum of both away from it."""


def common_dtype(dataset: DatasetReader) -> np.dtype:
    """The one type that holds all bands; types that few programs read become the next larger one."""
    names = {"complex_int16": "complex64", "complex_int32": "complex128", "float16": "float32"}
    return np.result_type(*(np.dtype(names.get(dtype, dtype)) for dtype in dataset.dtypes))


def nodata_values(dataset: DatasetReader) -> tuple[_Number | None, ...]:
    """The nodata value that each band declares, to the last digit; None where it has none.

    rasterio knows floats only, which do not hold all integers of 64 bits; GDAL's own description of the dataset does,
    unless it was opened as an overview, or without any: sources bring their ``exact_nodata`` along.
    """
    exact: tuple[_Number | None, ...] | None = getattr(dataset, "exact_nodata", None)
    values: tuple[_Number | None, ...] = exact or tuple(dataset.nodatavals)
    if exact or not any(dtype in _LONG_INTEGERS for dtype in dataset.dtypes):
        return values
    with MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(dataset, memory.name, driver="VRT")
        bands = ElementTree.fromstring(memory.read()).findall("VRTRasterBand")
    texts = (band.findtext("NoDataValue") for band in bands)
    return tuple(
        _as_integer(text, value) if dtype in _LONG_INTEGERS else value
        for text, value, dtype in zip(texts, values, dataset.dtypes, strict=True)
    )


def _as_integer(text: str | None, value: _Number | None) -> _Number | None:
    try:
        return value if text is None else int(text)
    except ValueError:
        return value


def is_nodata(data: Array, nodata: _Number) -> NDArray[np.bool_]:
    """Where ``data`` is the nodata value, to GDAL's tolerance for floats."""
    if data.dtype.kind == "c":
        return is_nodata(data.real, nodata)
    if data.dtype.kind != "f":
        return np.asarray(data == data.dtype.type(nodata))
    if math.isnan(nodata):
        return np.isnan(data)
    value, least, most = _close_to(nodata, data.dtype)
    if least == most:
        return np.asarray(data == value)
    found = np.asarray((data >= least) & (data <= most))
    if abs(value) > np.finfo(data.dtype).max / 2:
        # the sum that GDAL measures the distance by overflows: -3.4e38 stands for all of about that size
        with np.errstate(over="ignore"):
            found |= np.isfinite(data) & np.isinf(data + value)
    return found


@functools.cache
def _close_to(nodata: _Number, dtype: np.dtype) -> tuple[np.floating[Any], np.floating[Any], np.floating[Any]]:
    """Nodata as a float of a type, and the least and the largest float that GDAL takes for it."""
    with np.errstate(over="ignore"):
        value = dtype.type(nodata)
    if value == 0 or not np.isfinite(value):
        return value, value, value
    ends = [
        _last_before(float(value) * part, value) for part in ((1 - _CLOSE) / (1 + _CLOSE), (1 + _CLOSE) / (1 - _CLOSE))
    ]
    return value, min(ends), max(ends)


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
        unified: Bands tell together: a pixel is nodata where all but alpha are.
        transparent: Values, beside nodata, that the colour table of a single band makes fully transparent.
    """

    kind: str
    nodata: tuple[_Number | None, ...]
    alpha: int | None
    unified: bool = False
    transparent: tuple[int, ...] = ()

    @classmethod
    def of(cls, dataset: DatasetReader, raster_type: str | None = None) -> Validity:
        """That of a dataset; each band tells for itself unless the raster type is one of pictures."""
        dtype = common_dtype(dataset)
        nodata = tuple(usable(value, dtype) for value in nodata_values(dataset))
        alpha = next(
            (i for i, c in enumerate(dataset.colorinterp) if c is ColorInterp.alpha and dataset.count > 1), None
        )
        flags, clear = dataset.mask_flag_enums[0], _transparent(dataset)
        if MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags:
            return cls(kind="mask", nodata=(None,) * dataset.count, alpha=alpha, transparent=clear)
        if len(clear) == 1 and nodata == (None,):
            nodata = clear
        if any(value is not None for value in nodata):
            others = tuple(value for value in clear if value != nodata[0])
            unified = raster_type in PICTURES and dtype.kind in "iu"
            return cls(kind="nodata", nodata=nodata, alpha=alpha, unified=unified, transparent=others)
        return cls(kind="none" if alpha is None else "alpha", nodata=nodata, alpha=alpha, transparent=clear)

    def of_bands(self, bands: Sequence[int]) -> Validity:
        """That of some bands, given by their positions, judged without the others; alpha is lost if not among them."""
        alpha = bands.index(self.alpha) if self.alpha in bands else None
        return attrs.evolve(self, nodata=tuple(self.nodata[band] for band in bands), alpha=alpha)

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
        return data, self.judge(data, mask), mask

    def judge(self, data: Array, mask: Valid = None) -> Valid:
        """Which pixels are valid, given the values and what the dataset's own mask says."""
        valid = mask
        if self.kind == "nodata":
            valid = _and(valid, self._by_nodata(data))
        if self.transparent:
            valid = _and(valid, ~np.isin(data[:1], self.transparent))
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
        if self.unified:
            colors = invalid if self.alpha is None else np.delete(invalid, self.alpha, axis=0)
            return np.asarray(~colors.all(axis=0, keepdims=True))
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


def is_told_alike(data: Array, valid: Valid, layout: PixelLayout) -> bool:
    """Whether readers that judge each band for itself, by the values alone, find the same pixels valid."""
    judged = layout.validity.judge(data)
    return (valid is None and judged is None) or bool(
        (np.asarray(True if valid is None else valid) == np.asarray(True if judged is None else judged)).all()
    )


def usable(nodata: _Number | None, dtype: np.dtype) -> _Number | None:
    """The nodata value as a number of the band's type; None where no pixel can have it."""
    if nodata is None:
        return nodata
    if dtype.kind in "fc":
        largest = float(np.finfo(dtype).max)
        # a decimal fraction written for the type's largest number can lie a hair beyond it
        is_largest = math.isfinite(nodata) and largest < abs(nodata) <= largest * (1 + 1e-6)
        return min(max(nodata, -largest), largest) if is_largest else nodata
    if not math.isfinite(nodata) or nodata != int(nodata):
        return None
    limits = np.iinfo(dtype)
    return int(nodata) if limits.min <= nodata <= limits.max else None


_BESIDE_VALUES = ("mask", "alpha")


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
        holds_nan: Floats may be NaN below a mask or alpha: GDAL before 3.9 does not read that in several bands of LERC.
    """

    kind: str
    nodata: _Number | None
    bands: tuple[int, ...]
    alpha: int | None
    dtype: np.dtype
    holds_nan: bool = True

    @property
    def validity(self) -> Validity:
        """How the COG will tell."""
        return Validity(kind=self.kind, nodata=(self.nodata,) * len(self.bands), alpha=self.alpha)

    @property
    def turns_nan(self) -> bool:
        """Whether invalid pixels, should there be any, are NaN without a nodata value being declared yet."""
        return self.kind == "none" and self.dtype.kind == "f"

    @property
    def fill(self) -> _Number:
        """What invalid pixels are where another band is valid, or where values tell."""
        if self.kind == "nodata" and self.nodata is not None:
            return self.nodata
        return math.nan if self.dtype.kind in "fc" else 0

    @property
    def clears_masked(self) -> bool:
        """Whether NaN must not lie below mask or alpha where no band is valid."""
        return self.kind in _BESIDE_VALUES and self.dtype.kind == "f" and not self.holds_nan


def choose_layout(validity: Validity, dtype: np.dtype, settings: CogSettings) -> PixelLayout:
    """The source's own way to tell invalid pixels where codec and readers can hold it, else a mask.

    Lossy codecs blur nodata values away, JPEG has no alpha, and a 64-bit nodata value beyond 2^53 is confused with its
    neighbours by all who read it as a float: these get an internal mask. So does a picture whose bands have nodata
    values of their own, and so do values that a colour table makes transparent, where they are several: a GeoTIFF's has
    no alpha. Where one has an alpha band beside a nodata value, of which some readers heed the one and some the other,
    alpha tells.
    """
    count = len(validity.nodata)
    bands = tuple(range(count))
    kind, alpha = validity.kind, validity.alpha
    if settings.compression == "JPEG" and alpha is not None:
        bands, alpha = tuple(band for band in bands if band != alpha), None
        kind = "mask"
    if kind == "nodata" and alpha is not None and (validity.unified or count == 2):
        kind = "alpha"
    if validity.transparent or (kind == "nodata" and (not settings.is_exact or _is_misread(validity))):
        kind = "mask"
    nodata = _one_nodata(validity.nodata, dtype) if kind == "nodata" else None
    holds_nan = len(bands) == 1 or not settings.compression.startswith("LERC")
    return PixelLayout(kind=kind, nodata=nodata, bands=bands, alpha=alpha, dtype=dtype, holds_nan=holds_nan)


def _is_misread(validity: Validity) -> bool:
    """Whether readers would take other pixels for invalid than a nodata value means, whatever the pixels are."""
    values = [value for band, value in enumerate(validity.nodata) if band != validity.alpha]
    if any(isinstance(value, int) and abs(value) > LARGEST_EXACT for value in values):
        return True
    return validity.unified and any(value != values[0] for value in values)


def _one_nodata(values: Sequence[_Number | None], dtype: np.dtype) -> _Number:
    """The nodata value of all bands: GeoTIFF has one for all."""
    given = [value for value in values if value is not None]
    differ = any(value != given[0] and not (value != value and given[0] != given[0]) for value in given)
    return math.nan if differ and dtype.kind in "fc" else given[0]
