"""What a tile is taken for: the requested type against the detected one.

A request is refused where the data excludes it:

- rgb needs 3 bands, rgba and nir 4, all of integers; multispectral needs 2 or more;
- dem and categorical need 1 band (beside alpha); a dem has no colour table; categories are whole numbers;
- no type is one of complex numbers;
- and where the detection is at least of medium confidence and says something else.

Otherwise the user knows better: with a detection of low confidence or none (``unknown``); for ``multispectral`` where
three or four bands are not named as a picture's, which is but a wider name for them; for ``nir`` where a fourth band of
few values is not named; for ``categorical`` where whole values are few. A notice says so.
"""

from __future__ import annotations

import numpy as np

from rastercollection.core.models import Notify
from rastercollection.errors import TaskError
from rastercollection.model.band import is_complex
from rastercollection.model.tiers import COLOR_PICTURES
from rastercollection.model.tile import Detection
from rastercollection.stages.validate.bands import DeclaredBands, is_integer
from rastercollection.stages.validate.sample import Sample

__all__ = ["settle_type"]

_FEW = 256


def settle_type(
    blob: str, requested: str, layout: DeclaredBands, detection: Detection, sample: Sample, notify: Notify
) -> str:
    """The type to go by.

    Args:
        blob: The tile.
        requested: ``auto``, or the type the user says it is.
        layout, detection, sample: What the tile shows.
        notify: Told when the user's word overrides the detection.

    Raises:
        TaskError: ``RASTER_TYPE_MISMATCH``.
    """
    detected = detection.raster_type
    if requested in ("auto", detected):
        return detected
    excluded = _excluded(requested, layout, sample)
    if excluded or not _may_override(requested, layout, detection):
        because = excluded or f"it is {detected} ({detection.confidence} confidence: {'; '.join(detection.evidence)})"
        raise TaskError(
            f"{blob} was requested as raster_type={requested!r}, but {because}.",
            "Leave raster_type at 'auto', or process this tile in a collection of its own.",
            "RASTER_TYPE_MISMATCH",
            details={"requested": requested, "detected": detected, "confidence": detection.confidence},
        )
    notify(
        "RASTER_TYPE_FROM_REQUEST",
        f"{blob} is taken for {requested}, as requested; its pixels look like {detected} "
        f"({detection.confidence} confidence).",
    )
    return requested


def _may_override(requested: str, layout: DeclaredBands, detection: Detection) -> bool:
    if detection.confidence == "low" or detection.raster_type == "unknown":
        return True
    if requested == "nir" and detection.raster_type == "rgba":
        return detection.confidence == "medium"
    if requested == "categorical":
        return detection.pixels is not None and detection.pixels.distinct < _FEW
    named = detection.confidence == "very_high" and detection.raster_type in COLOR_PICTURES
    return requested == "multispectral" and layout.count in (3, 4) and not named


def _excluded(requested: str, layout: DeclaredBands, sample: Sample) -> str:
    """Why the bands rule the type out, in words; empty where they do not."""
    needs = {"rgb": 3, "rgba": 4, "nir": 4}.get(requested)
    plain = layout.count - ("alpha" in layout.colors)
    if needs is not None and layout.count != needs:
        return f"it has {layout.count} band(s), not {needs}"
    if any(map(is_complex, layout.dtypes)):
        return "its values are complex numbers"
    if needs is not None and not all(is_integer(dtype) for dtype in layout.dtypes):
        return f"its bands are {layout.dtypes[0]}, not integers"
    if requested == "multispectral" and plain < 2:
        return "it has one band"
    if requested in ("dem", "categorical") and plain != 1:
        return f"it has {plain} bands, not 1"
    if requested == "dem" and layout.has_color_table:
        return "it has a colour table"
    if requested == "categorical" and not _is_whole(sample):
        return "it has values that are not whole numbers"
    return ""


def _is_whole(sample: Sample) -> bool:
    values = sample.bands[0].values
    return values.dtype.kind in "iu" or (values.dtype.kind == "f" and bool((values == np.floor(values)).all()))
