"""How collections are to be looked at: bands, stretches from statistics over all tiles, colours."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rio_tiler.colormap import cmap

from rastercollection.model.band import BandStatistics, RasterClass
from rastercollection.model.cog import CogFile
from rastercollection.stac.renders import made_renders
from rastercollection.stac.spread import combine
from rastercollection.testing.sample_records import sample_band, sample_cog


def collection_renders(*arguments: Any) -> Any:
    """The usual renders of COGs, by name."""
    return made_renders(*arguments).by_name


RGBN = ("red", "green", "blue", "gray")


def _statistics(values: np.ndarray) -> BandStatistics:
    low, high = np.percentile(values, [2, 98])
    return BandStatistics(
        minimum=float(values.min()),
        maximum=float(values.max()),
        mean=float(values.mean()),
        stddev=float(values.std()),
        count=values.size,
        valid_percent=100.0,
        percentile_2=float(low),
        percentile_98=float(high),
    )


def _file(*place: Any, **changes: Any) -> CogFile:
    return sample_cog(*place, **changes).file


def _bands(count: int, dtype: str = "uint16", colors: Any = None, values: tuple[float, float] = (100.0, 4000.0)) -> Any:
    colors = colors or ("gray",) * count
    return tuple(sample_band(number, color, dtype, values) for number, color in enumerate(colors, 1))


@settings(max_examples=60, deadline=None)
@given(
    tiles=st.lists(
        st.tuples(st.floats(-1000, 1000), st.floats(0.1, 500), st.integers(500, 5000)), min_size=1, max_size=12
    )
)
def test_percentiles_of_all_tiles_are_near_the_real_ones(tiles: list[tuple[float, float, int]]) -> None:
    generator = np.random.default_rng(5)
    values = [generator.uniform(low, low + width, count) for low, width, count in tiles]
    spread = combine(map(_statistics, values))
    together = np.concatenate(values)
    assert spread is not None
    assert (spread.minimum, spread.maximum) == (together.min(), together.max())
    for found, percent in ((spread.low, 2), (spread.high, 98)):
        # by rank: between values that are far apart, any value is as good
        near = np.percentile(together, [percent - 1.5, percent + 1.5])
        slack = 1e-5 * (1 + np.abs(near).max())
        assert near[0] - slack <= found <= near[1] + slack
    assert spread.minimum <= spread.low <= spread.high <= spread.maximum


def test_a_small_odd_tile_does_not_spoil_the_stretch() -> None:
    many = _statistics(np.linspace(0, 100, 1_000_000))
    outlier = _statistics(np.linspace(60_000, 65_000, 500))
    spread = combine([many, outlier])
    assert spread is not None
    assert spread.high < 101
    assert spread.maximum == 65_000


def test_many_equal_values_are_the_percentile_exactly() -> None:
    values = np.concatenate([np.zeros(500), np.linspace(1, 1000, 500)])
    spread = combine([_statistics(values), _statistics(values)])
    assert spread is not None
    assert spread.low == 0


def test_tiles_without_valid_pixels_do_not_count() -> None:
    void = attrs.evolve(
        _statistics(np.ones(3)), minimum=None, maximum=None, count=0, percentile_2=None, percentile_98=None
    )
    assert combine([void]) is None
    assert combine([]) is None
    filled = _statistics(np.linspace(5, 6, 100))
    assert combine([void, filled]) == combine([filled])
    broken = attrs.evolve(filled, maximum=float("inf"))
    assert combine([broken, filled]) == combine([filled])


def test_a_constant_band_still_has_a_stretch() -> None:
    spread = combine([_statistics(np.full(10, 7.0))])
    assert spread is not None
    assert spread.stretch == (7.0, 8.0)


@pytest.mark.parametrize(
    ("raster_type", "bands", "expected"),
    [
        ("rgb", _bands(3, "uint8", RGBN[:3], (0, 250)), [1, 2, 3]),
        ("rgb", _bands(3, "uint8", ("blue", "green", "red"), (0, 250)), [3, 2, 1]),
        ("rgba", _bands(4, "uint8", (*RGBN[:3], "alpha"), (0, 250)), [1, 2, 3]),
        ("nir", _bands(4), [1, 2, 3]),
        ("nir", _bands(4, colors=("blue", "green", "red", "nir")), [3, 2, 1]),
        ("multispectral", _bands(5), [1, 2, 3]),
        ("rgba", _bands(4, "uint8", ("alpha", "blue", "green", "red"), (0, 250)), [4, 3, 2]),
        ("unknown", _bands(3, "float32"), [1]),
        ("multispectral", _bands(8), [4, 3, 2]),
        ("multispectral", _bands(13), [4, 3, 2]),
        ("dem", _bands(1, "float32"), [1]),
        ("unknown", _bands(2, "float32"), [1]),
    ],
)
def test_the_bands_of_a_picture(raster_type: str, bands: Any, expected: list[int]) -> None:
    render = collection_renders([_file(raster_type=raster_type, bands=bands)], "data")["visual"]
    assert render["bidx"] == expected
    assert render["assets"] == ["data"]
    assert len(render.get("rescale", expected)) == len(expected)


def test_a_collection_is_drawn_as_it_was_while_any_of_it_can_be() -> None:
    picture = _file(raster_type="rgb", bands=_bands(3, "uint8", RGBN[:3], (0, 250)))
    classes = [_file(raster_type="categorical", bands=_bands(1, "uint8")) for _ in range(2)]
    assert collection_renders([*classes, picture], "data")["visual"]["title"] == "Classes"
    drawn = collection_renders([*classes, picture], "data", picture.structure)["visual"]
    assert "colormap" not in drawn
    assert drawn["bidx"] == [1, 2, 3]
    assert collection_renders(classes, "data", picture.structure)["visual"]["title"] == "Classes"


def test_pictures_are_shown_as_they_are_unless_dark() -> None:
    bright = _file(bands=_bands(3, "uint8", RGBN[:3], (0, 250)))
    dark = _file(bands=_bands(3, "uint8", RGBN[:3], (0, 30)))
    assert "rescale" not in collection_renders([bright], "data")["visual"]
    low, high = collection_renders([dark], "data")["visual"]["rescale"][0]
    assert (low, high) == pytest.approx((0.6, 29.4))


def test_the_stretch_is_over_the_whole_collection() -> None:
    cogs = [
        _file(str(number), raster_type="dem", bands=_bands(1, "float32", None, (low, low + 100)))
        for number, low in enumerate((0.0, 1000.0, 3000.0))
    ]
    ((low, high),) = collection_renders(cogs, "data")["visual"]["rescale"]
    assert 0 <= low < 20
    assert 3080 < high <= 3100
    assert collection_renders(cogs, "data")["visual"]["colormap_name"] in cmap.list()


def test_bands_that_are_known_to_be_infrared_have_a_view_of_their_own() -> None:
    bands = _bands(4, colors=("blue", "green", "red", "nir"))
    renders = collection_renders([_file(raster_type="nir", bands=bands)], "data")
    assert list(renders) == ["visual", "color-infrared"]
    assert renders["color-infrared"]["bidx"] == [4, 3, 2]
    assert len(renders["color-infrared"]["rescale"]) == 3
    without_blue = _bands(3, "uint8", ("nir", "red", "green"))
    (visual,) = collection_renders([_file(bands=without_blue)], "data").values()
    assert (visual["title"], visual["bidx"]) == ("Color infrared", [1, 2, 3])


@pytest.mark.parametrize("raster_type", ["rgb", "nir", "multispectral", "unknown"])
@pytest.mark.parametrize("count", [3, 4, 7, 12, 13])
def test_no_title_claims_colors_that_nothing_supports(raster_type: str, count: int) -> None:
    (visual,) = collection_renders([_file(raster_type=raster_type, bands=_bands(count))], "data").values()
    shown = ", ".join(map(str, visual["bidx"]))
    assert visual["title"] == ("First band" if raster_type == "unknown" else f"Bands {shown}")


def test_the_order_of_most_tiles_that_know_theirs_is_shown() -> None:
    known = [_file(str(n), raster_type="nir", bands=_bands(4, colors=("blue", "green", "red", "nir"))) for n in (1, 2)]
    other = _file("3", raster_type="nir", bands=_bands(4, colors=("red", "green", "blue", "nir")))
    silent = [_file(f"silent-{n}", raster_type="nir", bands=_bands(4)) for n in range(5)]
    assert collection_renders([*silent, other, *known], "data")["visual"]["bidx"] == [3, 2, 1]


def test_pictures_go_on_as_pictures_when_a_tile_lacks_their_bands() -> None:
    three = [_file(str(number), raster_type="rgb", bands=_bands(3)) for number in range(3)]
    for count in (1, 2):
        other = _file("other", raster_type="unknown", bands=_bands(count))
        assert collection_renders([*three, other], "data") == collection_renders(three, "data")
        alone = collection_renders([other, *three, other], "data", other.structure)
        assert max(max(render["bidx"]) for render in alone.values()) <= count


def test_a_tile_with_fewer_bands_that_readers_cannot_combine_takes_no_view_away() -> None:
    colors = ("red", "green", "blue", "nir")
    four = [_file(str(number), raster_type="nir", bands=_bands(4, colors=colors)) for number in range(3)]
    three = _file("three", raster_type="rgb", bands=_bands(3, colors=colors[:3]))
    assert len(collection_renders(four, "data")) == 2
    assert [render["bidx"] for render in collection_renders([*four, three], "data").values()] == [[1, 2, 3], [4, 1, 2]]


def test_pictures_of_bytes_are_stretched_alike_where_some_have_a_larger_type() -> None:
    """Readers promote bytes in a tile that both share, and draw 255 of 65535 as black."""
    bytes_ = [_file(str(number), raster_type="rgb", bands=_bands(3, "uint8", RGBN[:3], (0, 250))) for number in (1, 2)]
    wide = _file("wide", raster_type="rgb", bands=_bands(3, "uint16", RGBN[:3], (0, 250)))
    assert collection_renders([*bytes_, wide], "data")["visual"]["rescale"] == [[0, 255]] * 3


def test_a_color_table_is_cut_to_the_values_there_are() -> None:
    table = {str(value): (value, 0, 255 - value, 255) for value in range(256)}
    band = sample_band(1, "palette", "uint8", (3, 9))
    render = collection_renders([_file(raster_type="categorical", bands=(band,), color_table=table)], "data")
    colors = render["visual"]["colormap"]
    assert list(colors) == [str(value) for value in range(3, 10)]
    assert colors["4"] == [4, 0, 251, 255]
    assert "rescale" not in render["visual"]
    assert render["visual"]["resampling"] == "nearest"


def test_classes_without_a_table_have_different_colors() -> None:
    band = sample_band(1, dtype="int16", values=(-2, 17))
    visual = collection_renders([_file(raster_type="categorical", bands=(band,))], "data")["visual"]
    assert len({tuple(color) for color in visual["colormap"].values()}) == 20
    wide = sample_band(1, dtype="int32", values=(0, 10_000))
    visual = collection_renders([_file(raster_type="categorical", bands=(wide,))], "data")["visual"]
    assert "colormap" not in visual
    assert visual["rescale"]


def test_what_may_be_flags_is_not_interpolated() -> None:
    kept = attrs.evolve(sample_cog().file.settings, overview_resampling="nearest")
    band = sample_band(1, dtype="uint16", values=(0, 4000))
    flags, counts = (_file(raster_type="unknown", bands=(band,)) for _ in range(2))
    render = collection_renders([attrs.evolve(flags, settings=kept)], "data")["visual"]
    assert render["resampling"] == "nearest"
    assert "colormap" not in render
    assert collection_renders([counts], "data")["visual"]["resampling"] == "bilinear"


def test_every_render_says_the_same_to_every_reader() -> None:
    float_bands = _bands(1, "float32", None, (0, 100))
    marked = tuple(attrs.evolve(band, nodata=-1.0) for band in float_bands)
    cogs = {
        "nearest": [
            _file(raster_type="categorical", bands=_bands(1, "uint8")),
            _file(raster_type="dem", bands=float_bands),
        ],
        "bilinear": [
            _file(raster_type="dem", validity="nodata", bands=marked),
            _file(raster_type="nir", bands=_bands(4, colors=("blue", "green", "red", "nir"))),
        ],
    }
    for kernel, files in cogs.items():
        for render in (each for file in files for each in collection_renders([file], "cog").values()):
            assert (render["resampling"], render["reproject"]) == (kernel, kernel), render
            assert render["asset_bidx"] == [f"cog|{','.join(map(str, render['bidx']))}"]


def test_nodata_is_given_where_all_tiles_share_it() -> None:
    with_nodata = [
        _file(str(number), validity="nodata", bands=(sample_band(dtype="float32", nodata=float("nan")),))
        for number in range(2)
    ]
    assert collection_renders(with_nodata, "data")["visual"]["nodata"] == "nan"
    mixed = [*with_nodata, _file("none", bands=(sample_band(dtype="float32"),))]
    assert "nodata" not in collection_renders(mixed, "data")["visual"]


def test_no_render_is_of_complex_numbers() -> None:
    waves = _file("waves", raster_type="unknown", bands=(sample_band(dtype="complex64"),))
    real = _file("real", raster_type="unknown", bands=(sample_band(dtype="float32"),))
    assert collection_renders([waves, waves, real], "data") == {}
    assert collection_renders([waves, real, real], "data") == collection_renders([real], "data")
    assert collection_renders([waves, real], "data", waves.structure) == {}


def test_nothing_to_show() -> None:
    assert collection_renders([], "data") == {}


def test_classes_are_shown_in_their_own_colours() -> None:
    named = (RasterClass(value=1, name="a", color=(1, 2, 3, 255)), RasterClass(value=3, name="b"))
    band = attrs.evolve(sample_band(values=(0.0, 3.0)), classes=named)
    shown = collection_renders([_file("x", raster_type="categorical", bands=(band,))], "data")["visual"]["colormap"]
    assert shown["1"] == [1, 2, 3, 255]
    assert set(shown) == {"0", "1", "2", "3"}
    many = attrs.evolve(band, statistics=attrs.evolve(band.statistics, maximum=9000.0))
    shown = collection_renders([_file("x", raster_type="categorical", bands=(many,))], "data")["visual"]["colormap"]
    assert set(shown) == {"1", "3"}
