"""What heights refer to is in the COG and in its item; heights and places are as they were for any reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from cog_scenes import Made, make_cog, texture, write_raster
from rastercollection.geo.crs import same_crs
from rastercollection.stac.items import item_dict

UTM = "EPSG:25833"
IN_METRES, IN_DEGREES = Affine(5, 0, 400_000, 0, -5, 5_600_000), Affine(1e-4, 0, 10, 0, -1e-4, 50)


def made(folder: Path, crs: str, target: str, data: Any = None, **changes: Any) -> Made:
    place = IN_DEGREES if pyproj.CRS(crs).is_geographic else IN_METRES
    data = texture(1, 300, 300, "float32") if data is None else data
    return make_cog(write_raster(folder / "dem.tif", data, crs=crs, transform=place), target, **changes)


def told_by(path: Path) -> pyproj.CRS:
    """The CRS of the file alone, as PROJ understands it."""
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), rasterio.open(path) as cog:
        return pyproj.CRS.from_wkt(cog.crs.to_wkt(version="WKT2_2019"))


@pytest.mark.parametrize(
    ("crs", "target", "code"),
    [
        (f"{UTM}+7837", UTM, None),
        (f"{UTM}+7837", "EPSG:4326", None),
        ("EPSG:4979", "EPSG:4326", "EPSG:4979"),
        ("EPSG:4326+5773", "EPSG:4326", "EPSG:9707"),
        ("EPSG:26913+6360", "EPSG:3857", None),
    ],
)
def test_cog_and_item_say_what_heights_refer_to(crs: str, target: str, code: str | None, tmp_path: Path) -> None:
    found = made(tmp_path, crs, target)
    whole = told_by(found.path)
    assert same_crs(whole.to_2d() if not whole.is_compound else whole.sub_crs_list[0], pyproj.CRS(target))
    asset = item_dict(found.cog, "c", "data")["assets"]["data"]
    if pyproj.CRS(crs).is_compound:
        vertical = pyproj.CRS(crs).sub_crs_list[1]
        assert whole.sub_crs_list[1].to_epsg() == vertical.to_epsg()
        assert asset["rastercollection:heights"] == f"EPSG:{vertical.to_epsg()}"
    else:
        assert len(whole.axis_info) == 3
        assert asset["rastercollection:heights"] == crs
    assert asset["proj:code"] == code
    if code is None:
        assert pyproj.CRS.from_json_dict(asset["proj:projjson"]).equals(whole, ignore_axis_order=True)


def test_heights_are_what_they_were(tmp_path: Path) -> None:
    data = texture(1, 300, 300, "float32")
    found = made(tmp_path, f"{UTM}+7837", UTM, data)
    with rasterio.open(found.path) as cog:
        np.testing.assert_array_equal(cog.read(), data)


@pytest.mark.parametrize("crs", [f"{UTM}+7837", "EPSG:4979", "EPSG:26913+6360"])
def test_readers_see_the_same_as_without(crs: str, tmp_path: Path) -> None:
    """GDAL's warped view, which tile servers go by, moves and shifts nothing on account of the heights."""
    flat = {"EPSG:4979": "EPSG:4326"}.get(crs, crs.partition("+")[0])
    views = []
    for name in (crs, flat):
        (folder := tmp_path / name.replace(":", "-")).mkdir()
        found = made(folder, name, flat)
        with (
            rasterio.open(found.path) as cog,
            WarpedVRT(cog, crs="EPSG:3857", resampling=Resampling.bilinear) as view,
        ):
            views.append((view.transform, view.read(masked=True)))
    (place, pixels), (flat_place, flat_pixels) = views
    assert place == flat_place
    np.testing.assert_allclose(pixels.filled(-1), flat_pixels.filled(-1), rtol=1e-6)


def test_tile_servers_read_heights_as_they_are(tmp_path: Path) -> None:
    rio_tiler = pytest.importorskip("rio_tiler.io")
    found = made(tmp_path, f"{UTM}+7837", UTM, np.full((1, 300, 300), 123.25, "float32"))
    west, south, east, north = found.cog.file.bounds_4326
    with rio_tiler.Reader(str(found.path)) as reader:
        assert reader.point((west + east) / 2, (south + north) / 2).array.tolist() == [123.25]
        tile = next(reader.tms.tiles(west, south, east, north, [13]))
        assert set(reader.tile(tile.x, tile.y, tile.z).array.compressed().tolist()) == {123.25}
        assert reader.info().count == 1


@pytest.mark.parametrize(("crs", "target"), [("EPSG:4979", "EPSG:3857"), ("EPSG:4979", UTM)])
def test_what_a_geotiff_cannot_say_is_told(crs: str, target: str, tmp_path: Path) -> None:
    found = made(tmp_path, crs, target)
    assert "HEIGHTS_ONLY_IN_ITEM" in found.codes
    assert told_by(found.path).to_epsg() == int(target.removeprefix("EPSG:"))
    asset = item_dict(found.cog, "c", "data")["assets"]["data"]
    assert (asset["proj:code"], asset["rastercollection:heights"]) == (target, "EPSG:4979")


def test_without_heights_nothing_is_said_of_any(tmp_path: Path) -> None:
    found = made(tmp_path, UTM, UTM)
    assert "HEIGHTS_ONLY_IN_ITEM" not in found.codes
    assert told_by(found.path).to_epsg() == 25833
    assert "rastercollection:heights" not in item_dict(found.cog, "c", "data")["assets"]["data"]


def test_a_code_of_a_crs_with_heights_is_the_place_alone(tmp_path: Path) -> None:
    """``EPSG:7415`` as target says nothing of the heights of a tile that does not."""
    path = write_raster(
        tmp_path / "x.tif",
        texture(1, 200, 200, "float32"),
        crs="EPSG:28992",
        transform=Affine(5, 0, 155_000, 0, -5, 463_000),
    )
    found = make_cog(path, "EPSG:7415")
    assert told_by(found.path).to_epsg() == 28992
    assert CRS.from_user_input(found.cog.file.target_crs).to_epsg() == 28992
