"""What a plan tells of a tile: what its conversion would take and give."""

from __future__ import annotations

import attrs

from rastercollection.core.models import ErrorRecord, Notice

__all__ = ["TileForecast"]


@attrs.frozen(kw_only=True)
class TileForecast:
    """What a tile will take and give. All is None that the workflow does not make, or of a tile with a problem.

    Attributes:
        blob: The tile.
        output_blob: Where its COG will go, relative to the output container.
        shape: Of the COG, ``(rows, columns)``.
        resampled: Whether its pixels will be moved to another CRS or grid.
        compression: GDAL's name of the codec that it will be written with.
        in_memory: Whether intermediates will stay in RAM.
        bytes_out: Of the COG, if it compresses like most of its kind.
        most_bytes_out: Of the COG, if it does not compress at all.
        peak_memory: Bytes of RAM of the process that converts it, at most.
        temporary_disk: Bytes in the scratch folder, at most.
        problem: Why it will not be converted.
        notices: What the stages would warn of.
    """

    blob: str
    output_blob: str | None = None
    shape: tuple[int, int] | None = None
    resampled: bool | None = None
    compression: str | None = None
    in_memory: bool | None = None
    bytes_out: int | None = None
    most_bytes_out: int | None = None
    peak_memory: int | None = None
    temporary_disk: int | None = None
    problem: ErrorRecord | None = None
    notices: tuple[Notice, ...] = ()
