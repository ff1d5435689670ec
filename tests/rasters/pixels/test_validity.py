"""Which pixels are valid is what GDAL's own masks say, before and after values are moved out of the way."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio.shutil
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.io import MemoryFile
from rasterio.transform import from_origin
from rasterio.windows import Window

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.pixels.invalid_values import clear_masked, settle
from rastercollection.rasters.pixels.validity import (
    PixelLayout,
    Validity,
    any_band,
    choose_layout,
    common_dtype,
    is_nodata,
    is_told_alike,
    nodata_values,
    usable,
)

PLACE = {"crs": "EPSG:32642", "transform": from_origin(500_000, 4_000_000, 10, 10)}
LOSSLESS = CogSettings(
    tier="analysis",
    storage_class="hot",
    compression="DEFLATE",
    level=6,
    quality=None,
    overview_resampling="average",
    warp_resampling="bilinear",
)
INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32"]


def gdal_masks(data: NDArray[Any], nodata: float | None, **profile: Any) -> NDArray[np.bool_]:
    """What GDAL takes for valid in a file with these pixels, ``(bands, rows, columns)``."""
    count, height, width = data.shape
    with MemoryFile() as memory:
        size = {"count": count, "height": height, "width": width, "dtype": data.dtype.name}
        with memory.open(driver="GTiff", nodata=nodata, **size, **PLACE, **profile) as target:
            target.write(data)
        with memory.open() as source:
            return source.read_masks() > 0


def layout_of(nodata: float, dtype: Any, bands: int = 1, alpha: int | None = None) -> PixelLayout:
    kind = "nodata"
    return PixelLayout(kind=kind, nodata=nodata, bands=tuple(range(bands)), alpha=alpha, dtype=np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nodata", [-9999.0, 0.1, 1e-30, 1.0, 123456.789, 2.0**20, 1 - 1e-7, -32768.0, 1e20, 0.0])
def test_floats_are_nodata_as_near_as_gdal_says(dtype: str, nodata: float) -> None:
    """GDAL measures the distance in the steps of a 32-bit float, also between 64-bit ones."""
    kind = np.dtype(dtype).type
    step = np.spacing(np.float32(nodata))
    values = [kind(np.float32(nodata) + number * step) for number in range(-12, 13)] + [kind(nodata)]
    data = np.array([[values]], dtype)
    expected = ~gdal_masks(data, nodata)
    assert (is_nodata(data, nodata) == expected).all()
    assert expected.any()
    assert not expected.all()


def test_nan_infinity_and_complex_numbers() -> None:
    floats = np.array([np.nan, np.inf, -np.inf, 1.0, np.finfo("float32").max], "float32")
    assert is_nodata(floats, np.nan).tolist() == [True, False, False, False, False]
    assert is_nodata(floats, np.inf).tolist() == [False, True, False, False, False]
    assert is_nodata(floats, float(np.finfo("float32").max)).tolist() == [False, False, False, False, True]
    assert is_nodata(np.array([5 + 1j, 1 + 5j], "complex64"), 5).tolist() == [True, False]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_nodata_exactly(dtype: str) -> None:
    data = np.arange(3, 8).astype(dtype).reshape(1, 1, 5)
    assert is_nodata(data, 5)[0, 0].tolist() == [False, False, True, False, False]


@st.composite
def pixels_near_nodata(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[np.bool_], float]:
    """Pixels of one or two bands, many of them the nodata value or beside it, and which are meant to be valid."""
    dtype = np.dtype(draw(st.sampled_from([*INTEGERS, "float32", "float64"])))
    if dtype.kind == "f":
        nodata = draw(st.sampled_from([-9999.0, 0.0, 1.0, -1e-3, 1e20, -3.4e38]))
        near = [nodata, nodata * (1 + 1e-7), nodata * (1 - 1e-7), nodata * (1 - 1e-15), nodata / 2, 7.0]
    else:
        limits = np.iinfo(dtype)
        nodata = draw(st.sampled_from([limits.min, limits.max, 0, 1, 100]))
        near = sorted({min(max(value, limits.min), limits.max) for value in (nodata - 1, nodata, nodata + 1, 50)})
    bands = draw(st.integers(1, 2))
    data = np.array(draw(st.lists(st.sampled_from(near), min_size=6 * bands, max_size=6 * bands)), dtype)
    valid = np.array(draw(st.lists(st.booleans(), min_size=6 * bands, max_size=6 * bands)))
    return data.reshape(bands, 2, 3), valid.reshape(bands, 2, 3), nodata


@settings(max_examples=300, deadline=None)
@given(pixels_near_nodata())
def test_valid_pixels_move_off_the_nodata_value_and_invalid_ones_take_it(given: Any) -> None:
    data, valid, nodata = given
    settled = data.copy()
    layout = layout_of(nodata, data.dtype, bands=len(data))
    settle(settled, valid, layout)
    assert (gdal_masks(settled, nodata) == valid).all()
    judged = layout.validity.judge(settled)
    assert (np.broadcast_to(True if judged is None else judged, valid.shape) == valid).all()
    stays = valid & gdal_masks(data, nodata)
    assert (settled[stays] == data[stays]).all(), "no other value is touched"
    moved = valid & ~gdal_masks(data, nodata)
    apart = np.abs(settled[moved].astype(float) - data[moved].astype(float))
    assert (apart <= (1 if data.dtype.kind in "iu" else 4e-6 * abs(nodata) + 1e-37)).all(), (
        "and none by more than needed"
    )


@pytest.mark.parametrize("nodata", [0, 255, 100])
def test_where_all_is_valid_nothing_stays_on_the_nodata_value(nodata: int) -> None:
    data = np.arange(256, dtype="uint8").reshape(1, 16, 16)
    settle(data, None, layout_of(nodata, "uint8"))
    assert gdal_masks(data, nodata).all()
    assert np.unique(data).size == 255


def test_black_in_one_band_of_a_picture_is_no_hole() -> None:
    data = np.array([[[0, 5, 0]], [[0, 0, 7]], [[0, 0, 9]]], "uint8")
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "height": 1, "width": 3, "nodata": 0, **PLACE}
        with memory.open(**profile) as target:
            target.write(data)
        with memory.open() as source:
            together, apart = Validity.of(source, "rgb"), Validity.of(source, "multispectral")
            assert (source.dataset_mask() > 0).tolist() == [[False, True, True]]
    valid, each = together.judge(data), apart.judge(data)
    assert valid is not None
    assert each is not None
    assert valid.tolist() == [[[False, True, True]]]
    assert each[:, 0].tolist() == [[False, True, False], [False, False, True], [False, False, True]]
    layout = choose_layout(together, data.dtype, LOSSLESS)
    assert not is_told_alike(data, valid, layout), "readers of its values would find more holes"
    settle(data, valid, layout)
    assert data[:, 0].T.tolist() == [[0, 0, 0], [5, 1, 1], [1, 7, 9]]
    assert is_told_alike(data, valid, layout)


def test_floats_are_never_one_colour_together() -> None:
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "dtype": "float32", "count": 3, "height": 1, "width": 3, "nodata": 0, **PLACE}
        with memory.open(**profile) as target:
            target.write(np.ones((3, 1, 3), "float32"))
        with memory.open() as source:
            assert not Validity.of(source, "rgb").unified


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("uint64", 2**64 - 1),
        ("uint64", 2**63),
        ("uint64", 2**53 + 1),
        ("int64", 2**53 + 1),
        ("int64", -(2**63)),
        ("int64", -(2**63) + 1),
        ("int64", -9999),
        ("uint64", 0),
    ],
)
def test_nodata_of_64_bits_is_known_to_the_last_digit(tmp_path: Path, dtype: str, nodata: int) -> None:
    """Judged by GDAL's own masks, of a file that GDAL wrote."""
    pixels = np.full((2, 3), 7, dtype)
    pixels[0] = [nodata, nodata - 1 if nodata > 0 else nodata + 1, 7]
    (tmp_path / "raw").write_bytes(pixels.tobytes())
    name = {"uint64": "UInt64", "int64": "Int64"}[dtype]
    (tmp_path / "raw.vrt").write_text(
        f'<VRTDataset rasterXSize="3" rasterYSize="2"><VRTRasterBand dataType="{name}" band="1" '
        f'subClass="VRTRawRasterBand"><NoDataValue>{nodata}</NoDataValue><SourceFilename relativeToVRT="1">raw'
        "</SourceFilename></VRTRasterBand></VRTDataset>"
    )
    rasterio.shutil.copy(str(tmp_path / "raw.vrt"), str(tmp_path / "tile.tif"), driver="GTiff")
    with rasterio.open(tmp_path / "tile.tif") as source:
        assert nodata_values(source) == (nodata,)
        validity = Validity.of(source)
        data, valid, _ = validity.read(source, Window(0, 0, 3, 2))
        reference = source.read_masks() > 0
    assert (data == pixels).all()
    assert validity.nodata == (nodata,)
    assert valid is not None
    assert (valid == reference).all()
    assert valid[0].tolist() == [[False, True, True], [True, True, True]]


