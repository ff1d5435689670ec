"""What stage 5 hands on: which of a job's COGs other people's readers show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.core.records import to_plain

__all__ = ["Check"]


@attrs.frozen(kw_only=True)
class Check:
    """Stage 5's answer.

    Attributes:
        readers: The readers that were asked, with their versions.
        cogs: Number of COGs that this job made.
        served: How many of them are shown.
        through_mosaic: How many of them were read through the mosaic; the others are in none, and were read alone.
        empty: COGs without a valid pixel, of which there is nothing to be seen.
        unserved: Why COGs are not shown, by the names of their tiles.
        unasked: Why it could not be found out, by the names of tiles.
        is_final: Another look would find the same: nothing is wrong, and no store failed.
        seconds: Wall time.
    """

    readers: str
    cogs: int
    served: int
    through_mosaic: int
    empty: int
    unserved: Mapping[str, str]
    unasked: Mapping[str, str]
    is_final: bool
    seconds: float

    def summary(self) -> dict[str, Any]:
        """What a job's summary says of it, JSON-able."""
        return {name: value for name, value in to_plain(self).items() if name != "schema_version"}
