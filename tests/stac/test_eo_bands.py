"""Bands under the names that loaders look for, judged by pystac's eo extension and, where it is installed, odc-stac."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pystac
import pytest
import rasterio
from pystac.extensions.eo import EOExtension

from cog_scenes import make_cog, write_raster
from rastercollection.model.band import BandFacts, BandRole
from rastercollection.model.mosaic import Overview
from rastercollection.stac.collections import collection_dict
from rastercollection.stac.eo_bands import eo_bands
from rastercollection.stac.items import item_dict
from rastercollection.stac.looks import Looks
from rastercollection.testing.sample_records import sample_band, sample_cog, sample_request

BGRN = ("blue", "green", "red", "nir")


def _band(number: int, common_name: str | None = None, **changes: Any) -> BandFacts:
    return attrs.evolve(sample_band(number), role=BandRole(common_name=common_name), **changes)


def _names(bands: list[BandFacts]) -> list[tuple[str, str | None]]:
    return [(band["name"], band.get("common_name")) for band in eo_bands(bands)]


@pytest.mark.parametrize(
    ("descriptions", "names"),
    [
        (("B04", "B03"), ["B04", "B03"]),
        (("B04", None), ["B04", "b2"]),
        (("NDVI", "NDVI"), ["b1", "b2"]),
        (("b2", "b1"), ["b1", "b2"]),
        (("Blue (450-515 nm)", "2.1"), ["b1", "b2"]),
    ],
)
def test_a_band_is_called_what_its_description_calls_it(descriptions: tuple[str | None, ...], names: list[str]) -> None:
    bands = [_band(number, description=text) for number, text in enumerate(descriptions, 1)]
    assert [name for name, _ in _names(bands)] == names


def test_common_names_are_those_of_version_1() -> None:
    assert _names([_band(1, "red"), _band(2, "rededge075"), _band(3, "green05")]) == [
        ("b1", "red"),
        ("b2", "rededge"),
        ("b3", None),
    ]
    assert eo_bands([_band(1)]) == []
    assert _names([_band(1, "swir16")]) == [("b1", "swir16")]


def test_documents_tell_both_and_stay_valid(validate_stac: Any) -> None:
    bands = tuple(
        attrs.evolve(sample_band(number), role=BandRole(common_name=name, wavelength=0.5), description=name)
        for number, name in enumerate(BGRN, 1)
    )
    cog = sample_cog(bands=bands)
    item = item_dict(cog, "c", "data")
    found = EOExtension.ext(pystac.Item.from_dict(item).assets["data"]).bands
    assert found is not None
    assert [(band.name, band.common_name, band.center_wavelength) for band in found] == [
        (name, name, 0.5) for name in BGRN
    ]
    assert [band["eo:common_name"] for band in item["assets"]["data"]["bands"]] == list(BGRN)
    overview = Overview(image=cog.file, reason="")
    collection = collection_dict(sample_request(), [item], looks=Looks(), overview=overview)
    assert collection["item_assets"]["data"]["eo:bands"] == item["assets"]["data"]["eo:bands"]
    for document in (item, collection):
        (eo,) = [name for name in document["stac_extensions"] if "/eo/" in name]
        assert eo.endswith("/eo/v1.1.0/schema.json"), "version 2 forbids eo:bands"
        validate_stac({**document, "links": [{"rel": "collection", "href": "./collection.json"}]})


def test_odc_stac_loads_bands_by_their_names(tmp_path: Path) -> None:
    odc = pytest.importorskip("odc.stac", reason="pip install odc-stac")
    values = np.arange(4 * 90 * 90, dtype="uint16").reshape(4, 90, 90)
    source = write_raster(tmp_path / "tile.tif", values)
    with rasterio.open(source, "r+") as raster:
        raster.descriptions = BGRN
    cog = make_cog(source, "EPSG:32642").cog
    item = pystac.Item.from_dict(item_dict(cog, "c", "data"))
    loaded = odc.load([item], bands=["red", "green", "blue"])
    with rasterio.open(cog.file.href) as raster:
        for name, band in (("red", 3), ("green", 2), ("blue", 1)):
            assert np.array_equal(loaded[name].values[0], raster.read(band))