def test_alpha_tells_valid_pixels_from_invalid_ones() -> None:
    data = np.full((2, 1, 4), 7, "uint8")
    data[1] = [[0, 1, 255, 255]]
    layout = PixelLayout(kind="alpha", nodata=None, bands=(0, 1), alpha=1, dtype=np.dtype("uint8"))
    settle(data, np.array([[[True, True, True, False]]]), layout)
    assert data[1].tolist() == [[1, 1, 255, 0]], "valid pixels are opaque, if only just"
    assert data[0].tolist() == [[7, 7, 7, 0]]


def test_without_a_nodata_value_invalid_floats_are_nan_and_integers_0() -> None:
    valid = np.array([[[True, False]]])
    for dtype, hole in (("float32", np.nan), ("int16", 0)):
        data = np.full((2, 1, 2), 9, dtype)
        settle(data, valid, PixelLayout(kind="mask", nodata=None, bands=(0, 1), alpha=None, dtype=np.dtype(dtype)))
        np.testing.assert_array_equal(data[:, 0, 1], [hole, hole])
        assert (data[:, 0, 0] == 9).all()


@pytest.mark.parametrize(("kind", "alpha"), [("mask", None), ("alpha", 2)])
def test_where_nan_must_not_be_it_is_only_where_another_band_is_valid(kind: str, alpha: int | None) -> None:
    data = np.full((3, 1, 3), 9, "float32")
    valid = np.array([[[True, True, False]], [[True, False, False]], [[True, True, False]]])
    bands = {"bands": (0, 1, 2), "alpha": alpha, "dtype": data.dtype}
    settle(data, valid, PixelLayout(kind=kind, nodata=None, holds_nan=False, **bands))
    np.testing.assert_array_equal(data[:2, 0], [[9, 9, 0], [9, np.nan, 0]])
    beside = np.full((1, 1, 2), np.nan, "float32")
    clear_masked(beside, np.array([[[True, False]]]), PixelLayout(kind="nodata", nodata=np.nan, **bands))
    assert np.isnan(beside).all(), "it is what says so"


