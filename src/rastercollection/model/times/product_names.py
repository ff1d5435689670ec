"""Names of known products, which tell more by their places than dates alone: what is sensing, what processing.

One row a family, after its producer's naming convention. A name is known by its shape as a whole, so that a date in it
is not a guess.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import attrs

from rastercollection.model.times.span import TimeSpan, parse_date, span_of_parts

__all__ = ["ProductName", "product_date"]

_YMD = r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)"
_YJ = r"(?P<year>(?:19|20)\d\d)(?P<doy>\d{3})"
_HMS = r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
_END = r"(?P<end_hour>\d\d)(?P<end_minute>\d\d)(?P<end_second>\d\d)"
_START_STOP = r"(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})"
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_PRODUCTS: Mapping[str, str] = {
    # Sentinel-2 of before 2016: the last but one is the time of processing, V the sensing
    "Sentinel-2": rf"S2[A-D]_OPER_\w*_V{_START_STOP}",
    "Sentinel-2, old": r"S2[A-D]_OPER_",
    "Sentinel-2, new": r"S2[A-D]_MSIL\d\w_(?P<start>\d{8}T\d{6})_N\d{4}_R\d{3}_T",
    "Sentinel-3": rf"S3[A-D]_[A-Z0-9]{{2}}_[012]_\w{{6}}_{_START_STOP}_\d{{8}}T\d{{6}}_",
    "Sentinel-5P": rf"S5P_[A-Z]{{4}}_\w{{10}}_{_START_STOP}_\d{{5}}_",
    # acquisition, then processing
    "Landsat": r"L[COTEM]\d\d_(?:L\w{3}_\d{6}|[A-Z]{2}_\d{6})_(?P<start>\d{8})_\d{8}_",
    "Landsat, old": rf"(?<![A-Za-z0-9])L[COTEM]\d{{7}}{_YJ}[A-Z]{{3}}\d\d",
    "EnMAP": r"ENMAP\d\d-_{4}L\w\w-DT\d{10}_(?P<start>\d{8}T\d{6})Z_",
    # photography, then the version of the file
    "NAIP": r"^m_\d{7}_[ns][ew]_\d{1,2}_(?:\d{1,3}|h)_(?P<start>\d{8})(?:_\d{8})?(?!\d)",
    "MODIS, VIIRS": rf"[._]A{_YJ}(?:\.(?P<hour>\d\d)(?P<minute>\d\d))?(?=[._])",
    "AppEEARS": rf"[._]doy{_YJ}(?:{_HMS})?(?!\d)",
    "HLS": rf"(?<!\d){_YJ}[Tt]{_HMS}(?!\d)",
    "GOES": rf"_s{_YJ}{_HMS}(?P<fraction>\d)_e\d{{7}}{_END}\d_c\d{{14}}",
    "VIIRS, raw": rf"_d{_YMD}_t{_HMS}(?P<fraction>\d)_e{_END}\d_b\d",
    "GPM": rf"\.{_YMD}-S{_HMS}-E{_END}\.",
    "ASTER": r"AST_\w{2,4}_\d{3}(?P<month>\d\d)(?P<day>\d\d)(?P<year>(?:19|20)\d\d)" + _HMS + r"_\d{14}_",
    "WorldView": rf"(?<!\d)(?P<yy>\d\d)(?P<mon>{'|'.join(_MONTHS)})(?P<day>\d\d){_HMS}-[MPS]\d[A-Z]{{2}}[-_]",
    "PlanetScope": rf"(?<!\d){_YMD}_{_HMS}_(?P<fraction>\d\d)_[0-9a-f]{{4}}(?![0-9a-f])",
}
_KNOWN = {name: re.compile(form, re.ASCII) for name, form in _PRODUCTS.items()}


@attrs.frozen(kw_only=True)
class ProductName:
    """That a name is one of a known family.

    Attributes:
        family: Which.
        span: When it was acquired; None where such a name tells just when it was processed.
    """

    family: str
    span: TimeSpan | None


def product_date(blob: str) -> ProductName | None:
    """What the name of a known product tells, of the file or else of a folder that it lies in; None for other names."""
    for part in reversed(blob.split("/")):
        for family, form in _KNOWN.items():
            found = form.search(part)
            span = _span(found.groupdict()) if found else None
            if found and (span is not None or not found.groupdict()):
                return ProductName(family=family, span=span)
    return None


def _span(parts: Mapping[str, str | None]) -> TimeSpan | None:
    if parts.get("start"):
        start = parse_date(parts["start"] or "")
        stop = parse_date(parts.get("stop") or "")
    else:
        start = span_of_parts(_with_year(parts))
        stop = _end_of_day(start, parts) if start and parts.get("end_hour") else None
    if start is None or stop is None or start.start is None or stop.end is None or stop.end < start.start:
        return start
    return TimeSpan(start=start.start, end=stop.end)


def _with_year(parts: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """With a year of four digits and a month in digits, where a name has them as ``19JUL``."""
    if not parts.get("yy"):
        return parts
    return {**parts, "year": f"20{parts['yy']}", "month": f"{_MONTHS.index(parts['mon'] or '') + 1:02d}"}


def _end_of_day(start: TimeSpan, parts: Mapping[str, str | None]) -> TimeSpan | None:
    """An end of which just the time of day is told; one before the start is on the next day."""
    if start.start is None:
        return None
    clock = {name: parts[f"end_{name}"] for name in ("hour", "minute", "second")}
    day = {"year": f"{start.start:%Y}", "month": f"{start.start:%m}", "day": f"{start.start:%d}"}
    found = span_of_parts({**day, **clock})
    if found is None or found.end is None or found.end >= start.start.replace(microsecond=0):
        return found
    later = found.end + dt.timedelta(days=1)
    return TimeSpan(start=later, end=later)
