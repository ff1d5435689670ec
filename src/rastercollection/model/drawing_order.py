"""Which tile of a collection is on top where several overlap: one order, for everything that is published. Pure.

The newest is on top, by the moment at which it was acquired or an interval begins; of those of one moment the last by
id; at the bottom is what has no such moment. It is the order in which pgSTAC finds items that nothing else sorts, so
that tile servers that ask it for a collection show the same as mosaics do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from rastercollection.model.cog import Cog
from rastercollection.model.times.span import EARLIEST

__all__ = ["SORTBY", "Rank", "on_top_first", "rank_of"]

Rank = tuple[dt.datetime, str]

SORTBY: Sequence[Mapping[str, str]] = (
    {"field": "datetime", "direction": "desc"},
    {"field": "id", "direction": "desc"},
)
"""The order as a STAC search asks for it."""

UNKNOWN = dt.datetime.fromisoformat(EARLIEST)
"""As it is published, where a STAC search sorts it."""


def on_top_first(cogs: Iterable[Cog]) -> tuple[Cog, ...]:
    """COGs in the order in which they lie above each other, the one on top first."""
    return tuple(sorted(cogs, key=_rank, reverse=True))


def rank_of(item_id: str, begins: str | None) -> Rank:
    """What is greater of an item that lies above another.

    Args:
        item_id: Its id.
        begins: When it was acquired, or the interval begins in which it was, RFC 3339; None where that is not known, as
            it is taken to be where this is no time.
    """
    try:
        moment = dt.datetime.fromisoformat(begins or "")
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC), item_id
    except (ValueError, OverflowError):
        return UNKNOWN, item_id


def _rank(cog: Cog) -> Rank:
    return rank_of(cog.item_id, cog.start_datetime or cog.datetime)
