"""What each sort of data is taken for, by which kernels it is resampled, and what is said: docs/raster-types.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rasterio

import sorts_of_data as sorts
from rastercollection.model.decisions import decide
from rastercollection.model.request import CollectionRequest
from sorts_of_data import CLASSES, CUBIC, KEPT, SMOOTH, decided, facts, tiles_of
from validation_scenes import validate, write

UNCLEAR = ["RASTER_TYPE_UNCLEAR"]

SORTS = {
    "grey photographs": (tiles_of(sorts.photograph, "uint8"), {}, "unknown", CUBIC, []),
    "dark photographs": (tiles_of(sorts.photograph, "uint8", low=0, high=40), {}, "unknown", CUBIC, []),
    "stretched photographs": (tiles_of(sorts.stretched, "uint8"), {}, "unknown", CUBIC, []),
    "enlarged photographs": (tiles_of(sorts.enlarged, "uint8"), {}, "unknown", CUBIC, []),
    "a panchromatic band": (tiles_of(sorts.photograph, "uint16", low=300, high=9000), {}, "unknown", CUBIC, []),
    "radar in 16 bits": (tiles_of(sorts.radar, "int16"), {}, "unknown", CUBIC, []),
    "radar in floats": (tiles_of(sorts.radar, "float32"), {}, "unknown", CUBIC, []),
    "hillshades": (tiles_of(sorts.hillshade, "uint8"), {}, "unknown", CUBIC, []),
    "counts": (tiles_of(sorts.population, "uint16"), {}, "unknown", CUBIC, []),
    "probabilities": (tiles_of(sorts.probability, "uint8"), {}, "unknown", CUBIC, []),
    "distances": (tiles_of(sorts.distance, "uint8"), {}, "unknown", CUBIC, []),
    "a vegetation index": (tiles_of(sorts.vegetation, "int16"), {"name": "NDVI_2020"}, "unknown", CUBIC, []),
    "an index without a name": (tiles_of(sorts.vegetation, "int16"), {}, "dem", SMOOTH, []),
    "terrain": (tiles_of(sorts.relief, "int16"), {}, "dem", SMOOTH, []),
    "depths": ([-tile for tile in tiles_of(sorts.relief, "int16")], {}, "dem", SMOOTH, []),
    "rain": (tiles_of(sorts.rain, "float32"), {"name": "rain_2020-01"}, "unknown", CUBIC, []),
    "a flat coast": (tiles_of(sorts.coast, "int16"), {}, "unknown", KEPT, UNCLEAR),
    "a flat coast called so": (tiles_of(sorts.coast, "int16"), {"name": "dem"}, "dem", SMOOTH, []),
    "sea": (tiles_of(sorts.constant, "int16"), {}, "unknown", KEPT, []),
    "sea in a terrain model": (tiles_of(sorts.constant, "int16"), {"name": "coast_DEM"}, "dem", SMOOTH, []),
    "nothing valid": (tiles_of(sorts.constant, "int16"), {"nodata": 0}, "unknown", KEPT, []),
    "land cover": (tiles_of(sorts.areas, "uint8"), {}, "categorical", CLASSES, []),
    "land cover in small areas": (tiles_of(sorts.areas, "uint8", power=1.0), {}, "categorical", CLASSES, []),
    "land cover in floats": (tiles_of(sorts.areas, "float32"), {}, "categorical", CLASSES, []),
    "land cover in grains": (tiles_of(sorts.areas, "uint8", power=0.4), {}, "unknown", KEPT, UNCLEAR),
    "grains called land cover": (
        tiles_of(sorts.areas, "uint8", power=0.4), {"name": "LandCover"}, "categorical", CLASSES, [],
    ),
    "quality flags": (tiles_of(sorts.areas, "uint16", values=sorts.LANDSAT_QA), {}, "categorical", CLASSES, []),
    "a mask": (tiles_of(sorts.areas, "uint8", values=(0, 1)), {}, "categorical", CLASSES, []),
    "a mask in 16 bits": (tiles_of(sorts.areas, "int16", values=(0, 1)), {}, "unknown", KEPT, UNCLEAR),
    "a mask called so": (
        tiles_of(sorts.areas, "int16", values=(0, 1)), {"name": "cloud_mask"}, "categorical", CLASSES, [],
    ),
    "many flags": (tiles_of(sorts.flags, "uint16"), {}, "unknown", KEPT, UNCLEAR),
    "many flags in a type of heights": (tiles_of(sorts.flags, "int16"), {}, "unknown", KEPT, UNCLEAR),
    "flags called so": (tiles_of(sorts.flags, "uint16"), {"name": "LC08_QA_PIXEL"}, "categorical", CLASSES, []),
    "scattered flags": (tiles_of(sorts.scattered_flags, "uint16"), {}, "unknown", KEPT, UNCLEAR),
    "a photograph called a class": (tiles_of(sorts.photograph, "uint8"), {"name": "class-b"}, "unknown", KEPT, UNCLEAR),
}  # fmt: skip


@pytest.mark.parametrize("sort", SORTS)
def test_what_is_decided_on_a_sort_of_data(tmp_path: Path, sort: str) -> None:
    tiles, options, raster_type, kernels, codes = SORTS[sort]
    found = decided(tmp_path, tiles, **options)
    assert facts(found) == ({raster_type}, {kernels}, codes), [tile.detection for tile in found.validations.values()]
    for notice in found.notices:
        assert options.get("name", "tile_0.tif") in notice.message
        assert "raster_type=" in notice.message
        assert "warp_resampling=" in notice.message


def test_the_kernels_that_the_user_orders_are_taken_and_not_doubted(tmp_path: Path) -> None:
    order = {"warp_resampling": "bilinear", "overview_resampling": "gauss"} | {"overview_resampling": "average"}
    tiles = tiles_of(sorts.flags, "uint16")
    found = decided(tmp_path, tiles, order=order)
    kernels = {
        (tile.settings.warp_resampling, tile.settings.overview_resampling) for tile in found.validations.values()
    }
    assert (kernels, found.notices) == ({("bilinear", "average")}, ())


@pytest.mark.parametrize("raster_type", ["dem", "categorical"])
def test_what_the_user_says_they_are_is_not_decided_again(tmp_path: Path, raster_type: str) -> None:
    found = decided(tmp_path, tiles_of(sorts.coast, "int16"), order={"raster_type": raster_type})
    assert facts(found) == ({raster_type}, {SMOOTH if raster_type == "dem" else CLASSES}, [])


def test_a_band_that_declares_flags_or_a_theme_holds_classes(tmp_path: Path) -> None:
    """netCDF's flag_meanings, and what Esri and Erdas write of thematic layers."""
    for tags in ({"flag_meanings": "clear cloud"}, {"LAYER_TYPE": "thematic"}, {"long_name": "Quality flags"}):
        path = write(tmp_path / "x.tif", tiles_of(sorts.flags, "uint16")[0])
        with rasterio.open(path, "r+") as target:
            target.update_tags(1, **tags)
        assert validate(path).raster_type == "categorical"


