"""Which COGs of a collection readers can combine, judged by rio-tiler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from rio_tiler.io import Reader
from rio_tiler.models import ImageData
from rio_tiler.mosaic import mosaic_reader

from rastercollection.model.band import BandRole
from rastercollection.model.cog import Cog
from rastercollection.model.combining import combine
from rastercollection.model.drawing import Drawing
from rastercollection.testing.sample_rasters import write_sample_cog

WHOLE = (71.0, 41.0, 71.1, 41.05)
SIDES = ((71.0, 41.0, 71.05, 41.05), (71.05, 41.0, 71.1, 41.05))
RGB = ("red", "green", "blue")
RED, BLUE, GREEN_TOO = {1: (200, 0, 0, 255)}, {1: (0, 0, 200, 255)}, {1: (200, 0, 0, 255), 2: (0, 90, 0, 255)}
CLASSES = {"raster_type": "categorical"}


def cog_of(folder: Path, side: int, value: float, dtype: str, count: int = 1, **facts: Any) -> Cog:
    """One value everywhere on one side, opaque where the last band is alpha."""
    pixels = np.full((count, 64, 64), value, dtype)
    if "alpha" in facts.get("colors", ()):
        pixels[-1] = np.iinfo(dtype).max
    if facts.pop("masked", False):
        facts["valid"] = np.ones((64, 64), bool)
    return write_sample_cog(folder, f"side-{side}", pixels, SIDES[side], **facts)


def values_of_both_sides(cogs: Sequence[Cog]) -> list[list[float]]:
    """What stock rio-tiler makes of all bands of both COGs together, on the left and on the right."""

    def part(asset: str) -> ImageData:
        with Reader(asset) as reader:
            return reader.part(WHOLE, width=64, height=32, dst_crs="EPSG:4326")

    image, _ = mosaic_reader([cog.file.href for cog in cogs], part, threads=0)
    return [image.array[:, 16, column].tolist() for column in (16, 48)]


def reasons(cogs: Sequence[Cog]) -> tuple[str, ...]:
    return Drawing.of([cog.file for cog in cogs]).reasons


@pytest.mark.parametrize(
    ("one", "other", "dtype"),
    [
        ((7, "uint8", 1, {"masked": True}), (60_000, "uint16", 1, {"masked": True}), "uint16"),
        ((-7, "int16", 1, {"nodata": -9999}), (1.5, "float32", 1, {"nodata": np.nan}), "float32"),
        ((2**31 - 1, "int32", 1, {"masked": True}), (0.5, "float32", 1, {"nodata": -1}), "float64"),
        ((2**40 + 1, "int64", 1, {"masked": True}), (200, "uint8", 1, {"nodata": 0}), "int64"),
        ((90, "uint8", 3, {"masked": True}), (9, "uint8", 4, {"colors": (*RGB, "alpha")}), "uint8"),
        ((1, "uint8", 1, {"color_table": RED, **CLASSES}), (2, "uint8", 1, CLASSES), "uint8"),
        ((1, "uint8", 1, {"color_table": RED, **CLASSES}), (2, "uint8", 1, {"color_table": GREEN_TOO}), "uint8"),
        ((1, "uint8", 1, CLASSES), (5, "int16", 1, {"raster_type": "unknown"}), "int16"),
    ],
)
def test_what_readers_combine_takes_part(tmp_path: Path, one: Any, other: Any, dtype: str) -> None:
    pair = [cog_of(tmp_path, side, *facts[:3], **facts[3]) for side, facts in enumerate((one, other))]
    assert reasons(pair) == ("", "")
    assert Drawing.of([cog.file for cog in pair]).dtype == dtype
    bands = len(pair[0].file.color_bands)
    assert values_of_both_sides(pair) == [[one[0]] * bands, [other[0]] * bands]


@pytest.mark.parametrize(("count", "colors"), [(1, ("gray",)), (4, ("gray",) * 4), (2, ("gray", "alpha"))])
def test_another_number_of_bands_takes_no_part(tmp_path: Path, count: int, colors: tuple[str, ...]) -> None:
    pair = [cog_of(tmp_path, 0, 9, "uint8", 3), cog_of(tmp_path, 1, 8, "uint8", count, colors=colors)]
    with pytest.raises(AssertionError, match="same number of bands"):
        values_of_both_sides(pair)
    first, second = reasons(pair)
    assert (first, "where the others have 3 bands" in second) == ("", True)


def test_integers_that_would_be_rounded_take_no_part(tmp_path: Path) -> None:
    pair = [cog_of(tmp_path, 0, 2**60 + 1, "int64"), cog_of(tmp_path, 1, 0.5, "float32")]
    assert reasons(pair) == ("", "holds float32, which readers cannot combine with int64")


def test_complex_numbers_make_no_tile_complex_that_could_be_drawn(tmp_path: Path) -> None:
    real = cog_of(tmp_path, 0, 1.5, "float32")
    bands = tuple(attrs.evolve(band, dtype="complex64") for band in real.file.bands)
    assert (
        reasons([real, attrs.evolve(real, file=attrs.evolve(real.file, bands=bands))])[1]
        == "holds complex64, which readers cannot combine with float32"
    )


def test_a_value_has_one_meaning(tmp_path: Path) -> None:
    classes = cog_of(tmp_path / "a", 0, 1, "uint8", color_table=RED, **CLASSES)
    heights = cog_of(tmp_path / "b", 1, 1, "uint8", raster_type="dem")
    assert reasons([classes, heights])[1] == "holds quantities among classes"
    assert reasons([heights, classes])[1] == "holds classes where the others hold quantities"
    other = cog_of(tmp_path / "c", 1, 1, "uint8", color_table=BLUE, **CLASSES)
    assert reasons([classes, other])[1] == "gives other colours to values than the others do, as to 1"
    unused = cog_of(tmp_path / "d", 1, 3, "uint8", color_table={**BLUE, 3: (5, 5, 5, 255)}, **CLASSES)
    assert reasons([classes, unused]) == ("", "")
    colors = Drawing.of([classes.file, unused.file]).colors
    assert colors == {"1": (200, 0, 0, 255), "3": (5, 5, 5, 255)}


def test_a_band_shows_one_color(tmp_path: Path) -> None:
    cogs = [cog_of(tmp_path / str(number), 0, number, "uint8", 3) for number in range(4)]
    unnamed, *others = cogs
    named = [_named(cog, names) for cog, names in zip(others, (RGB, RGB, RGB[::-1]), strict=True)]
    assert reasons([unnamed, *named]) == (
        "",
        "",
        "",
        "has the bands blue, green, red where the others have red, green, blue",
    )


def _named(cog: Cog, names: Sequence[str]) -> Cog:
    bands = zip(cog.file.bands, names, strict=True)
    known = tuple(attrs.evolve(band, role=BandRole(common_name=name, source="parameter")) for band, name in bands)
    return attrs.evolve(cog, file=attrs.evolve(cog.file, bands=known))


def test_all_that_take_part_can_be_combined_with_each_other(tmp_path: Path) -> None:
    """Each of two goes with the usual one, and not with the other."""
    usual = cog_of(tmp_path / "a", 0, 1, "uint8").file
    signed, unsigned = (cog_of(tmp_path / dtype, 1, 5, dtype).file for dtype in ("int64", "uint64"))
    made = combine([unsigned, signed, usual, usual], [usual])
    assert [bool(reason) for reason in made.reasons] == [False, True, False, False]
    assert made.dtype == "uint64"


def test_classes_in_floats_are_classes(tmp_path: Path) -> None:
    classes = [cog_of(tmp_path, side, side + 1, "float32", **CLASSES) for side in (0, 1)]
    assert reasons(classes) == ("", "")
    assert Drawing.of([cog.file for cog in classes]).is_classes
    quantities = attrs.evolve(classes[1], file=attrs.evolve(classes[1].file, raster_type="unknown"))
    assert reasons([classes[0], quantities])[1] == "holds quantities among classes"
