"""Dates in the tags of a raster: those that tell when it was acquired, and those that tell when it was written."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import attrs

from rastercollection.model.times.span import TimeSpan, parse_date, parse_offset

__all__ = ["TagDate", "acquired_by_tags", "written_by_tags"]


@attrs.frozen(kw_only=True)
class TagDate:
    """What tags tell.

    Attributes:
        name: Of the tag, as in the file.
        span: The date, or the interval.
        is_local: It is a clock's local time without an offset.
    """

    name: str
    span: TimeSpan
    is_local: bool = False


@attrs.frozen
class _Rule:
    """Tags that make a date together.

    Attributes:
        date: Name of the tag with the date, in upper case, without the group that it stands in.
        time: Of that with the time of day; empty where it stands in the first.
        end_date, end_time: Of the end of an interval.
        offset: Of that with the offset from UTC.
        is_local: Without an offset, it is a local time.
        group: Where the tags have to stand; empty for anywhere.
    """

    date: str
    time: str = ""
    end_date: str = ""
    end_time: str = ""
    offset: str = ""
    is_local: bool = False
    group: str = ""


_ACQUIRED = (
    _Rule("EARLIESTACQTIME", end_date="LATESTACQTIME"),  # of Maxar
    _Rule("FIRSTLINETIME"),
    _Rule("TLCTIME"),
    _Rule("IMAGING_DATE", "IMAGING_TIME"),  # of Airbus
    _Rule("ACQUISITIONDATETIME"),  # what GDAL makes of those of many producers
    _Rule("ACQUISITION_START_TIME", end_date="ACQUISITION_STOP_TIME"),  # Sentinel-1
    _Rule("PRODUCT_START_TIME", end_date="PRODUCT_STOP_TIME"),  # Sentinel-2
    _Rule("START_TIME", end_date="STOP_TIME", group="NC_GLOBAL"),  # Sentinel-3
    _Rule("TIME_COVERAGE_START", end_date="TIME_COVERAGE_END"),  # netCDF's discovery conventions
    _Rule("RANGEBEGINNINGDATE", "RANGEBEGINNINGTIME", "RANGEENDINGDATE", "RANGEENDINGTIME"),  # HDF-EOS
    _Rule("CALENDARDATE", "TIMEOFDAY"),  # ASTER
    _Rule("DATE_ACQUIRED", "SCENE_CENTER_TIME"),  # Landsat
    _Rule("ACQUISITION_DATETIME"),
    _Rule("ACQUISITION_TIME"),  # ENVI
    _Rule("ACQUISITION_DATE"),
    _Rule("ACQUISITIONDATE"),
    _Rule("SENSING_TIME"),
    _Rule("EXIF_GPSDATESTAMP", "EXIF_GPSTIMESTAMP"),
    _Rule("EXIF_DATETIMEORIGINAL", offset="EXIF_OFFSETTIMEORIGINAL", is_local=True),
    _Rule("DATETIMEORIGINAL", offset="OFFSETTIMEORIGINAL", is_local=True),
)
"""The most telling first."""

_WRITTEN = (_Rule("TIFFTAG_DATETIME"), _Rule("EXIF_DATETIME"), _Rule("EXIF_DATETIMEDIGITIZED"))
_GROUPS = re.compile(r"^(?P<group>.*[.#/])?(?P<name>[^.#/]+)$", re.DOTALL)

Groups = Mapping[str, Mapping[str, tuple[str, str]]]


def acquired_by_tags(tags: Mapping[str, str]) -> Iterator[TagDate]:
    """What producers and cameras tell of the acquisition, the most telling first.

    Where several groups of tags tell it, as of the strips of a mosaic, it is the interval over all of them.

    Args:
        tags: All of the dataset's, of all domains.
    """
    groups = _grouped(tags)
    for rule in _ACQUIRED:
        found = [date for group, inside in groups.items() if (date := _date(rule, group, inside))]
        if found:
            span = found[0].span
            for other in found[1:]:
                span = span if span.holds(other.span) else span.joined(other.span)
            yield attrs.evolve(found[0], span=span)


def written_by_tags(tags: Mapping[str, str]) -> Iterator[TagDate]:
    """When programs wrote the file, or it was scanned: what it shows was acquired before."""
    groups = _grouped(tags)
    for rule in _WRITTEN:
        yield from (date for group, inside in groups.items() if (date := _date(rule, group, inside)))


def _grouped(tags: Mapping[str, str]) -> Groups:
    """By group, as ``IMAGE_1.`` or ``NC_GLOBAL#``, and by name in upper case: the name as it is, and the value."""
    groups: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
    for key, value in tags.items():
        found = _GROUPS.match(key)
        if found:
            groups[found["group"] or ""][found["name"].upper()] = (key, value)
    return groups


def _date(rule: _Rule, group: str, tags: Mapping[str, tuple[str, str]]) -> TagDate | None:
    if rule.date not in tags or not group.upper().startswith(rule.group):
        return None

    def text(name: str) -> str:
        return tags[name][1].strip().strip("\"';").strip() if name in tags else ""

    start = _parsed(text(rule.date), text(rule.time), text(rule.offset))
    if start is None:
        return None
    end = _parsed(text(rule.end_date), text(rule.end_time), text(rule.offset))
    span = start if end is None or end.end is None or start.end is None or end.end < start.end else start.joined(end)
    has_offset = bool(text(rule.offset)) and parse_offset(text(rule.offset)) is not None
    is_local = rule.is_local and start.is_moment and not has_offset
    return TagDate(name=tags[rule.date][0], span=span, is_local=is_local)


def _parsed(date: str, time: str, offset: str) -> TimeSpan | None:
    """A date with a time of day and an offset from other tags; without them where they are not understood."""
    clock = re.sub(r"^\(?(\d{1,2})\)?[ :]+\(?(\d{1,2})\)?[ :]+\(?(\d{1,2}(?:\.\d*)?)\)?", _two_digits, time)
    texts = (f"{date}T{clock}{offset}", f"{date}T{clock}", f"{date}{offset}", date)
    return next((span for text in texts if (span := parse_date(text))), None)


def _two_digits(found: re.Match[str]) -> str:
    """A time of EXIF's, ``(6) (12) (30.5)``, as ``06:12:30.5``."""
    whole, _, decimals = found[3].partition(".")
    return f"{int(found[1]):02d}:{int(found[2]):02d}:{int(whole):02d}" + (f".{decimals}" if decimals else "")
