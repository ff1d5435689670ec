"""Stages 3 and 4 over thousands of tiles: every item is there, and no raster is opened on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rasterio

from rastercollection import list_collections
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.mosaics.assets import every_asset
from rastercollection.testing.sample_records import sample_grid

COUNT = 2000


def test_thousands_of_items_without_opening_a_raster(
    publish: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoparquet: None
) -> None:
    import pyarrow.parquet

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr(rasterio, "open", refuse)
    cogs = sample_grid(COUNT, container=str(tmp_path / "cogs"))
    assert not (tmp_path / "cogs").exists()  # whoever opens one by other means fails, too
    done = publish(cogs, catalog=StaticCatalog(str(tmp_path / "stac"), mirror=True))
    assert (done.entry.items_created, done.entry.items_stored) == (COUNT, COUNT)
    assert done.mosaic.tile_count == COUNT
    mosaic = json.loads(Path(done.mosaic.url).read_text())
    assert every_asset(mosaic) == {cog.file.href for cog in cogs}
    (told,) = list_collections(tmp_path / "stac")  # the document links to parts, and no part is read
    assert told.items == COUNT
    assert (done.page.count('class="tile"'), done.page.count("<tr id=")) == (COUNT, 1000)
    assert "1,000 more tiles" in done.page
    names = {cog.item_id for cog in cogs}
    assert {item["id"] for item in done.items} == names
    mirror = Path(done.entry.collection_url).parent / "items.parquet"
    assert set(pyarrow.parquet.read_table(mirror, columns=["id"]).column("id").to_pylist()) == names
