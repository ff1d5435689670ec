"""Data types wider than the data needs. Only valid pixels count: not NaN, nodata or masked ones."""

from __future__ import annotations

import numpy as np

from rastercollection.model.band import is_complex
from rastercollection.model.tile import BitDepthFinding
from rastercollection.stages.validate.sample import Sample

__all__ = ["CRITICAL", "HIGH", "MEDIUM", "bit_depth_findings", "bytes_of"]

CRITICAL, HIGH, MEDIUM = "CRITICAL", "HIGH", "MEDIUM"
_FEW = 256
_INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")
_WIDE = ("float64", "int64", "uint64")


def bytes_of(dtype: str) -> int:
    """Bytes of one pixel of one band."""
    return 4 if dtype == "complex_int16" else int(np.dtype(dtype).itemsize)


def bit_depth_findings(sample: Sample, dtypes: tuple[str, ...]) -> tuple[BitDepthFinding, ...]:
    """What the data types waste.

    CRITICAL: 64-bit and complex types. HIGH: floats with fewer than 256 distinct values. MEDIUM: whole numbers in
    floats. The recommended type of the latter, and of 64-bit integers, is the smallest that holds the range seen.
    """
    found = []
    for dtype in dict.fromkeys(dtypes):
        values = [band.values for band in sample.bands if band.dtype == dtype and band.values.size]
        seen = np.concatenate(values) if values else np.empty(0, "float64")
        scope = "" if sample.complete and len(sample.bands) == len(dtypes) else " (in a sample)"
        found += _findings(dtype, seen, scope)
    return tuple(found)


def _findings(dtype: str, values: np.ndarray, scope: str) -> list[BitDepthFinding]:
    if is_complex(dtype):
        return [_finding(CRITICAL, dtype, None, "complex numbers: tile servers and mosaics show real ones")]
    whole = values.size > 0 and (values.dtype.kind in "iu" or bool((values == np.floor(values)).all()))
    smallest = _smallest_integer(values) if whole else None
    found = []
    if dtype in _WIDE:
        better = smallest or ("float32" if dtype == "float64" and _fits_float32(values) else None)
        found.append(_finding(CRITICAL, dtype, better, f"64 bits a pixel{_range(values, scope)}"))
    if not dtype.startswith("float") or not values.size:
        return found
    distinct = _distinct(values)
    if distinct is not None:
        reason = f"only {distinct} distinct values{scope}: they fit 8 bits, as they are, scaled or renumbered"
        found.append(_finding(HIGH, dtype, "uint8", reason))
    elif whole and smallest is not None and bytes_of(smallest) <= bytes_of(dtype):
        found.append(_finding(MEDIUM, dtype, smallest, f"whole numbers in a float type{_range(values, scope)}"))
    return found


def _distinct(values: np.ndarray) -> int | None:
    """Number of distinct values where it is small: below 256, and each of them there more than once on average."""
    number = len(np.unique(values))
    return number if number < _FEW and values.size >= 2 * number else None


def _smallest_integer(values: np.ndarray) -> str | None:
    low, high = values.min(), values.max()
    for dtype in _INTEGERS:
        limits = np.iinfo(dtype)
        if low >= limits.min and high <= limits.max:
            return dtype
    return None


def _fits_float32(values: np.ndarray) -> bool:
    return not values.size or float(np.abs(values).max()) <= float(np.finfo("float32").max)


def _range(values: np.ndarray, scope: str) -> str:
    return f", {values.min():.10g} to {values.max():.10g}{scope}" if values.size else ""


def _finding(severity: str, dtype: str, recommended: str | None, reason: str) -> BitDepthFinding:
    saving = 100 * (1 - bytes_of(recommended) / bytes_of(dtype)) if recommended else 0.0
    return BitDepthFinding(
        severity=severity, dtype=dtype, recommended=recommended, saving_percent=round(saving, 1), reason=reason
    )
