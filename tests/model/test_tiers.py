"""Which settings a tile is written with: the tier's, the user's, and what is taken where neither can be had."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from rastercollection.model.cog import CogSettings
from rastercollection.model.tiers import TIERS, Tier, choose_settings, compatible_tiers, recommend, unread_by_browsers

RGB = (("uint8",) * 3, ("red", "green", "blue"))
RGBA = (("uint8",) * 4, ("red", "green", "blue", "alpha"))
FOUR = (("uint8",) * 4, ("red", "green", "blue", "undefined"))
DEM = (("float32",), ("gray",))
GRAY = (("uint8",), ("gray",))
WIDE = (("uint16",) * 3, ("red", "green", "blue"))
MIXED = (("uint8", "uint8", "uint16"), ("red", "green", "blue"))


def chosen(tier: str, raster_type: str, bands: Any, **overrides: Any) -> tuple[CogSettings, list[str]]:
    settings, notices = choose_settings(TIERS[tier], raster_type, *bands, **overrides)
    return settings, [notice.code for notice in notices]


@pytest.mark.parametrize(
    ("tier", "raster_type", "bands", "expected"),
    [
        ("visualization", "rgb", RGB, ("visualization", "JPEG", None, 85, "hot")),
        ("visualization", "rgba", RGBA, ("visualization", "JPEG", None, 85, "hot")),
        ("analysis", "dem", DEM, ("analysis", "DEFLATE", "auto", None, "hot")),
        ("archive", "rgb", RGB, ("archive", "LZW", None, None, "cool")),
    ],
)
def test_the_tier_decides_what_is_written(tier: str, raster_type: str, bands: Any, expected: tuple[Any, ...]) -> None:
    settings, codes = chosen(tier, raster_type, bands)
    found = settings.tier, settings.compression, settings.level, settings.quality, settings.storage_class
    assert (found, codes) == (expected, [])


@pytest.mark.parametrize(
    ("raster_type", "overviews", "warp"),
    [
        ("rgb", "cubic", "cubic"),
        ("rgba", "cubic", "cubic"),
        ("dem", "average", "bilinear"),
        ("categorical", "mode", "nearest"),
        ("multispectral", "average", "bilinear"),
        ("nir", "cubic", "cubic"),
        ("unknown", "cubic", "cubic"),
    ],
)
def test_the_raster_type_decides_how_pixels_are_resampled_unless_the_user_does(
    raster_type: str, overviews: str, warp: str
) -> None:
    settings, _ = chosen("analysis", raster_type, GRAY)
    assert (settings.overview_resampling, settings.warp_resampling) == (overviews, warp)
    settings, _ = chosen("analysis", raster_type, GRAY, overview_resampling="lanczos")
    assert (settings.overview_resampling, settings.warp_resampling) == ("lanczos", warp)
    settings, _ = chosen("analysis", raster_type, GRAY, warp_resampling="lanczos")
    assert (settings.overview_resampling, settings.warp_resampling) == (overviews, "lanczos")


@pytest.mark.parametrize("bands", [DEM, GRAY, WIDE, MIXED, FOUR])
def test_what_is_no_picture_of_bytes_is_written_for_analysis_and_told(bands: Any) -> None:
    settings, notices = choose_settings(TIERS["visualization"], "multispectral", *bands)
    assert (settings.tier, settings.compression, settings.level) == ("analysis", "DEFLATE", "auto")
    (notice,) = notices
    assert notice.code == "TIER_FALLBACK"
    assert f"{len(bands[0])} of {', '.join(sorted(set(bands[0])))}" in notice.message
    assert "'visualization'" in notice.message
    assert "'analysis'" in notice.message


@pytest.mark.parametrize("codec", ["JPEG", "WEBP"])
def test_a_lossy_codec_of_the_users_gives_way_to_the_tiers(codec: str) -> None:
    settings, notices = choose_settings(TIERS["analysis"], "dem", *DEM, compression=codec)
    assert (settings.compression, settings.level, settings.quality) == ("DEFLATE", "auto", None)
    assert [notice.code for notice in notices] == ["COMPRESSION_FALLBACK"]
    assert codec in notices[0].message
    assert "DEFLATE" in notices[0].message
    settings, notices = choose_settings(TIERS["analysis"], "rgb", *RGB, compression=codec, jpeg_quality=60)
    assert (settings.compression, settings.level, settings.quality, notices) == (codec, None, 60, ())


def test_levels_are_the_users_the_tiers_or_the_codecs_own() -> None:
    assert chosen("analysis", "dem", DEM, level=9)[0].level == 9
    assert chosen("analysis", "dem", DEM, level="auto")[0].level == "auto"
    assert chosen("analysis", "dem", DEM, compression="ZSTD")[0].level is None, "the tier's is of another codec"
    assert chosen("analysis", "dem", DEM, compression="ZSTD", level=15)[0].level == 15
    assert chosen("analysis", "dem", DEM, compression="JPEG", level=3)[0].level == 3, "of the codec taken instead"
    assert chosen("archive", "dem", DEM, level=3)[0].level is None, "LZW has none"


def test_a_tier_of_ones_own() -> None:
    tier = Tier(name="web", compression="WEBP")
    settings, notices = choose_settings(tier, "rgb", *RGB, jpeg_quality=70)
    assert (settings.tier, settings.compression, settings.quality, notices) == ("web", "WEBP", 70, ())
    settings, notices = choose_settings(tier, "dem", *DEM)
    assert settings.tier == "analysis", "its codec needs bytes, whatever it says"
    assert [notice.code for notice in notices] == ["TIER_FALLBACK"]
    plain = Tier(name="plain", compression="ZSTD", level=3, needs="rgb_byte")
    assert choose_settings(plain, "dem", *DEM)[0].tier == "analysis"


@pytest.mark.parametrize(
    ("bands", "names"),
    [(RGB, {"visualization", "analysis", "archive"}), (RGBA, set(TIERS)), (DEM, {"analysis", "archive"})],
)
def test_tiers_that_a_tile_can_be_written_in(bands: Any, names: set[str]) -> None:
    found = compatible_tiers(TIERS, *bands)
    assert set(found) == names
    assert list(found) == [name for name in TIERS if name in names], "in their order"


@pytest.mark.parametrize(
    ("raster_type", "compression", "level", "quality"),
    [
        ("rgb", "JPEG", None, 90),
        ("rgba", "WEBP", None, 90),
        ("dem", "LERC_DEFLATE", None, None),
        ("categorical", "DEFLATE", "auto", None),
        ("multispectral", "DEFLATE", "auto", None),
        ("nir", "DEFLATE", "auto", None),
        ("unknown", "DEFLATE", "auto", None),
    ],
)
def test_what_suits_a_type_best(raster_type: str, compression: str, level: int | None, quality: int | None) -> None:
    found = recommend(raster_type, 90)
    assert (found.compression, found.level, found.quality) == (compression, level, quality)
    assert (found.tier, found.storage_class) == ("recommended", "hot")
    assert recommend("rgb").quality == 85


def test_a_compression_that_browsers_cannot_read_is_told_once() -> None:
    lzma = attrs.evolve(recommend("dem"), compression="LZMA")
    (notice,) = unread_by_browsers([lzma, recommend("rgb"), lzma])
    assert notice.code == "COMPRESSION_UNREAD_BY_BROWSERS"
    assert "geotiff.js cannot read LZMA" in notice.message
    assert unread_by_browsers([recommend("rgb"), recommend("dem")]) == ()