def test_a_unit_that_is_no_length_is_no_terrain(tmp_path: Path) -> None:
    for unit, raster_type in (("degC", "unknown"), ("mm", "unknown"), ("m", "dem"), ("US survey foot", "dem")):
        path = write(tmp_path / "x.tif", tiles_of(sorts.relief, "float32")[0])
        with rasterio.open(path, "r+") as target:
            target.units = (unit,)
        assert validate(path).raster_type == raster_type, unit


def test_real_pictures_and_measurements_are_no_classes(shared_data: Path) -> None:
    """Of one band, without a colour table; what real rasters of which the sort is known are taken for."""
    expected = {
        "riocogeo__image_nodata.tif": ("dem", SMOOTH),
        "rioxarray__test_rpcs.tif": ("unknown", CUBIC),
        "mapchete__s2_band.jp2": ("unknown", CUBIC),
        "mapchete__cleantopo_tl.tif": ("unknown", CUBIC),
        "nodegdal__AROME_D2m_10.tiff": ("dem", SMOOTH),
        "gdal__orog_CRCM2.nc": ("dem", SMOOTH),
        "geotools__sampleGrib.tif": ("unknown", CUBIC),
        "georust__test_color_table.tif": ("categorical", CLASSES),
    }
    manifest = json.loads((shared_data / "manifest.json").read_text())["files"]
    names = {entry["file"].rsplit("/", 1)[-1]: entry["file"] for entry in manifest}
    request = CollectionRequest(container_name="in", blob_list=["*"], collection_id="c")
    for name, (raster_type, kernels) in expected.items():
        found = facts(decide(request, [validate(shared_data / names[name])]))
        assert found[:2] == ({raster_type}, {kernels}), name
