"""What heights refer to is found in any kind of CRS, named, compared, and put together with another place again."""

from __future__ import annotations

import pyproj
import pytest

from rastercollection.geo.crs import parse_crs
from rastercollection.geo.heights import heights_label, heights_of, same_heights, with_heights

BY_A_GRID = (
    'COMPD_CS["x",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]],VERT_CS["EGM96 height",VERT_DATUM["EGM96 geoid",2005,'
    'EXTENSION["PROJ4_GRIDS","/etc/passwd"]],UNIT["metre",1],AXIS["Up",UP]]]'
)
LOCAL = pyproj.CRS.from_wkt(
    'VERTCRS["Harbour",VDATUM["Harbour gauge"],CS[vertical,1],AXIS["up",up],LENGTHUNIT["foot",0.3048]]'
)


@pytest.mark.parametrize(
    ("crs", "heights"),
    [
        ("EPSG:25833+7837", "EPSG:7837"),
        ("EPSG:7415", "EPSG:5709"),
        ("EPSG:26913+6360", "EPSG:6360"),
        ("EPSG:4979", "EPSG:4979"),
        (pyproj.CRS("EPSG:25833").to_3d().to_wkt(), "EPSG:4937"),
        (BY_A_GRID, "EPSG:5773"),
        ("EPSG:25833", None),
        ("EPSG:4326", None),
        ("EPSG:4978", None),
    ],
)
def test_what_heights_refer_to(crs: str, heights: str | None) -> None:
    assert heights_of(pyproj.CRS.from_user_input(crs)) == heights


def test_a_definition_without_a_code_is_kept_whole() -> None:
    whole = pyproj.crs.CompoundCRS("x", [pyproj.CRS("EPSG:25833"), LOCAL])
    heights = heights_of(whole)
    assert heights is not None
    assert pyproj.CRS(heights).equals(LOCAL)
    assert same_heights(heights, LOCAL.to_wkt())
    assert "Harbour" in heights_label(heights)


def test_where_things_lie_is_without_heights() -> None:
    for text in ("EPSG:25833+7837", "EPSG:25833"):
        assert parse_crs(text).to_epsg() == 25833
    assert parse_crs("EPSG:4979").to_epsg() == 4326


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("EPSG:7837", pyproj.CRS("EPSG:7837").to_wkt(), True),
        ("EPSG:7837", "EPSG:5783", False),
        ("EPSG:5703", "EPSG:6360", False),
        ("EPSG:4979", "EPSG:4937", False),
        ("EPSG:7837", None, False),
        (None, None, True),
    ],
)
def test_comparison(one: str | None, other: str | None, same: bool) -> None:
    assert same_heights(one, other) == same
    assert same_heights(other, one) == same


def test_together_with_another_place() -> None:
    whole = with_heights("EPSG:28992", "EPSG:5709")
    assert whole is not None
    assert whole.to_epsg() == 7415
    ellipsoidal = with_heights("EPSG:4326", "EPSG:4979")
    assert ellipsoidal is not None
    assert ellipsoidal.to_epsg() == 4979


@pytest.mark.parametrize(
    ("place", "heights"), [("EPSG:3857", "EPSG:4979"), ("EPSG:4258", "EPSG:4979"), ("EPSG:25833", LOCAL.to_wkt())]
)
def test_what_a_geotiff_cannot_say(place: str, heights: str) -> None:
    assert with_heights(place, heights) is None
