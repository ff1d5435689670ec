"""Items of COGs, made one after the other by the thousand."""

from __future__ import annotations

import gc

from rastercollection.stac.items import item_dict
from rastercollection.testing.sample_records import as_detailed, sample_cog


def test_an_item_is_gone_as_soon_as_nobody_has_it() -> None:
    cog = as_detailed(sample_cog())
    item_dict(cog, "sample", "data")
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            item_dict(cog, "sample", "data")
        assert gc.collect() < 100
    finally:
        gc.enable()
