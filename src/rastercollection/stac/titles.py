"""Titles for people: what a collection is, and when it was acquired."""

from __future__ import annotations

import datetime as dt
import re

__all__ = ["collection_title", "when"]

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def collection_title(collection_id: str, start: dt.datetime | None, end: dt.datetime | None) -> str:
    """The words of the id and the time of acquisition: ``Namangan demo, 14 July 2019``.

    Args:
        collection_id: What the job called the collection.
        start, end: First and last moment of acquisition, UTC; None for an end that is open or not known.
    """
    words = re.sub(r"[-_]+", " ", collection_id).strip() or collection_id
    moment = when(start, end)
    return f"{words[0].upper()}{words[1:]}{f', {moment}' if moment else ''}"


def when(start: dt.datetime | None, end: dt.datetime | None) -> str:
    """A time of acquisition by days, or by months or years where these are whole; empty where nothing is known."""
    if start is None and end is None:
        return ""
    if end is None or start is None:
        return f"from {_day(start)}" if start is not None else f"until {_day(end)}" if end is not None else ""
    if start.date() == end.date():
        return _day(start)
    is_whole = start.day == 1 and (end + dt.timedelta(days=1)).day == 1
    if is_whole and (start.month, end.month) == (1, 12):
        return f"{start.year}" if start.year == end.year else f"{start.year} – {end.year}"
    if is_whole:
        months = [f"{_MONTHS[one.month - 1]} {one.year}" for one in (start, end)]
        return months[0] if months[0] == months[1] else " – ".join(months)
    return f"{_day(start)} – {_day(end)}"


def _day(moment: dt.datetime) -> str:
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
