"""Whatever a source says beside its pixels is in its COG and item, or is told by name: one source for each."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC

from carried_scenes import (
    BUILT,
    CLASSES,
    DEGREES,
    NAMES,
    SIDE,
    TABLE,
    WATER,
    beside,
    colors,
    described,
    few_bits,
    palette_png,
    small,
    table,
    with_band_masks,
    with_tag,
)
from cog_scenes import UTM, Made, make_cog, write_raster
from rastercollection.rasters.source.classes import HAS_TABLES
from rastercollection.stac.items import item_dict

USUAL = {"DATETIME_UNKNOWN", "CRS_FROM_REQUEST", "RASTER_TYPE_UNCERTAIN", "BIT_DEPTH"}
ICC = base64.b64encode(bytes(range(256)) * 4).decode()
FAINT = ((9, 9, 9, 255), (250, 0, 0, 128), (0, 250, 0, 255), (0, 0, 250, 255), (9, 0, 9, 255), (0, 9, 9, 255))
MODEL = RPC(
    height_off=100, height_scale=500, lat_off=41.5, lat_scale=0.1, long_off=70.2, long_scale=0.1, line_off=64,
    line_scale=64, samp_off=64, samp_scale=64, line_num_coeff=[0, 0, -1, *[0] * 17], line_den_coeff=[1, *[0] * 19],
    samp_num_coeff=[0, 1, *[0] * 18], samp_den_coeff=[1, *[0] * 19], err_bias=0, err_rand=0,
)  # fmt: skip


def changed(path: Path, change: Callable[[Any], None], data: Any = None, **profile: Any) -> Path:
    write_raster(path, small() if data is None else data, **profile)
    with rasterio.open(path, "r+") as raster:
        change(raster)
    return path


def of(made: Made) -> tuple[Any, dict[str, Any]]:
    """The COG, open and without files beside it, and its asset."""
    with rasterio.Env(GDAL_PAM_ENABLED="NO"):
        return rasterio.open(made.path), item_dict(made.cog, "c", "data")["assets"]["data"]


def quantities(raster: Any) -> None:
    raster.scales, raster.offsets, raster.units, raster.descriptions = (0.1,), (5.0,), ("m",), ("height",)
    raster.update_tags(1, WAVELENGTH="500")


def tags(raster: Any) -> None:
    raster.update_tags(TIFFTAG_SOFTWARE="maker", PROJECT="x", AREA_OR_POINT="Point")
    raster.update_tags(ns="IMAGERY", CLOUDCOVER="3")
    raster.update_tags(ns="EXIF", EXIF_Orientation="6")
    raster.update_tags(ns="xml:XMP", **{"<x:xmpmeta xmlns:x": "'adobe:ns:meta/'><a>b</a></x:xmpmeta>"})


def test_quantities_and_names_of_bands(tmp_path: Path) -> None:
    made = make_cog(changed(tmp_path / "x.tif", quantities), UTM)
    cog, asset = of(made)
    with cog:
        assert (cog.scales, cog.offsets, cog.units, cog.descriptions) == ((0.1,), (5.0,), ("m",), ("height",))
        assert cog.tags(1)["WAVELENGTH"] == "500"
    assert (asset["raster:scale"], asset["raster:offset"], asset["unit"]) == (0.1, 5.0, "m")
    assert asset["bands"][0]["description"] == "height"
    assert not set(made.codes) - USUAL


def test_tags_of_all_domains(tmp_path: Path) -> None:
    made = make_cog(changed(tmp_path / "x.tif", tags), UTM)
    cog, _ = of(made)
    with cog:
        assert cog.tags() == {"TIFFTAG_SOFTWARE": "maker", "PROJECT": "x", "AREA_OR_POINT": "Point"}
        assert cog.tags(ns="IMAGERY") == {"CLOUDCOVER": "3"}
        assert cog.tags(ns="EXIF") == {"EXIF_Orientation": "6"}
        assert "adobe:ns:meta" in str(cog.tags(ns="xml:XMP"))
    assert not set(made.codes) - USUAL


def test_a_colour_profile(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "x.tif", small(3), photometric="RGB", SOURCE_ICC_PROFILE=ICC)
    cog, _ = of(make_cog(source, UTM))
    with cog:
        assert cog.tags(ns="COLOR_PROFILE")["SOURCE_ICC_PROFILE"] == ICC


@pytest.mark.parametrize(
    ("profile", "dtype"),
    [
        ({"NBITS": 1}, "uint8"),
        ({"NBITS": 12}, "uint16"),
        ({}, "int8"),
        ({"photometric": "YCBCR", "compress": "JPEG"}, "uint8"),
    ],
)
def test_values_and_type_are_kept_whatever_the_storage(profile: dict[str, Any], dtype: str, tmp_path: Path) -> None:
    data = small(3 if "photometric" in profile else 1, dtype)
    data = (data > 60).astype(dtype) if profile.get("NBITS") == 1 else data
    made = make_cog(write_raster(tmp_path / "x.tif", data, **profile), UTM)
    cog, _ = of(made)
    with cog, rasterio.open(tmp_path / "x.tif") as source:
        assert set(cog.dtypes) == {dtype}
        np.testing.assert_array_equal(cog.read(), source.read())
    assert not set(made.codes) - USUAL


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_colour_table(dtype: str, tmp_path: Path) -> None:
    wanted = {value: (10 * value, 200 - value, 7, 255) for value in range(6)}
    source = write_raster(tmp_path / "x.tif", CLASSES[np.newaxis].astype(dtype), photometric="PALETTE")
    with rasterio.open(source, "r+") as raster:
        raster.write_colormap(1, wanted)
    cog, asset = of(make_cog(source, UTM))
    with cog:
        kept = cog.colormap(1)
        assert {value: kept[value] for value in wanted} == wanted
    said = {int(value): tuple(color) for value, color in asset["rastercollection:color_table"].items()}
    assert said == wanted, "a file has 256 entries or more; they are not the source's"


def test_black_is_a_colour_where_pixels_have_it(tmp_path: Path) -> None:
    wanted = {value: (0, 0, 0, 255) if value in (1, 4, 40) else (10, 200, 7, 255) for value in range(42)}
    source = write_raster(tmp_path / "x.tif", CLASSES[np.newaxis], photometric="PALETTE", nodata=40)
    with rasterio.open(source, "r+") as raster:
        raster.write_colormap(1, wanted)
    _, asset = of(make_cog(source, UTM))
    said = {int(value): tuple(color) for value, color in asset["rastercollection:color_table"].items()}
    assert set(np.unique(CLASSES)) >= {1, 4}
    assert said == {**wanted, 40: (0, 0, 0, 0)}, "nodata is transparent"


TOLD: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "ground control points": (
        lambda folder: changed(
            folder / "x.tif",
            lambda raster: setattr(
                raster,
                "gcps",
                ([GroundControlPoint(r, c, 600_000 + 10 * c, 4_600_000 - 10 * r) for r, c in
                  ((0, 0), (0, SIDE), (SIDE, 0), (SIDE, SIDE))], rasterio.CRS.from_epsg(32642)),
            ),
            crs=None,
            transform=None,
        ),
        "CONTROL_POINTS_DROPPED",
        "4 ground control points placed it",
    ),
    "rational polynomials of other pixels": (
        lambda folder: changed(
            folder / "x.tif",
            lambda raster: setattr(raster, "rpcs", MODEL),
            transform=rasterio.Affine(10, 2, 6e5, 2, -10, 46e5),
        ),
        "RPCS_DROPPED",
        "RPCs",
    ),
    "more tags than are kept": (
        lambda folder: changed(folder / "x.tif", lambda raster: raster.update_tags(ns="LONG", NOTE="x" * 70_000)),
        "TAGS_DROPPED",
        "LONG:NOTE",
    ),
    "arrays of places": (
        lambda folder: changed(folder / "x.tif", lambda raster: raster.update_tags(ns="GEOLOCATION", LINE_STEP="1")),
        "TAGS_DROPPED",
        "GEOLOCATION",
    ),
    "a colour table with half transparent entries": (
        lambda folder: described(folder / "x.img", CLASSES[np.newaxis], (colors(*FAINT),), "HFA"),
        "COLOR_ALPHA_DROPPED",
        "entries 1,",
    ),
    "a colour table that is transparent throughout": (
        lambda folder: palette_png(folder / "x.png", {value: (value, 9, 9, 0) for value in range(256)}),
        "COLOR_ALPHA_DROPPED",
        "whole",
    ),
    "colour tables of several bands": (
        lambda folder: described(folder / "x.img", np.stack([CLASSES] * 2), (colors(*FAINT), colors(*FAINT)), "HFA"),
        "COLOR_TABLE_DROPPED",
        "of band 1, 2",
    ),
    "printing colours": (
        lambda folder: write_raster(folder / "x.tif", small(4), photometric="CMYK"),
        "COLOR_SPACE_CONVERTED",
        "CMYK",
    ),
    "white as the lowest value": (
        lambda folder: write_raster(folder / "x.tif", small(), photometric="MINISWHITE"),
        "MIN_IS_WHITE",
        "white",
    ),
    "colours multiplied by alpha": (
        lambda folder: write_raster(folder / "x.tif", small(4), photometric="RGB", ALPHA="PREMULTIPLIED"),
        "ALPHA_PREMULTIPLIED",
        "alpha",
    ),
    "a turned picture": (
        lambda folder: with_tag(write_raster(folder / "x.tif", small()), 274, 3, struct.pack("<H", 6), 1),
        "ORIENTATION_IGNORED",
        "6",
    ),
    "an epoch of coordinates": (
        lambda folder: described(
            folder / "x.tif", small(), ("",), "GTiff", srs='<SRS coordinateEpoch="2021.3">EPSG:9000</SRS>',
            place=DEGREES,
        ),
        "COORDINATE_EPOCH_DROPPED",
        "epoch",
    ),
    "a nodata value beside a mask": (
        lambda folder: write_raster(
            folder / "x.tif", small(), valid=np.indices((SIDE, SIDE))[0] > 9, kind="mask", nodata=200
        ),
        "NODATA_DROPPED",
        "200",
    ),
    "different nodata values": (
        lambda folder: described(
            folder / "x.img",
            small(2),
            ("<NoDataValue>0</NoDataValue>", "<NoDataValue>255</NoDataValue>"),
            "HFA",
        ),
        "NODATA_UNIFIED",
        "0.0, 255.0",
    ),
    "masks of single bands": (lambda folder: with_band_masks(folder / "x.tif"), "MASK_DROPPED", "of 1, 2"),
    "a type that few programs read": (
        lambda folder: few_bits(folder / "x.tif"),
        "BAND_TYPES_UNIFIED",
        "complex_int16",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_what_a_cog_cannot_hold_is_told(name: str, tmp_path: Path) -> None:
    build, code, words = TOLD[name]
    target = "EPSG:9000" if "epoch" in name else UTM
    made = make_cog(build(tmp_path), target, input_crs=UTM if name.endswith("throughout") else None)
    messages = [notice.message for notice in made.notices if notice.code == code]
    assert any(words in message for message in messages), made.notices


@pytest.mark.parametrize("name", TOLD)
def test_what_is_not_there_is_not_told(name: str, tmp_path: Path) -> None:
    plain = make_cog(write_raster(tmp_path / "x.tif", small()), UTM)
    assert TOLD[name][1] not in plain.codes


def test_rational_polynomials_of_the_same_pixels_are_kept(tmp_path: Path) -> None:
    made = make_cog(changed(tmp_path / "x.tif", lambda raster: setattr(raster, "rpcs", MODEL)), UTM)
    cog, _ = of(made)
    with cog:
        assert cog.rpcs is not None
        assert cog.rpcs.line_off == MODEL.line_off
    assert "RPCS_DROPPED" not in made.codes


def test_transparent_entries_are_no_data(tmp_path: Path) -> None:
    entries = dict(enumerate([(0, 0, 0, 0), *FAINT[1:5], (7, 7, 7, 0)]))
    for target in (UTM, "EPSG:4326"):
        made = make_cog(palette_png(tmp_path / "x.png", entries), target, input_crs=UTM)
        cog, asset = of(made)
        with cog:
            data, valid, kept = cog.read(1), cog.dataset_mask() > 0, cog.colormap(1)
        assert made.cog.file.validity == "mask"
        assert set(np.unique(data[valid])) == {1, 2, 3, 4}
        if target == UTM:
            np.testing.assert_array_equal(valid, ~np.isin(CLASSES, (0, 5)))
            np.testing.assert_array_equal(data, CLASSES)
        said = {int(value): tuple(color) for value, color in asset["rastercollection:color_table"].items()}
        assert said == {value: kept[value] for value in range(1, 6)}
        assert asset["bands"][0]["statistics"]["minimum"] == 1


def test_a_table_that_is_transparent_throughout_hides_nothing(tmp_path: Path) -> None:
    source = palette_png(tmp_path / "x.png", {value: (value, 9, 9, 0) for value in range(256)})
    cog, _ = of(make_cog(source, UTM, input_crs=UTM))
    with cog:
        assert (cog.dataset_mask() > 0).all()


def test_one_transparent_entry_is_the_nodata_value(tmp_path: Path) -> None:
    source = described(tmp_path / "x.img", CLASSES[np.newaxis], (colors((0, 0, 0, 0), *FAINT[2:]),), "HFA")
    made = make_cog(source, UTM)
    cog, asset = of(made)
    with cog:
        assert cog.nodata == 0
        np.testing.assert_array_equal(cog.dataset_mask() > 0, CLASSES != 0)
    assert asset["nodata"] == 0
    assert "COLOR_ALPHA_DROPPED" not in made.codes


def named(cog: Any) -> dict[str, str]:
    return dict(cog.tags(1, ns="CLASS_NAMES"))


@pytest.mark.parametrize("driver", ["HFA", "aux.xml"])
def test_names_and_colours_of_classes(driver: str, tmp_path: Path) -> None:
    if driver == "HFA":
        # it has a row for every value
        rows = table((0, "", 0, 0, 0, 0), (1, *WATER), (2, *BUILT))
        source = described(tmp_path / "x.img", CLASSES[np.newaxis], (rows,), driver)
        names = {1: "water", 2: "Built & sealed"}
    else:
        source = beside(write_raster(tmp_path / "x.tif", CLASSES[np.newaxis]), NAMES + TABLE)
        names = {1: "Open water", 2: "Wald", 5: "Built & sealed"}
    made = make_cog(source, "EPSG:4326")
    cog, asset = of(made)
    with cog:
        assert named(cog) == {str(value): name for value, name in names.items()}
    classes = {entry["value"]: entry for entry in asset["classification:classes"]}
    assert {value: entry["title"] for value, entry in classes.items()} == names
    assert [entry.get("color_hint") for entry in (classes[1], classes[max(classes)])] == ["0A14FA", "C81414"]
    assert ("ATTRIBUTES_DROPPED" in made.codes) != HAS_TABLES
    if not HAS_TABLES:
        assert any("Area_ha" in notice.message for notice in made.notices)


def test_colours_of_classes_are_those_of_the_cog(tmp_path: Path) -> None:
    xml = colors((0, 0, 0, 255), (1, 2, 3, 255), (4, 5, 6, 255)) + NAMES
    source = described(tmp_path / "x.img", CLASSES[np.newaxis], (xml,), "HFA")
    _, asset = of(make_cog(source, UTM))
    hints = {entry["value"]: entry.get("color_hint") for entry in asset["classification:classes"]}
    assert hints == {1: "010203", 2: "040506"}


def test_names_survive_another_job(tmp_path: Path) -> None:
    first = make_cog(beside(write_raster(tmp_path / "x.tif", CLASSES[np.newaxis]), NAMES), UTM)
    again = make_cog(first.path, "EPSG:4326")
    cog, asset = of(again)
    with cog:
        assert named(cog) == {"1": "Open water", "2": "Wald"}
    assert [entry["title"] for entry in asset["classification:classes"]] == ["Open water", "Wald"]


def test_a_table_that_this_gdal_cannot_read_is_told(tmp_path: Path) -> None:
    text = f'<GDALMetadata><Item name="T" sample="0" role="rat">{TABLE}</Item></GDALMetadata>\0'.encode()
    source = with_tag(write_raster(tmp_path / "x.tif", CLASSES[np.newaxis]), 42112, 2, text, len(text))
    made = make_cog(source, UTM)
    assert ("ATTRIBUTES_DROPPED" in made.codes) != HAS_TABLES


@pytest.mark.skipif(not HAS_TABLES, reason="GDAL writes attribute tables into GeoTIFFs from 3.12 on")
def test_an_attribute_table_is_in_the_file(tmp_path: Path) -> None:
    made = make_cog(beside(write_raster(tmp_path / "x.tif", CLASSES[np.newaxis]), TABLE), UTM)
    again = make_cog(made.path, UTM, compression="ZSTD")
    for found in (made, again):
        content = found.path.read_bytes()
        assert b"<Name>Area_ha</Name>" in content
        assert b"Built &amp; sealed" in content


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_half_transparent_pixels_that_a_jpeg_shows_opaque_are_told(target: str, tmp_path: Path) -> None:
    data = small(4)
    data[3] = 255
    data[3, :, :10] = 100
    source = write_raster(tmp_path / "x.tif", data, photometric="RGB", ALPHA="YES")
    assert "ALPHA_HARDENED" in make_cog(source, target, tier="visualization").codes
    assert "ALPHA_HARDENED" not in make_cog(source, target).codes
    data[3, :, :10] = 0
    hard = write_raster(tmp_path / "y.tif", data, photometric="RGB", ALPHA="YES")
    assert "ALPHA_HARDENED" not in make_cog(hard, target, tier="visualization").codes