@pytest.mark.parametrize(
    ("compression", "bands", "holds_nan"),
    [("LERC", 2, False), ("LERC_DEFLATE", 3, False), ("LERC_ZSTD", 2, False), ("LERC", 1, True), ("ZSTD", 3, True)],
)
def test_several_bands_of_lerc_hold_no_nan(compression: str, bands: int, holds_nan: bool) -> None:
    settings = attrs.evolve(LOSSLESS, compression=compression)
    validity = Validity(kind="mask", nodata=(None,) * bands, alpha=None)
    assert choose_layout(validity, np.dtype("float32"), settings).holds_nan is holds_nan


def test_an_alpha_band_is_no_measurement() -> None:
    """It does not become nodata by its own value, and where all others are nodata, it goes with them."""
    data = np.array([[[0, 5, 0]], [[0, 0, 4]], [[255, 0, 255]]], "uint8")
    validity = Validity(kind="nodata", nodata=(0, 0, 0), alpha=2)
    judged = validity.judge(data)
    assert judged is not None
    assert judged[:, 0].tolist() == [[False, False, False], [False, False, True], [False, False, True]]
    opaque = data.copy()
    opaque[2] = 255
    judged = validity.judge(opaque)
    assert judged is not None
    assert judged[:, 0].tolist() == [[False, True, False], [False, False, True], [False, True, True]]


