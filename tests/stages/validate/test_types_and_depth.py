"""What kind of raster a tile is, what the user may say it is, and data types that are too wide."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from rastercollection.errors import TaskError
from validation_scenes import codes, patches, terrain, validate, write

RNG = np.random.default_rng(7)
RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)


def picture(bands: int, dtype: str = "uint8", side: int = 64) -> np.ndarray:
    return RNG.integers(0, 200, (bands, side, side)).astype(dtype)


def with_alpha(opaque: np.ndarray, dtype: str = "uint8") -> np.ndarray:
    return np.concatenate([picture(3, dtype), opaque[np.newaxis].astype(dtype)])


HALF = np.where(np.arange(64 * 64).reshape(64, 64) % 64 < 32, 255, 0)
FEATHERED = np.where(RNG.random((64, 64)) < 0.2, RNG.integers(0, 256, (64, 64)), HALF)

NO_ALPHA = {"photometric": "MINISBLACK", "colors": (*RGB, ColorInterp.undefined)}

SCENES = {
    "rgb called so": (picture(3), {"photometric": "RGB"}, "rgb", "very_high"),
    "three bands of 8 bits": (picture(3), {"photometric": "MINISBLACK"}, "rgb", "high"),
    "three bands of 16 bits": (picture(3, "uint16"), {}, "rgb", "medium"),
    "alpha called so": (with_alpha(HALF), {"colors": (*RGB, ColorInterp.alpha)}, "rgba", "very_high"),
    "alpha by its values": (with_alpha(HALF), NO_ALPHA, "rgba", "medium"),
    "near infrared": (picture(4), NO_ALPHA, "nir", "high"),
    "near infrared of 16 bits": (picture(4, "uint16"), {}, "nir", "high"),
    "could be alpha": (with_alpha(FEATHERED), NO_ALPHA, "nir", "low"),
    "terrain in floats": (terrain().astype("float32"), {}, "dem", "high"),
    "terrain in doubles": (terrain().astype("float64"), {}, "dem", "high"),
    "terrain in 16 bits": (terrain().astype("int16"), {}, "dem", "high"),
    "terrain in 32 bits": (terrain().astype("int32"), {}, "dem", "high"),
    "flat terrain in 16 bits": ((terrain() / 15).astype("int16"), {}, "dem", "medium"),
    "noise in floats": (RNG.normal(size=(128, 128)).astype("float32"), {}, "unknown", "low"),
    "classes": (patches([1, 2, 5, 9, 40]).astype("uint8"), {}, "categorical", "high"),
    "classes in 16 bits": (patches([11, 21, 31, 41, 111, 255]).astype("int16"), {}, "categorical", "high"),
    "many classes in 16 bits": (patches(list(range(100, 140)), count=20).astype("int16"), {}, "categorical", "medium"),
    "classes in floats": (patches([1, 2, 5, 9, 40]).astype("float32"), {}, "categorical", "high"),
    "two classes": (patches([0, 1]).astype("int16"), {}, "unknown", "low"),
    "a mask": (patches([0, 1]).astype("uint8"), {}, "categorical", "high"),
    "a grey picture": (picture(1), {}, "unknown", "medium"),
    "many numbers in 16 bits": (RNG.integers(0, 9999, (64, 64)).astype("uint16"), {}, "unknown", "medium"),
    "few numbers in disorder": (RNG.integers(0, 9, (64, 64)).astype("uint16"), {}, "unknown", "low"),
    "five bands": (picture(5), {}, "multispectral", "high"),
    "a Landsat scene": (picture(8, "uint16", 16), {}, "multispectral", "high"),
    "a Sentinel-2 scene": (picture(13, "uint16", 16), {}, "multispectral", "high"),
    "two bands": (picture(2), {}, "unknown", "low"),
    "three bands of floats": (picture(3, "float32"), {}, "unknown", "low"),
    "complex numbers": (terrain().astype("complex64"), {}, "unknown", "low"),
}


@pytest.mark.parametrize("scene", SCENES)
def test_detection(tmp_path, scene):
    data, options, raster_type, confidence = SCENES[scene]
    tile = validate(write(tmp_path / "x.tif", data, **options))
    assert (tile.detection.raster_type, tile.detection.confidence) == (raster_type, confidence), tile.detection
    assert tile.raster_type == raster_type
    assert tile.detection.evidence


def test_a_colour_table_means_classes(tmp_path):
    path = write(tmp_path / "x.tif", picture(1))
    with rasterio.open(path, "r+") as target:
        target.write_colormap(1, {0: (255, 0, 0, 255), 1: (0, 255, 0, 255)})
    tile = validate(path)
    assert (tile.raster_type, tile.detection.confidence) == ("categorical", "very_high")
    other = write(tmp_path / "y.tif", picture(1))
    with rasterio.open(other, "r+") as target:
        target.write_colormap(1, {0: (255, 0, 0, 255), 1: (0, 255, 1, 255)})
    assert tile.color_table
    assert validate(other).color_table != tile.color_table
    assert validate(path).color_table == tile.color_table


def test_sensors_are_named(tmp_path):
    eight, thirteen = (validate(write(tmp_path / "x.tif", picture(count, "uint16", 16))) for count in (8, 13))
    assert "Landsat" in " ".join(eight.detection.evidence)
    assert "Sentinel-2" in " ".join(thirteen.detection.evidence)


def test_nodata_and_masked_pixels_do_not_count(tmp_path):
    """A DEM with a margin of nodata stays a smooth DEM; the margin's jump is no roughness."""
    relief = terrain().astype("float32")
    relief[::3, ::3] = -9999
    assert validate(write(tmp_path / "x.tif", relief, nodata=-9999)).raster_type == "dem"
    relief[relief == -9999] = np.nan
    assert validate(write(tmp_path / "y.tif", relief)).raster_type == "dem"


