"""Whether the COGs of a job will fit where they go, told before the first of them is made."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import numpy as np

from rastercollection.core.models import Notify
from rastercollection.errors import MachineError
from rastercollection.model.combining import promoted
from rastercollection.model.request import CollectionRequest
from rastercollection.model.room import Need, Room
from rastercollection.model.tile import Validation
from rastercollection.rasters.cost import predict_bytes

__all__ = ["check_room"]

_SMALLEST_SHARE = 1000
"""No codec makes pixels smaller than by this factor, whatever they show."""
_RECORD = Need(least=1024, likely=32 * 1024)
"""Of a tile in a job store, with what is written before it is in its place."""


def check_room(
    request: CollectionRequest, room: Room | None, planned: Iterable[tuple[Validation, str]], notify: Notify
) -> None:
    """Refuse what certainly does not fit, and tell of what may not.

    Args:
        request: How pixels are to lie.
        room: What there is; None where nothing is known of it.
        planned: Tiles, and the names of their COGs in the output folder. Those that are there already give way.
        notify: Told ``SPACE_MAY_RUN_OUT``.

    Raises:
        MachineError: ``NO_SPACE``.
    """
    if room is None:
        return
    output, scratch, state = Need(), Need(), Need()
    for validation, name in planned:
        likely, most, least = _bytes(request, validation)
        if name.rpartition("/")[2] not in room.there:
            output += Need(least=least, likely=likely)
        # those that run beside each other wait for room: it has to do for one
        scratch = Need(likely=max(scratch.likely, most))
        state += _RECORD
    hint = "Make room there, or write somewhere else (output_container, scratch, jobs)."
    for shortage in room.shortages({"output": output, "scratch": scratch, "state": state}):
        if shortage.is_certain:
            raise MachineError(shortage.message, hint, "NO_SPACE")
        notify("SPACE_MAY_RUN_OUT", f"{shortage.message} {hint}")


def _bytes(request: CollectionRequest, validation: Validation) -> tuple[int, int, int]:
    """Of a COG: usually, at most, at least."""
    settings, shape = validation.settings, _shape(validation)
    dtype = np.dtype(promoted(frozenset(validation.dtypes)))
    likely, most = predict_bytes(
        shape,
        validation.band_count,
        dtype,
        settings.compression,
        block_size=settings.block_size,
        classes=validation.raster_type == "categorical",
    )
    raw = shape[0] * shape[1] * validation.band_count * dtype.itemsize
    is_as_it_is = validation.natural is not None and validation.natural.is_upright and request.resolution is None
    least = raw if settings.compression == "NONE" and is_as_it_is else raw // _SMALLEST_SHARE
    return likely, most, least


def _shape(validation: Validation) -> tuple[int, int]:
    natural = validation.natural
    if natural is None:
        return validation.height, validation.width
    left, bottom, right, top = natural.bounds
    across, down = natural.resolution
    return ceil((top - bottom) / down), ceil((right - left) / across)