def test_nan_is_invalid_whatever_else_tells() -> None:
    data = np.array([[[1, np.nan, 3, 4]], [[1, 2, np.nan, 4]]], "float32")
    mask = np.array([[[True, True, True, False]]])
    for validity, told, expected in (
        (Validity(kind="none", nodata=(None, None), alpha=None), None, [[1, 0, 1, 1], [1, 1, 0, 1]]),
        (Validity(kind="mask", nodata=(None, None), alpha=None), mask, [[1, 0, 1, 0], [1, 1, 0, 0]]),
        (Validity(kind="nodata", nodata=(4.0, None), alpha=None), None, [[1, 0, 1, 0], [1, 1, 0, 1]]),
    ):
        judged = validity.judge(data, told)
        assert judged is not None
        assert judged[:, 0].astype(int).tolist() == expected
    infinite = np.array([[[np.inf, -np.inf, 1]]], "float32")
    assert Validity(kind="none", nodata=(None,), alpha=None).judge(infinite) is None


def test_what_bands_share_is_told_once_and_nothing_where_all_is_valid() -> None:
    validity = Validity(kind="nodata", nodata=(0, 0), alpha=None)
    data = np.array([[[1, 0, 2]], [[3, 0, 4]]], "uint8")
    judged = validity.judge(data)
    assert judged is not None
    assert judged.tolist() == [[[True, False, True]]]
    assert validity.judge(data + 1) is None
    assert any_band(None) is None
    assert any_band(np.array([[[True, False]], [[False, True]]])) is None
    some = any_band(np.array([[[True, False]], [[True, False]]]))
    assert some is not None
    assert some.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"nodata": 0}, ("nodata", (0, 0), None)),
        ({}, ("none", (None, None), None)),
        ({"mask": True, "nodata": 0}, ("mask", (None, None), None)),
        ({"alpha": True}, ("alpha", (None, None), 1)),
        ({"dtype": "int64", "nodata": 2**53}, ("nodata", (2**53, 2**53), None)),
        ({"dtype": "int64", "nodata": 2**53 + 2}, ("nodata", (2**53 + 2, 2**53 + 2), None)),
        ({"dtype": "float32", "nodata": np.nan}, ("nodata", (np.nan, np.nan), None)),
        ({"dtype": "float64", "nodata": 1e300}, ("nodata", (1e300, 1e300), None)),
    ],
)
def test_how_a_file_tells(options: dict[str, Any], expected: tuple[Any, ...]) -> None:
    options = dict(options)
    mask, alpha = options.pop("mask", False), options.pop("alpha", False)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 2, "height": 4, "width": 5, **PLACE, **options}
    data = np.ones((2, 4, 5), profile["dtype"])
    with MemoryFile() as memory:
        with memory.open(**profile, **({"alpha": "YES"} if alpha else {})) as target:
            target.write(data)
            if mask:
                target.write_mask(np.eye(4, 5, dtype="uint8") * 255)
        with memory.open() as source:
            validity = Validity.of(source)
            _, valid, own = validity.read(source, Window(0, 0, 5, 4))
            reference = source.read_masks() > 0
    np.testing.assert_equal((validity.kind, validity.nodata, validity.alpha), expected)
    assert (np.broadcast_to(True if valid is None else valid, reference.shape) == reference).all()
    assert (own is not None) == mask