@pytest.mark.parametrize("tiled", [True, False])
def test_the_sample_is_spread_not_the_corner(tmp_path, tiled):
    """3,000 × 3,000 pixels, nodata but for the middle."""
    data = np.zeros((3000, 3000), "int16")
    data[1200:1800, 1200:1800] = np.resize(terrain(600, 600).astype("int16") + 1, (600, 600))
    path = write(tmp_path / "x.tif", data, nodata=0, tiled=tiled, compress="deflate")
    first, again = validate(path), validate(path)
    assert first.raster_type == "dem"
    assert first == again


def claimed(tmp_path, scene, requested):
    data, options, *_ = SCENES[scene]
    return validate(write(tmp_path / "x.tif", data, **options), raster_type=requested)


@pytest.mark.parametrize(
    ("scene", "requested"),
    [
        ("terrain in floats", "rgb"),
        ("terrain in floats", "categorical"),
        ("terrain in floats", "multispectral"),
        ("rgb called so", "dem"),
        ("rgb called so", "rgba"),
        ("rgb called so", "nir"),
        ("rgb called so", "multispectral"),
        ("three bands of 8 bits", "categorical"),
        ("three bands of floats", "rgb"),
        ("alpha called so", "nir"),
        ("near infrared", "rgba"),
        ("near infrared", "rgb"),
        ("five bands", "nir"),
        ("classes", "dem"),
        ("classes", "rgb"),
        ("noise in floats", "categorical"),
        ("complex numbers", "dem"),
    ],
)
def test_a_type_that_the_data_excludes_is_refused(tmp_path, scene, requested):
    with pytest.raises(TaskError) as caught:
        claimed(tmp_path, scene, requested)
    assert caught.value.code == "RASTER_TYPE_MISMATCH"
    assert requested in caught.value.message
    assert "raster_type" in caught.value.hint


@pytest.mark.parametrize(
    ("scene", "requested"),
    [
        ("two classes", "dem"),
        ("a grey picture", "dem"),
        ("noise in floats", "dem"),
        ("many numbers in 16 bits", "dem"),
        ("many numbers in 16 bits", "categorical"),
        ("few numbers in disorder", "categorical"),
        ("few numbers in disorder", "dem"),
        ("flat terrain in 16 bits", "categorical"),
        ("alpha by its values", "nir"),
        ("could be alpha", "rgba"),
        ("near infrared", "multispectral"),
        ("three bands of 16 bits", "multispectral"),
        ("two bands", "multispectral"),
        ("three bands of floats", "multispectral"),
    ],
)
def test_where_pixels_do_not_tell_the_user_does(tmp_path, scene, requested):
    tile = claimed(tmp_path, scene, requested)
    assert tile.raster_type == requested
    assert tile.detection.raster_type == SCENES[scene][2]
    assert "RASTER_TYPE_FROM_REQUEST" in codes(tile)


@pytest.mark.parametrize("scene", ["rgb called so", "terrain in floats", "classes", "five bands", "near infrared"])
def test_a_type_that_fits_needs_no_word(tmp_path, scene):
    tile = claimed(tmp_path, scene, SCENES[scene][2])
    assert tile.raster_type == SCENES[scene][2]
    assert "RASTER_TYPE_FROM_REQUEST" not in codes(tile)


WHOLE = (np.arange(128 * 128).reshape(128, 128) % 5000) * 10


@pytest.mark.parametrize(
    ("data", "severity", "recommended", "saving"),
    [
        (terrain().astype("float64"), ["CRITICAL"], "float32", 50),
        (WHOLE.astype("int64"), ["CRITICAL"], "uint16", 75),
        (WHOLE.astype("int64") - 2**40, ["CRITICAL"], None, 0),
        (WHOLE.astype("uint64") % 200, ["CRITICAL"], "uint8", 87.5),
        (terrain().astype("complex64"), ["CRITICAL"], None, 0),
        (patches([1, 2, 5]).astype("float32"), ["HIGH"], "uint8", 75),
        (patches([1, 2, 5]).astype("float32") * np.float32(0.1), ["HIGH"], "uint8", 75),
        (patches([1, 2, 5]).astype("float64"), ["CRITICAL", "HIGH"], "uint8", 87.5),
        (WHOLE.astype("float32"), ["MEDIUM"], "uint16", 50),
        ((WHOLE - 30_000).astype("float32"), ["MEDIUM"], "int16", 50),
        ((WHOLE * 100).astype("float32"), ["MEDIUM"], "uint32", 0),
        (WHOLE.astype("float64"), ["CRITICAL", "MEDIUM"], "uint16", 75),
        (terrain().astype("float32"), [], None, 0),
        (WHOLE.astype("uint16"), [], None, 0),
        (picture(3), [], None, 0),
    ],
)
def test_data_types_that_are_too_wide(tmp_path, data, severity, recommended, saving):
    tile = validate(write(tmp_path / "x.tif", data))
    assert [finding.severity for finding in tile.bit_depth] == severity
    for finding in tile.bit_depth:
        assert finding.recommended == recommended
        assert finding.saving_percent == pytest.approx(saving)
        assert finding.dtype == str(data.dtype)
    assert ("BIT_DEPTH" in codes(tile)) == bool(severity)


