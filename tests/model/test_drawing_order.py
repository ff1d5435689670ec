"""Which of overlapping tiles is on top."""

from __future__ import annotations

import random

from rastercollection.model.drawing_order import on_top_first, rank_of
from rastercollection.stac.items import item_dict
from rastercollection.stac.published import rank_of_item
from rastercollection.testing.sample_records import sample_cog

INTERVAL = {"datetime": None, "start_datetime": "2019-07-02T00:00:00Z", "end_datetime": "2030-01-01T00:00:00Z"}
COGS = [
    sample_cog("newest", datetime="2019-07-02T00:00:00.000001Z"),
    sample_cog("z", **INTERVAL),
    sample_cog("a", datetime="2019-07-02T00:00:00Z"),
    sample_cog("Z", datetime="2019-07-02T00:00:00Z"),
    sample_cog("old", datetime="1890-01-01T00:00:00Z"),
    sample_cog("undated", datetime=None, datetime_source="unknown"),
    sample_cog("open", datetime=None, end_datetime="2031-01-01T00:00:00Z"),
]
"""The one on top first."""


def test_the_newest_is_on_top_and_of_one_moment_the_last_by_id() -> None:
    shuffled = random.Random(7).sample(COGS, len(COGS))
    assert [cog.item_id for cog in on_top_first(shuffled)] == [cog.item_id for cog in COGS]


def test_items_lie_where_their_cogs_do() -> None:
    items = [item_dict(cog, "scene", "data") for cog in reversed(COGS)]
    ranked = sorted(items, key=rank_of_item, reverse=True)
    assert [item["id"] for item in ranked] == [cog.item_id for cog in COGS]


def test_offsets_are_minded_and_what_is_no_time_is_at_the_bottom() -> None:
    assert rank_of("a", "2019-07-02T01:00:00+02:00") < rank_of("a", "2019-07-02T00:00:00Z")
    assert rank_of("a", "2019-07-02T00:00:00") == rank_of("a", "2019-07-02T00:00:00Z")
    for odd in (None, "", "yesterday", "0001-01-01T00:00:00+14:00"):
        assert rank_of("z", odd) < rank_of("a", "1678-01-02T00:00:00Z")