def test_bands_of_several_types_are_read_as_one_that_holds_all() -> None:
    class Dataset:
        dtypes = ("uint8", "int16", "float16")

    assert common_dtype(Dataset()) == np.dtype("float32")  # type: ignore[arg-type]
    Dataset.dtypes = ("complex_int16",)  # type: ignore[assignment]
    assert common_dtype(Dataset()) == np.dtype("complex64")  # type: ignore[arg-type]
    Dataset.dtypes = ("complex_int32",)  # type: ignore[assignment]
    assert common_dtype(Dataset()) == np.dtype("complex128")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("compression", "quality", "kind", "alpha", "expected"),
    [
        ("DEFLATE", None, "nodata", None, ("nodata", (0, 1))),
        ("JPEG", 75, "nodata", None, ("mask", (0, 1))),
        ("JPEG", 75, "alpha", 1, ("mask", (0,))),
        ("WEBP", 75, "nodata", None, ("mask", (0, 1))),
        ("WEBP", 100, "nodata", None, ("nodata", (0, 1))),
        ("DEFLATE", None, "alpha", 1, ("alpha", (0, 1))),
        ("DEFLATE", None, "mask", None, ("mask", (0, 1))),
    ],
)
def test_the_way_to_tell_is_one_that_the_codec_can_hold(
    compression: str, quality: int | None, kind: str, alpha: int | None, expected: tuple[Any, ...]
) -> None:
    values = (0, 0) if kind == "nodata" else (None, None)
    cog = attrs.evolve(LOSSLESS, compression=compression, quality=quality)
    layout = choose_layout(Validity(kind=kind, nodata=values, alpha=alpha), np.dtype("uint8"), cog)
    assert (layout.kind, layout.bands) == expected
    assert layout.nodata == (0 if layout.kind == "nodata" else None)
    assert layout.alpha == (alpha if layout.kind == "alpha" else None)


def test_one_nodata_value_for_all_bands() -> None:
    def chosen(values: tuple[float | None, ...], dtype: str) -> Any:
        return choose_layout(Validity(kind="nodata", nodata=values, alpha=None), np.dtype(dtype), LOSSLESS).nodata

    assert chosen((None, 5), "uint8") == 5
    assert chosen((7, 5), "uint8") == 7
    assert np.isnan(chosen((7.0, 5.0), "float32"))
    assert np.isnan(chosen((np.nan, np.nan), "float32"))
    assert chosen((7.0, 7.0), "float32") == 7


@pytest.mark.parametrize(
    ("validity", "dtype", "kind"),
    [
        (Validity(kind="nodata", nodata=(2**53,), alpha=None), "int64", "nodata"),
        (Validity(kind="nodata", nodata=(2**53 + 1,), alpha=None), "int64", "mask"),
        (Validity(kind="nodata", nodata=(-(2**63),), alpha=None), "int64", "mask"),
        (Validity(kind="nodata", nodata=(0, 0, 0), alpha=None, unified=True), "uint8", "nodata"),
        (Validity(kind="nodata", nodata=(0, 255, 0), alpha=None, unified=True), "uint8", "mask"),
        (Validity(kind="nodata", nodata=(0, None, 0), alpha=None, unified=True), "uint8", "mask"),
        (Validity(kind="nodata", nodata=(0, 255, 0), alpha=None), "uint8", "nodata"),
        (Validity(kind="nodata", nodata=(0, 0, 0, None), alpha=3, unified=True), "uint8", "alpha"),
        (Validity(kind="nodata", nodata=(0, 0), alpha=1), "uint8", "alpha"),
        (Validity(kind="nodata", nodata=(0, 0, 0), alpha=2), "uint8", "nodata"),
    ],
)
def test_a_nodata_value_that_readers_would_misread_becomes_a_mask_or_alpha(
    validity: Validity, dtype: str, kind: str
) -> None:
    assert choose_layout(validity, np.dtype(dtype), LOSSLESS).kind == kind


