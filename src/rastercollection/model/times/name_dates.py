"""Dates in a tile's name: by a pattern of the user's, and those that stand in it as names usually have them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

import attrs

from rastercollection.model.times.product_names import product_date
from rastercollection.model.times.span import TimeSpan, parse_date, span_of_parts

__all__ = ["NameDates", "date_by_pattern", "dates_in_name", "doubtful_date"]

# a v before it makes it the date of a version
_DAY = (
    r"(?<!\d)(?<![^A-Za-z][vV])(?P<year>(?:19|20)\d\d)"
    r"(?P<s>[-_.]?)(?P<month>0[1-9]|1[0-2])(?P=s)(?P<day>0[1-9]|[12]\d|3[01])"
)
_HOUR, _MINUTE, _SECOND = r"(?P<hour>[01]\d|2[0-3])", r"(?P<minute>[0-5]\d)", r"(?P<second>[0-5]\d|60)"
_ZULU, _EAST = r"[Zz](?![A-Za-z0-9])", r"\+\d\d(?::?\d\d)?(?!\d)"
_WEST = r"-(?:0\d|1[0-2]):?(?:00|30|45)(?!\d)"
_STAMPS = [
    re.compile(form, re.ASCII)
    for form in (
        # 2019-07-14T10:00:31.027+0200, 20190714T100031027Z, 20190714T1000
        rf"{_DAY}[Tt]{_HOUR}(?P<c>[-:_.]?){_MINUTE}(?:(?P=c){_SECOND}(?:[.,]?(?P<fraction>\d{{1,9}}))?)?"
        rf"(?P<zone>{_ZULU}|{_EAST}|{_WEST})?(?![A-Za-z0-9])",
        # 20190714T06Z
        rf"{_DAY}[Tt]{_HOUR}(?P<zone>{_ZULU})",
        # 20190714_100031, 2019-07-14-10-00-31, 20190714-100031027
        rf"{_DAY}[-_ ]{_HOUR}(?P<c>[-:_.]?){_MINUTE}(?P=c){_SECOND}(?:\.(?P<decimals>\d{{1,9}})|(?P<fraction>\d{{3}}))?"
        rf"(?P<zone>{_ZULU}|{_EAST})?(?!\d)",
        # 20190714100031, with decimals behind it, or to the minute or hour
        rf"{_DAY}{_HOUR}(?:{_MINUTE}(?:{_SECOND}(?P<fraction>\d{{1,3}})?)?)?(?P<zone>{_ZULU})?(?!\d)",
        rf"{_DAY}(?!\d)",
    )
]
_BETWEEN = re.compile(r"_{1,2}|-{1,2}|[-_]to[-_]")
_ONE_PASS = dt.timedelta(hours=2)
_YEAR, _MONTH, _DATE = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_DOUBTFUL = re.compile(
    rf"(?<!\d)(?:\d{{1,2}}[-_.]\d{{1,2}}[-_.]{_YEAR}|\d\d[-_.]{_MONTH}[-_.]\d\d|{_YEAR}[-_.]?{_MONTH}"
    rf"|{_DATE}{_MONTH}{_YEAR}|{_MONTH}{_DATE}{_YEAR}|\d\d{_MONTH}{_DATE}|{_YEAR}\d{{3}}|{_YEAR})(?!\d)",
    re.ASCII,
)


@attrs.frozen(kw_only=True)
class NameDates:
    """What a name tells.

    Attributes:
        span: When the tile was acquired; None where nothing tells.
        ambiguity: Why it is an interval over several dates, in words; empty where the name is plain.
    """

    span: TimeSpan | None = None
    ambiguity: str = ""


def dates_in_name(blob: str, latest: dt.datetime) -> NameDates:
    """What stands in a tile's name, where nobody said how to read it.

    That of a known product is read as its producer writes it. In others a date is a day with the year first and all its
    digits (``20190714``, ``2019-07-14``, also with ``_`` or ``.``), with a time behind it where there is one, in the
    file's own name; of a folder, it may be that of a delivery. Of two dates nothing tells whether they are start and
    end, or acquisition and processing: the acquisition lies in the interval over both, in either case.

    Args:
        blob: Path of the tile.
        latest: What starts later is no acquisition.
    """
    product = product_date(blob)
    if product is not None:
        return NameDates(span=product.span if product.span and _is_plausible(product.span, latest) else None)
    name = blob.rsplit("/", 1)[-1]
    found = [(place, span) for place, span in _stamps(f"_{name}") if _is_plausible(span, latest)]
    exact = _most_exact(found)
    if len(exact) < 2:
        return NameDates(span=exact[0][1] if exact else None)
    span = exact[0][1]
    for _, other in exact[1:]:
        span = span.joined(other)
    if _is_an_interval(f"_{name}", exact):
        return NameDates(span=span)
    dates = " and ".join(str(one) for _, one in exact)
    return NameDates(span=span, ambiguity=f"its name has {dates}")


Place = tuple[int, int]


def _stamps(name: str) -> list[tuple[Place, TimeSpan]]:
    """Dates and where they stand, from the left; no two overlap, and the form that tells most wins."""
    taken: list[tuple[Place, TimeSpan]] = []
    for form in _STAMPS:
        for found in form.finditer(name):
            start, end = found.span()
            parts = found.groupdict()
            span = span_of_parts({**parts, "fraction": parts.get("fraction") or parts.get("decimals")})
            if span is not None and all(end <= place[0] or place[1] <= start for place, _ in taken):
                taken.append(((start, end), span))
    return sorted(taken, key=lambda one: one[0])


def _is_plausible(span: TimeSpan, latest: dt.datetime) -> bool:
    return span.start is not None and span.start <= latest


def _most_exact(found: Sequence[tuple[Place, TimeSpan]]) -> list[tuple[Place, TimeSpan]]:
    """Each date once: without those that another one makes more exact."""
    spans = [span for _, span in found]
    return [
        (place, span)
        for number, (place, span) in enumerate(found)
        if span not in spans[:number] and not any(other != span and span.holds(other) for other in spans)
    ]


def _is_an_interval(name: str, found: Sequence[tuple[Place, TimeSpan]]) -> bool:
    """Whether two dates are start and end: side by side and of one pass, or with ``to`` between them."""
    if len(found) != 2:
        return False
    ((_, end_of_first), first), ((start_of_second, _), second) = found
    between = name[end_of_first:start_of_second]
    if first.start is None or second.start is None or first.start > second.start or not _BETWEEN.fullmatch(between):
        return False
    is_pass = first.is_moment and second.is_moment and second.start - first.start <= _ONE_PASS
    return is_pass or "to" in between


def doubtful_date(blob: str) -> str:
    """A part of a name, or of its folders, that may be a date and is not taken for one; empty without one."""
    for part in reversed(blob.split("/")):
        found = _stamps(f"_{part}")
        if found:
            return f"_{part}"[slice(*found[0][0])]
        doubtful = _DOUBTFUL.search(part)
        if doubtful:
            return doubtful[0]
    return ""


def date_by_pattern(pattern: str, blob: str) -> TimeSpan | None:
    """What a pattern of the user's finds in a tile's path, whatever year it is; None where that is no date.

    Args:
        pattern: Either with groups named year and, as far as there are such, month and day or doy (day of the year),
            hour, minute, second, fraction, zone; or with a group that holds a date as :func:`parse_date` reads it, and
            where there is another one, with that of the end; or with groups that hold year, month and day in turn.
        blob: Path of the tile.
    """
    found = re.search(pattern, blob)
    if found is None:
        return None
    named: Mapping[str, str | None] = found.groupdict()
    if named.get("year"):
        return span_of_parts(named)
    groups = [group for group in found.groups() if group]
    spans = [span for group in groups if (span := parse_date(group))]
    if any(group.isdecimal() and parse_date(group) is None for group in groups):
        return parse_date("-".join(groups))  # (year)-(month) in groups of their own
    if len(spans) < 2:
        return spans[0] if spans else None
    first, last = spans[0], spans[1]
    if first.start is None or last.end is None or last.end < first.start:
        return first
    return TimeSpan(start=first.start, end=last.end)
