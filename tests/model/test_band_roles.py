"""Which band is red, of tiles that say it in all the ways there are, and of collections whose tiles do not agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import pytest

from rastercollection.core.models import Notice
from rastercollection.model.band import BandIdentity
from rastercollection.model.band_roles import find_roles
from rastercollection.model.decisions import decide
from rastercollection.model.tile import Validation
from rastercollection.testing.sample_records import sample_request
from validation_scenes import validate, write

BGRN = ("blue", "green", "red", "nir")
GRAY = ("gray", "undefined", "undefined", "undefined")
S2 = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
S2_NAMES = (
    *("coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078"),
    *("nir", "nir08", "nir09", "swir16", "swir22"),
)


@pytest.fixture(scope="module")
def any_tile(tmp_path_factory: pytest.TempPathFactory) -> Validation:
    return validate(write(tmp_path_factory.mktemp("tile") / "x.tif", np.ones((3, 40, 40), "uint16")))


@pytest.fixture
def tile(any_tile: Validation) -> Any:
    """Makes a tile of 16 bits whose bands have these descriptions, colours, and whatever else is given."""

    def make(texts: Sequence[str | None], colors: Sequence[str] = (), blob: str = "x.tif", **changes: Any) -> Any:
        count = len(texts)
        waves = changes.pop("waves", (None,) * count)
        facts = {
            "source": attrs.evolve(any_tile.source, blob=blob),
            "band_count": count,
            "dtypes": ("uint16",) * count,
            "color_interpretation": tuple(colors) or ("gray", *("undefined",) * (count - 1)),
            "identities": tuple(
                BandIdentity(description=text, wavelength=wave) for text, wave in zip(texts, waves, strict=True)
            ),
            "raster_type": "multispectral",
        }
        return attrs.evolve(any_tile, **{**facts, **changes})

    return make


def names(tile: Validation, ordered: Sequence[str] = (), raster_type: str = "auto") -> Sequence[str | None]:
    return find_roles(tile, ordered, raster_type).names


def sources(tile: Validation, ordered: Sequence[str] = ()) -> set[str]:
    return {role.source for role in find_roles(tile, ordered, "auto").roles}


def test_wavelengths_are_those_of_the_sensor_where_the_file_tells_none(tile: Any) -> None:
    def waves(found: Validation) -> list[float | None]:
        return [role.wavelength for role in find_roles(found, (), "auto").roles]

    bands = ("B02", "B04", "B8A")
    assert waves(tile(bands, blob="S2A_MSIL2A_20190714.tif")) == [0.493, 0.665, 0.865]
    assert waves(tile(("B2", "B4", "B6"), blob="LC08_L1TP_153032.tif")) == [0.482, 0.655, 1.609]
    assert waves(tile(bands, blob="S2A_MSIL2A_20190714.tif", waves=(0.5, None, None))) == [0.5, 0.665, 0.865]
    assert waves(tile(bands)) == [None] * 3, "that it is Sentinel-2 is a guess"
    assert waves(tile(("blue", "April", "nir"), blob="S2B.tif")) == [0.493, None, 0.833]


def test_each_kind_of_evidence_is_enough(tile: Any) -> None:
    waves = (0.49, 0.56, 0.665, 0.842)
    none = (None,) * 4
    for evidence, source in (
        (tile(none, ("blue", "green", "red", "nir")), "color_interpretation"),
        (tile(BGRN), "description"),
        (tile(("Blue (450-515 nm)", "Green", "Red", "Near infrared")), "description"),
        (tile(("B02", "B03", "B04", "B08")), "description"),
        (tile(none, waves=waves), "wavelength"),
    ):
        assert names(evidence) == BGRN
        assert sources(evidence) == {source}
    assert names(tile(none), BGRN) == BGRN
    assert sources(tile(none), BGRN) == {"parameter"}
    assert names(tile((None, None, None)), raster_type="rgb") == ("red", "green", "blue")
    assert names(tile(none)) == none


def test_the_better_evidence_wins_and_the_other_fills_in(tile: Any) -> None:
    colors = ("green", "blue", "red", "undefined")
    assert names(tile(BGRN, colors)) == ("green", "blue", "red", "nir")
    assert "colour interpretation was taken" in find_roles(tile(BGRN, colors), (), "auto").doubt
    assert names(tile(BGRN, waves=(0.665, 0.56, 0.49, 0.842))) == BGRN
    assert names(tile(BGRN), ("red", "green", "blue", "nir")) == ("red", "green", "blue", "nir")
    assert names(tile(("blue", "green", "red", None), waves=(None, None, None, 0.842))) == BGRN


def test_colors_that_any_geotiff_of_bytes_has_give_way_to_names(tile: Any) -> None:
    picture = ("red", "green", "blue")
    for count in (3, 4):
        found = find_roles(tile(BGRN[:count], (*picture, "undefined")[:count]), (), "auto")
        assert found.names == BGRN[:count]
        assert "the names were taken" in found.doubt
    infrared = find_roles(tile(("nir", "red", "green"), picture), (), "auto")
    assert infrared.names == ("nir", "red", "green")
    assert names(tile(("blue", None, None), picture)) == picture
    same = find_roles(tile(picture, picture), (), "auto")
    assert (same.names, same.doubt) == (picture, "")


def test_an_alpha_band_has_no_name_and_it_is_told_that_it_is_called_by_one(tile: Any) -> None:
    found = find_roles(tile(BGRN, ("blue", "green", "red", "alpha")), (), "auto")
    assert found.names == ("blue", "green", "red", None)
    assert "band 4 is called nir, but declared as alpha" in found.doubt


@pytest.mark.parametrize(
    ("texts", "facts", "expected"),
    [
        (S2, {}, S2_NAMES),
        (("B2", "B3", "B4"), {}, ("blue", "green", "red")),
        (("B1", "B2", "B3", "B4"), {}, (None,) * 4),
        (("Band 01", "Band 02", "Band 03"), {}, (None,) * 3),
        (("SR_B1", "SR_B2", "SR_B3"), {"sensor": "LANDSAT_5 TM"}, ("blue", "green", "red")),
        (("B4", "B5"), {"blob": "LC08_L2SP_190026.tif"}, ("red", "nir08")),
        (("B4", "B5"), {"blob": "x/S2B_MSIL2A_2020.tif"}, ("red", "rededge071")),
    ],
)
def test_designations_mean_what_their_sensor_means(tile: Any, texts: Any, facts: Any, expected: Any) -> None:
    assert tuple(names(tile(texts, **facts))) == tuple(expected)


def test_a_number_of_bands_says_something_where_the_sensor_is_known(tile: Any) -> None:
    twelve = (None,) * 12
    known = find_roles(tile(twelve, blob="S2A_T33.tif"), (), "auto")
    assert known.names == S2_NAMES
    assert "Sentinel-2" in known.doubt
    assert names(tile(twelve)) == twelve
    assert names(tile((None,) * 5, blob="S2A_T33.tif")) == (None,) * 5
    landsat = names(tile((None,) * 7, sensor="LANDSAT_8 OLI_TIRS"))
    assert landsat == ("coastal", "blue", "green", "red", "nir08", "swir16", "swir22")


def test_no_two_bands_have_one_name(tile: Any) -> None:
    assert names(tile(("red 2019", "green 2019", "blue 2019", "red 2020"))) == ("red", "green", "blue", None)


def decided(*tiles: Validation, **parameters: Any) -> tuple[list[tuple[str | None, ...]], tuple[Notice, ...]]:
    decisions = decide(sample_request(**parameters), tiles)
    roles = [decisions.validations[each.source.blob].roles for each in tiles]
    return [tuple(role.common_name for role in some) for some in roles], decisions.notices


def test_what_holds_of_the_whole_collection_is_said_once(tile: Any) -> None:
    tiles = [
        attrs.evolve(each, settings=attrs.evolve(each.settings, compression="LZMA")) for each in map(tile, [BGRN] * 2)
    ]
    assert [notice.code for notice in decided(*tiles)[1]] == ["COMPRESSION_UNREAD_BY_BROWSERS"]


def test_silent_tiles_are_taken_for_the_others_and_it_is_said(tile: Any) -> None:
    found, notices = decided(tile(BGRN, blob="a"), tile((None,) * 4, blob="b"), tile((None,) * 3, blob="c"))
    assert found == [BGRN, BGRN, (None,) * 3]
    assert [notice.code for notice in notices] == ["BANDS_ASSUMED", "BANDS_UNKNOWN"]
    assert "1 of 2 tiles (b)" in notices[0].message
    assert "1 of 3 tiles (c): pictures show bands 1, 2, 3" in notices[1].message
    assert "bands=[" in notices[1].message


def test_tiles_of_other_types_are_not_taken_for_the_others(tile: Any) -> None:
    """Five bands of uint16 are no red, green, blue, near infrared and alpha of uint8."""
    picture = tile((*BGRN, None), ("blue", "green", "red", "nir", "alpha"), blob="a", dtypes=("uint8",) * 5)
    found, notices = decided(picture, tile((None,) * 5, blob="b"))
    assert found[1] == (None,) * 5
    assert "BANDS_ASSUMED" not in [notice.code for notice in notices]


def test_tiles_in_different_orders_keep_theirs_and_it_is_said(tile: Any) -> None:
    rgbn = ("red", "green", "blue", "nir")
    found, notices = decided(*(tile(BGRN, blob=name) for name in "ab"), tile(rgbn, blob="c"), tile((None,) * 4))
    assert found == [BGRN, BGRN, rgbn, (None,) * 4]
    assert [notice.code for notice in notices] == ["BANDS_DISAGREE", "BANDS_UNKNOWN"]
    assert "blue, green, red, nir in 2 (a, b); red, green, blue, nir in 1 (c)" in notices[0].message
    found, notices = decided(tile(BGRN, blob="a"), tile(rgbn, blob="b"), bands=BGRN)
    assert (found, notices) == ([BGRN, BGRN], ())


def test_nothing_is_said_where_all_is_known_or_there_is_nothing_to_know(tile: Any) -> None:
    assert decided(tile(BGRN))[1] == ()
    assert decided(tile((None,)), tile((None, None), blob="b"))[1] == ()
    assert decided(tile((None, None, None), ("gray", "undefined", "alpha")))[1] == ()