def test_floats_without_a_way_to_tell_turn_nan() -> None:
    plain = {"bands": (0,), "alpha": None, "nodata": None}
    assert PixelLayout(kind="none", dtype=np.dtype("float32"), **plain).turns_nan
    assert not PixelLayout(kind="none", dtype=np.dtype("int16"), **plain).turns_nan
    assert not PixelLayout(kind="mask", dtype=np.dtype("float32"), **plain).turns_nan


def test_a_mask_is_read_where_the_pixels_are() -> None:
    mask = np.arange(20).reshape(4, 5) % 3 != 0
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 4, "width": 5, **PLACE}
        with memory.open(**profile) as target:
            target.write(np.arange(20, dtype="uint8").reshape(1, 4, 5))
            target.write_mask(mask)
        with memory.open() as source:
            room = np.zeros((1, 2, 3), "uint8")
            data, valid, own = Validity.of(source).read(source, Window(1, 2, 3, 2), room)
    assert data is room
    assert data.tolist() == [[[11, 12, 13], [16, 17, 18]]]
    assert valid is not None
    assert own is not None
    assert (valid == mask[2:4, 1:4]).all()
    assert (own == valid).all()


def test_nan_makes_an_alpha_band_invalid_just_where_all_others_are() -> None:
    data = np.array([[[np.nan, 1, np.nan]], [[1, 255, 1]], [[np.nan, np.nan, 5]]], "float32")
    judged = Validity(kind="alpha", nodata=(None,) * 3, alpha=1).judge(data)
    assert judged is not None
    assert judged[:, 0].astype(int).tolist() == [[0, 1, 0], [0, 1, 1], [0, 0, 1]]


class Declared:
    """A dataset of one band, as far as its declarations go."""

    count, colorinterp, mask_flag_enums = 1, (ColorInterp.gray,), ([MaskFlags.nodata],)

    def __init__(self, dtype: str, nodata: float) -> None:
        self.dtypes, self.nodatavals = (dtype,), (nodata,)


@pytest.mark.parametrize(
    ("dtype", "declared", "meant"),
    [
        ("float32", 3.4028235e38, float(np.finfo("float32").max)),
        ("float32", -3.40282347e38, -float(np.finfo("float32").max)),
        ("float32", 1e39, 1e39),
        ("float32", 1e38, 1e38),
        ("float32", -np.inf, -np.inf),
        ("uint8", 255.0, 255),
        ("uint8", 256, None),
        ("uint8", -1, None),
        ("uint8", 2.5, None),
        ("uint8", np.nan, None),
        ("uint8", np.inf, None),
        ("uint8", 1e17, None),
        ("int32", 2**53 + 2, None),
        ("complex64", 7, 7),
    ],
)
def test_a_declared_nodata_value_is_one_that_pixels_can_have(dtype: str, declared: float, meant: float | None) -> None:
    validity = Validity.of(Declared(dtype, declared))  # type: ignore[arg-type]
    assert validity.nodata == (meant,)
    assert type(validity.nodata[0]) is type(meant)
    assert validity.kind == ("none" if meant is None else "nodata")


@pytest.mark.parametrize(
    ("dtype", "declared", "meant"),
    [
        ("uint64", 2**64 - 1, 2**64 - 1),
        ("uint64", 2**64, None),
        ("uint64", -1, None),
        ("int64", -(2**63), -(2**63)),
        ("int64", -(2**63) - 1, None),
        ("int64", 2**63, None),
    ],
)
def test_integers_of_64_bits_reach_to_their_very_limits(dtype: str, declared: int, meant: int | None) -> None:
    assert usable(declared, np.dtype(dtype)) == meant


