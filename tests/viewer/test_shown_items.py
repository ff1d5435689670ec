"""Items of the viewer, found by place: what is on top in the mosaic comes first."""

from __future__ import annotations

from pathlib import Path

from rastercollection.model.drawing_order import on_top_first
from rastercollection.stac.items import item_dict
from rastercollection.testing.sample_records import sample_cog
from rastercollection.viewer.shown_items import ItemIndex, shown_item


def test_the_item_on_top_comes_first(tmp_path: Path) -> None:
    cogs = [
        sample_cog("a", datetime="2019-07-01T00:00:00Z", href=str(tmp_path / "a.tif")),
        sample_cog("c", datetime=None, datetime_source="unknown", href=str(tmp_path / "c.tif")),
        sample_cog("b", datetime="2020-07-01T00:00:00Z", href=str(tmp_path / "b.tif")),
        sample_cog("d", datetime="2019-07-01T00:00:00Z", href=str(tmp_path / "d.tif")),
    ]
    items = ItemIndex([shown_item(item_dict(cog, "scene", "data"), str(tmp_path / "item.json")) for cog in cogs])
    west, south, east, north = cogs[0].file.bounds_4326
    under = items.at((west + east) / 2, (south + north) / 2)
    assert [item.id for item in under] == [cog.item_id for cog in on_top_first(cogs)] == ["b", "d", "a", "c"]
