"""Titles for people, of an id and a time."""

from __future__ import annotations

import datetime as dt

import pytest

from rastercollection.stac.titles import collection_title


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC) if text else None


@pytest.mark.parametrize(
    ("name", "start", "end", "title"),
    [
        ("namangan-demo", "2019-07-14T06:12", "2019-07-14T06:13", "Namangan demo, 14 July 2019"),
        ("s2_l2a", "2019-07-14", "2019-08-03T10:00", "S2 l2a, 14 July 2019 – 3 August 2019"),
        ("ndvi", "2019-07-01", "2019-07-31T23:59:59", "Ndvi, July 2019"),
        ("ndvi", "2019-07-01", "2019-08-01", "Ndvi, 1 July 2019 – 1 August 2019"),
        ("ndvi", "2019-06-01", "2019-08-31", "Ndvi, June 2019 – August 2019"),
        ("cover", "2019-01-01", "2019-12-31T23:59:59", "Cover, 2019"),
        ("cover", "2019-01-01", "2021-12-31", "Cover, 2019 – 2021"),
        ("open", "2019-01-01", None, "Open, from 1 January 2019"),
        ("open", None, "2019-01-01", "Open, until 1 January 2019"),
        ("NDVI", None, None, "NDVI"),
        ("-", None, None, "-"),
    ],
)
def test_a_title_tells_what_and_when(name: str, start: str | None, end: str | None, title: str) -> None:
    assert collection_title(name, _moment(start), _moment(end)) == title
