"""Whether a tile holds numbers that mostly stand for "nothing there" and does not declare them."""

from __future__ import annotations

import numpy as np

from rastercollection.core.models import Notice
from rastercollection.stages.validate.sample import BandSample, Sample

__all__ = ["undeclared_voids"]

_USUAL = (-32768, -32767, -9999, -99999, -999999, 32767, 65535, 1e20, -1e30, -1.5e300)
"""Numbers that formats and programs write where there is no value."""
_LARGE = 3e38
_APART = 3.0
"""Times the spread of all other values: nobody would measure that by the way."""


def undeclared_voids(blob: str, sample: Sample) -> tuple[Notice, ...]:
    """A notice where a band holds such a number far from all its other values: it is taken for a measurement.

    Args:
        blob: The tile.
        sample: Its pixels; what is declared to be invalid is not among the values.
    """
    for band in sample.bands:
        value = _void(band)
        if value is not None:
            share = 100 * float((band.values == value).mean())
            message = (
                f"{blob}: {share:.2g}% of what was sampled of band {band.index} is {value:g}, far from all others, "
                "and no nodata value or mask says that it means nothing: it is taken for a value, and resampled "
                f"with them. If it is none, declare it in the file (rio edit-info --nodata {value:g}) and run the job "
                "again."
            )
            return (Notice(code="VOIDS_UNDECLARED", message=message),)
    return ()


def _void(band: BandSample) -> float | None:
    values = band.values
    if values.size < 2 or values.dtype.kind not in "iuf" or values.dtype.itemsize < 2:
        return None
    for end in (values.min(), values.max()):
        others = values[values != end]
        if not (float(end) in _USUAL or abs(float(end)) > _LARGE) or not others.size:
            continue
        low, high = float(others.min()), float(others.max())
        gap = low - float(end) if end < others.min() else float(end) - high
        if gap > _APART * max(high - low, np.spacing(abs(high))):
            return float(end)
    return None
