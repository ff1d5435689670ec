"""Items beside those that rio-stac writes of the same COGs, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from cog_scenes import holes, make_cog, write_raster
from rastercollection.stac.items import item_dict

rio_stac = pytest.importorskip("rio_stac", reason="pip install rio-stac")

SORTS = {
    "elevation with nodata": ("float32", 1, "nodata"),
    "four bands": ("uint16", 4, "none"),
    "picture with a mask": ("uint8", 3, "mask"),
    "whole numbers": ("int16", 1, "none"),
}


@pytest.mark.parametrize("target", ["EPSG:32642", "EPSG:4326"])
@pytest.mark.parametrize("sort", SORTS)
def test_what_both_tell_is_the_same(sort: str, target: str, tmp_path: Path) -> None:
    dtype, count, kind = SORTS[sort]
    rows, columns = np.mgrid[0:300, 0:260]
    data = np.stack([np.sin(rows / 40) * 50 + columns / 3 + 60 + 5 * band for band in range(count)]).astype(dtype)
    source = write_raster(tmp_path / "tile.tif", data, valid=holes(300, 260), kind=kind)
    ours = item_dict(make_cog(source, target).cog, "c", "data")
    asset = ours["assets"]["data"]
    theirs = rio_stac.create_stac_item(
        asset["href"], id="x", asset_name="data", with_proj=True, with_raster=True, with_eo=True, raster_max_size=4096
    ).to_dict()
    properties = theirs["properties"]
    assert asset["proj:code"] == f"EPSG:{properties['proj:epsg']}"
    assert asset["proj:shape"] == properties["proj:shape"]
    assert asset["proj:bbox"] == pytest.approx(properties["proj:bbox"])
    assert asset["proj:transform"] == pytest.approx(properties["proj:transform"][:6])
    # its outline is that of all pixels, as a box in the COG's CRS
    valid, whole = shapely.geometry.shape(ours["geometry"]), shapely.geometry.shape(theirs["geometry"])
    assert valid.difference(whole.buffer(1e-4)).is_empty
    assert ours["bbox"] == list(valid.bounds)
    for band, (own, other) in enumerate(zip(asset["bands"], _bands(theirs), strict=True)):
        own = {**{name: asset[name] for name in ("data_type", "nodata") if name in asset}, **own}
        assert (own["data_type"], own.get("nodata")) == (other["data_type"], other.get("nodata"))
        figures = dict(other["statistics"])
        if own["statistics"]["valid_percent"] == 100:
            del figures["valid_percent"]  # of a band without any invalid pixel it counts a single one
        assert {name: own["statistics"][name] for name in figures} == pytest.approx(figures, rel=1e-6)
        histogram = own["raster:histogram"]
        assert sum(histogram["buckets"]) == sum(other["histogram"]["buckets"])
        if count > 1:
            assert asset["eo:bands"][band]["name"] == theirs["assets"]["data"]["eo:bands"][band]["name"]


def _bands(item: dict[str, Any]) -> list[dict[str, Any]]:
    bands: list[dict[str, Any]] = item["assets"]["data"]["raster:bands"]
    return bands