def test_what_is_invalid_widens_no_range(tmp_path):
    data = WHOLE.astype("float32")
    data[0, :] = np.nan
    data[1, :] = -9999.5
    keep = np.full(data.shape, 255, "uint8")
    keep[2, :] = 0
    data[2, :] = 1e30
    path = write(tmp_path / "x.tif", data, nodata=-9999.5)
    masked = write(tmp_path / "y.tif", np.where(data == -9999.5, 7, data), mask=keep)
    assert validate(path).bit_depth == ()
    (found,) = validate(masked).bit_depth
    assert (found.severity, found.recommended) == ("MEDIUM", "uint16")


def test_strict_refuses_what_is_critical_only(tmp_path):
    with pytest.raises(TaskError) as caught:
        validate(write(tmp_path / "x.tif", terrain().astype("float64")), strict=True)
    assert caught.value.code == "DTYPE_UNSUITED"
    assert "strict" in caught.value.hint
    assert validate(write(tmp_path / "y.tif", WHOLE.astype("float32")), strict=True).bit_depth


def test_settings_tiers_and_fallback(tmp_path):
    rgb = write(tmp_path / "rgb.tif", picture(3), photometric="RGB")
    dem = write(tmp_path / "dem.tif", terrain().astype("float32"))
    tile = validate(rgb, tier="visualization", jpeg_quality=70)
    assert tile.tiers == ("visualization", "analysis", "archive")
    assert (tile.settings.compression, tile.settings.quality) == ("JPEG", 70)
    tile = validate(dem, tier="visualization")
    assert tile.tiers == ("analysis", "archive")
    assert (tile.settings.tier, tile.settings.compression) == ("analysis", "DEFLATE")
    assert (tile.settings.warp_resampling, tile.settings.overview_resampling) == ("bilinear", "average")
    assert tile.recommended.compression == "LERC_DEFLATE"
    assert "TIER_FALLBACK" in codes(tile)
    assert validate(dem, compression="ZSTD", compression_level=9).settings.compression == "ZSTD"
    assert validate(dem, compression_level="auto").settings.level == "auto"
    assert tile.estimated_bytes == 128 * 128 * 4


@pytest.mark.parametrize(
    ("options", "validity", "nodata"),
    [
        ({}, "none", None),
        ({"nodata": 0}, "nodata", 0),
        ({"mask": HALF.astype("uint8")}, "mask", None),
        ({"colors": (*RGB, ColorInterp.alpha)}, "alpha", None),
    ],
)
def test_how_invalid_pixels_are_told(tmp_path, options, validity, nodata):
    bands = 4 if validity == "alpha" else 3
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        tile = validate(write(tmp_path / "x.tif", picture(bands), **options))
    assert (tile.validity, tile.nodata) == (validity, nodata)


def test_an_alpha_band_counts_in_any_number_of_bands(tmp_path):
    data = picture(5)
    data[4] = HALF
    colors = (*RGB, ColorInterp.nir, ColorInterp.alpha)
    assert validate(write(tmp_path / "x.tif", data, colors=colors)).validity == "alpha"


def test_nodata_keeps_its_kind_of_number(tmp_path):
    def nodata(dtype, value):
        return validate(write(tmp_path / "x.tif", np.ones((32, 32), dtype), nodata=value)).nodata

    assert repr(nodata("int16", -9999)) == "-9999"
    assert repr(nodata("float32", -9999)) == "-9999.0"
    assert np.isnan(nodata("float32", np.nan))


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint32", "int64", "uint64", "complex64", "complex_int16"])
def test_every_data_type_is_taken(tmp_path, dtype):
    data = np.arange(64 * 64).reshape(64, 64) % 100
    path = write(tmp_path / "x.tif", data.astype("complex64" if "complex" in dtype else dtype), dtype=dtype)
    assert validate(path).dtypes == (dtype,)


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_terrain_in_extreme_units_is_terrain(tmp_path, size):
    assert validate(write(tmp_path / "t.tif", terrain() * size)).raster_type == "dem"


def test_a_tile_without_a_valid_pixel(tmp_path):
    tile = validate(write(tmp_path / "x.tif", np.zeros((64, 64), "float32"), nodata=0))
    assert (tile.raster_type, tile.bit_depth) == ("unknown", ())
