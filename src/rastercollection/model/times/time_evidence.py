"""Which of the facts about a tile's acquisition counts, and what is to be told of the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import attrs

from rastercollection.core.models import Notice
from rastercollection.model.times.cf_time import TimeAxis, span_of_axis
from rastercollection.model.times.name_dates import date_by_pattern, dates_in_name, doubtful_date
from rastercollection.model.times.span import TimeSpan, parse_date, utc_text
from rastercollection.model.times.tag_dates import acquired_by_tags, written_by_tags

__all__ = ["UNKNOWN", "Acquisition", "TimeFacts", "find_acquisition", "ordered_span"]

UNKNOWN = "unknown"
_OLDEST_FILE = dt.datetime(1986, 1, 1, tzinfo=dt.UTC)
_ANY_OFFSET = dt.timedelta(hours=14)
_ONE_DAY = dt.timedelta(days=1)


@attrs.frozen(kw_only=True)
class TimeFacts:
    """What is known about a tile that may tell when it was acquired.

    Attributes:
        blob: Its path.
        parameter: What the user says of all tiles: a date, or an interval ``start/end``.
        pattern: The user's regular expression for names.
        tags: All its tags, whatever the domain.
        axis: The times of its bands; None without such.
        axis_problem: Why they may be incomplete, in words.
    """

    blob: str
    parameter: str | None = None
    pattern: str | None = None
    tags: Mapping[str, str] = attrs.field(factory=dict)
    axis: TimeAxis | None = None
    axis_problem: str = ""


@attrs.frozen(kw_only=True)
class Acquisition:
    """A moment or an interval, RFC 3339 in UTC, and what it was taken from.

    Attributes:
        datetime: The moment; None for an interval, or when unknown.
        start, end: The interval; None for a moment, and for an end that is open or unknown.
        source: parameter, pattern, filename, ``netcdf:`` with the axis, ``metadata:`` with the tag, or unknown.
        notices: ``DATETIME_UNKNOWN`` and others, which docs/errors.md lists.
    """

    datetime: str | None = None
    start: str | None = None
    end: str | None = None
    source: str
    notices: tuple[Notice, ...] = ()


@attrs.frozen(kw_only=True)
class _Fact:
    """A span, where it is from, as in an item and in words, and what is doubtful in it."""

    span: TimeSpan
    source: str
    says: str
    doubt: Notice | None = None


def find_acquisition(facts: TimeFacts, now: dt.datetime) -> Acquisition:
    """When a tile was acquired, by the first of these that tells it:

    1. ``datetime``, and 2. ``datetime_pattern``: orders, which are taken whatever year they yield;
    3. the times of its bands (netCDF, GRIB); 4. tags of its producer or camera on the acquisition; 5. its name.

    Where 3 or 4 tells just the day and a later one a time in it, that is taken. Tags that tell when the file was
    written (``TIFFTAG_DATETIME``), and the time of the file itself, are no acquisition.
    """
    notices: list[Notice] = []
    ignored: list[Notice] = []
    ordered = _ordered(facts, notices)
    told = list(_told(facts, now, ignored))
    notices += [] if ordered else ignored
    fact = ordered or _refined(told)
    if fact is None:
        return _unknown(facts, notices)
    notices += [fact.doubt] if fact.doubt else []
    notices += _disagreement(facts, fact, told)
    span, source = fact.span, fact.source
    if span.is_moment and span.start:
        return Acquisition(datetime=utc_text(span.start), source=source, notices=tuple(notices))
    start, end = (utc_text(one) if one else None for one in (span.start, span.end))
    return Acquisition(start=start, end=end, source=source, notices=tuple(notices))


def ordered_span(text: str) -> TimeSpan | None:
    """The span of a date, or of an interval ``start/end`` of dates, one of which may be open (``..``).

    None where it is neither, or ends before it starts.
    """
    ends = [end.strip() for end in text.split("/")]
    if len(ends) == 1:
        return parse_date(text)
    spans = [TimeSpan(start=None, end=None) if end == ".." else parse_date(end) for end in ends]
    if len(spans) != 2 or spans[0] is None or spans[1] is None:
        return None
    start, end = spans[0].start, spans[1].end
    if (start is None and end is None) or (start and end and end < start):
        return None
    return TimeSpan(start=start, end=end)


def _ordered(facts: TimeFacts, notices: list[Notice]) -> _Fact | None:
    if facts.parameter:
        span = ordered_span(facts.parameter)
        return _Fact(span=span, source="parameter", says=f"datetime says {span}") if span else None
    if not facts.pattern:
        return None
    span = date_by_pattern(facts.pattern, facts.blob)
    if span is None:
        message = f"{facts.blob}: datetime_pattern finds no date in its path; what else there is was taken."
        notices.append(Notice(code="DATETIME_PATTERN_MISSED", message=message))
        return None
    return _Fact(span=span, source="pattern", says=f"datetime_pattern finds {span}")


def _told(facts: TimeFacts, now: dt.datetime, passed_over: list[Notice]) -> Iterator[_Fact]:
    """What the file itself tells, the most telling first; what cannot be taken is told to ``passed_over``."""
    latest = now + _ANY_OFFSET

    def ignored(why: str) -> None:
        passed_over.append(Notice(code="DATETIME_IGNORED", message=f"{facts.blob}: {why}; it was not taken."))

    if facts.axis is not None:
        span = span_of_axis(facts.axis)
        if isinstance(span, str):
            ignored(span)
        else:
            says, doubt = f"its time axis says {span}", None
            if facts.axis_problem:
                message = f"{facts.blob}: {facts.axis_problem}; its times are those of the axis."
                doubt = Notice(code="DATETIME_IGNORED", message=message)
            yield _Fact(span=span, source=facts.axis.source, says=says, doubt=doubt)
    for date in acquired_by_tags(facts.tags):
        says = f"its tag {date.name} says {date.span}"
        if date.span.start is None or date.span.start > latest:
            ignored(f"{says}, which is in the future")
            continue
        doubt = _assumed_utc(facts.blob, date.name) if date.is_local else None
        yield _Fact(span=date.span, source=f"metadata:{date.name}", says=says, doubt=doubt)
    if not (facts.parameter or facts.pattern):
        name = dates_in_name(facts.blob, latest)
        if name.span is not None:
            doubt = _ambiguous(facts.blob, name.ambiguity, name.span) if name.ambiguity else None
            yield _Fact(span=name.span, source="filename", says=f"its name says {name.span}", doubt=doubt)


def _assumed_utc(blob: str, tag: str) -> Notice:
    message = (
        f"{blob}: {tag} is a local time without an offset; it was taken as UTC. Set `datetime` or `datetime_pattern`."
    )
    return Notice(code="DATETIME_ASSUMED_UTC", message=message)


def _ambiguous(blob: str, ambiguity: str, span: TimeSpan) -> Notice:
    message = (
        f"{blob}: {ambiguity}; the interval over both was taken, {span}. Set datetime_pattern to tell which counts."
    )
    return Notice(code="DATETIME_AMBIGUOUS", message=message)


def _refined(told: Sequence[_Fact]) -> _Fact | None:
    """The first fact, or where it is known to the day or less only, a later one that lies in it and is more exact."""
    best = told[0] if told else None
    for fact in told:
        if best and best.span.unit and best.span != fact.span and best.span.holds(fact.span):
            best = fact
    return best


def _disagreement(facts: TimeFacts, fact: _Fact, told: Sequence[_Fact]) -> list[Notice]:
    """That other facts tell of another time, or that the file was written before."""
    apart = [other.says for other in told if other is not fact and fact.span.is_apart(other.span, _ONE_DAY)]
    for date in written_by_tags(facts.tags):
        start = fact.span.start
        if start and date.span.end and date.span.end >= _OLDEST_FILE and start - date.span.end > _ONE_DAY:
            apart.append(f"its tag {date.name} says that it was written {date.span}")
    if not apart:
        return []
    message = f"{facts.blob}: {fact.says}, which was taken, but {', '.join(dict.fromkeys(apart))}."
    return [Notice(code="DATETIME_DISAGREES", message=message)]


def _unknown(facts: TimeFacts, notices: Sequence[Notice]) -> Acquisition:
    """Nothing is known; when it was written, which is told, may be years after."""
    ends = [(date.span.end, date) for date in written_by_tags(facts.tags) if date.span.end]
    written = min(ends, key=lambda entry: entry[0], default=None)
    says = f" {written[1].name} says that it was written {written[1].span}." if written else ""
    maybe = doubtful_date(facts.blob)
    hint = f" {maybe!r} in its name may be a date of some kind." if maybe else ""
    message = f"{facts.blob}: nothing tells when it was acquired.{says}{hint} Set `datetime` or `datetime_pattern`."
    return Acquisition(source=UNKNOWN, notices=(*notices, Notice(code="DATETIME_UNKNOWN", message=message)))