GDAL_NAMES = {
    **{name: name.capitalize().replace("Ui", "UI") for name in INTEGERS},
    "uint8": "Byte",
    "int64": "Int64",
    "uint64": "UInt64",
    "float32": "Float32",
    "float64": "Float64",
    "complex64": "CFloat32",
}
DECLARED = [
    *("0", "1", "-1", "255", "-9999", "65535", "4294967295", "-2147483648"),
    *("9007199254740993", "18446744073709551615", "-9223372036854775808"),
    *("nan", "inf", "-inf", "0.1", "1e10", "1e39"),
    *("-3.4e+38", "-3.4028234663852886e+38", "-1.7976931348623157e+308"),
]


def values_around(text: str, dtype: np.dtype) -> list[Any]:
    """Values that a nodata value, given as text, may be confused with, as far as the type holds them."""
    if dtype.kind not in "iu":
        number = float(text)
        largest = float(np.finfo("float32").max)
        near = [number, np.nextafter(number, 0), np.inf, -np.inf, largest, -largest, -3.39e38, 1e35, 0, 1, 255]
        return [value for value in near if not np.isnan(value)]
    limits = np.iinfo(dtype)
    near = [limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1, 2, 255]
    with contextlib.suppress(ValueError, OverflowError):
        near += [int(float(text)) + step for step in (-1, 0, 1)]
    with contextlib.suppress(ValueError):
        near += [int(text) + step for step in (-1, 0, 1)]
    return [value for value in near if limits.min <= value <= limits.max]


@pytest.mark.parametrize("dtype", GDAL_NAMES)
@pytest.mark.parametrize("text", DECLARED)
def test_every_declared_value_is_judged_as_gdal_does(tmp_path: Path, dtype: str, text: str) -> None:
    """Fractions in integers, which GDAL truncates, are none that pixels can have, and are left out."""
    if text == "0.1" and np.dtype(dtype).kind in "iu":
        pytest.skip("a fraction")
    values = values_around(text, np.dtype(dtype))
    kind = object if np.dtype(dtype).kind in "iu" else "float64"
    with np.errstate(over="ignore"):
        pixels = np.array([values], kind).astype(dtype)
    (tmp_path / "raw").write_bytes(pixels.tobytes())
    (tmp_path / "raw.vrt").write_text(
        f'<VRTDataset rasterXSize="{len(values)}" rasterYSize="1"><VRTRasterBand dataType="{GDAL_NAMES[dtype]}" '
        f'band="1" subClass="VRTRawRasterBand"><NoDataValue>{text}</NoDataValue><SourceFilename relativeToVRT="1">raw'
        "</SourceFilename></VRTRasterBand></VRTDataset>"
    )
    rasterio.shutil.copy(str(tmp_path / "raw.vrt"), str(tmp_path / "tile.tif"), driver="GTiff")
    # rasterio compares the value with the type's limits
    with np.errstate(over="ignore"), rasterio.open(tmp_path / "tile.tif") as source:
        data, valid, _ = Validity.of(source).read(source, Window(0, 0, len(values), 1))
        reference = (source.read_masks() > 0) & ~np.isnan(data)
    found = np.ones(data.shape, bool) if valid is None else valid
    np.testing.assert_array_equal(found, reference)


def test_what_is_written_for_the_largest_float_is_the_largest_float() -> None:
    for dtype in ("float32", "complex64"):
        assert usable(-3.40282347e38, np.dtype(dtype)) == -float(np.finfo("float32").max)
        assert usable(-np.inf, np.dtype(dtype)) == -np.inf
    assert usable(np.inf, np.dtype("float64")) == np.inf
