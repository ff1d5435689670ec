"""Whole jobs on tiles whose bands are not red, green and blue in that order: every picture shows the same bands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pystac
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin
from rio_tiler.io import Reader

from rastercollection import JobResult, plan_collection, process_collection
from rastercollection.cli.main import main
from rastercollection.viewer.summary import collection_summary

BGRN = ("blue", "green", "red", "nir")
BYTES = (30, 90, 200, 0)
"""Of blue, green, red and near infrared: a red place, in which nothing grows."""
RED = [200, 90, 30]
SERVER = "http://127.0.0.1:9"
"""Nothing listens there."""


def write_tile(
    path: Path,
    values: Sequence[float] = BYTES,
    *,
    dtype: str = "uint8",
    descriptions: Sequence[str] = (),
    band_tags: Sequence[dict[str, str]] = (),
    colors: Sequence[str] = ("gray", "undefined", "undefined", "undefined"),
    **profile: Any,
) -> Path:
    """A tile of one value a band, without a word on its colours unless they are given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"width": 128, "height": 128, "count": len(values), "dtype": dtype}
    place = {"crs": "EPSG:4326", "transform": from_origin(10, 50, 1e-4, 1e-4), "photometric": "MINISBLACK"}
    with rasterio.open(path, "w", **{"driver": "GTiff", **shape, **place, **profile}) as tile:
        tile.write(np.broadcast_to(np.array(values, dtype)[:, None, None], (len(values), 128, 128)))
        tile.colorinterp = [ColorInterp[color] for color in colors[: len(values)]]
        for band, text in enumerate(descriptions, 1):
            tile.set_band_description(band, text)
        for band, tags in enumerate(band_tags, 1):
            tile.update_tags(band, **tags)
    return path


def run(folder: Path, **parameters: Any) -> JobResult:
    settings: dict[str, Any] = {
        "container_name": folder / "bronze",
        "blob_list": "*.tif",
        "collection_id": "bands",
        "output_container": folder / "cogs",
        "datetime": "2020-06-01T10:00:00Z",
        "grid": "own",
        "executor": "serial",
        "jobs": "memory",
    }
    return process_collection(**{**settings, **parameters})


def collection_of(folder: Path) -> pystac.Collection:
    return pystac.Collection.from_file(str(next((folder / "cogs").rglob("collection.json"))))


def asset_of(folder: Path) -> pystac.Asset:
    return next(collection_of(folder).get_items()).assets["data"]


def cog_of(folder: Path) -> Path:
    return next((folder / "cogs").glob("*_cog_*.tif"))


def shown(folder: Path) -> tuple[str, list[int]]:
    render = collection_of(folder).extra_fields["renders"]["visual"]
    return render["title"], render["bidx"]


def thumbnail_pixel(folder: Path) -> list[int]:
    with rasterio.open(next((folder / "cogs").glob("*_thumbnail.png"))) as picture:
        pixel: list[int] = picture.read()[:3, 60, 60].tolist()
        return pixel


def codes(result: JobResult) -> list[str]:
    return [notice["code"] for notice in result.to_dict()["notices"]]


WAVELENGTHS = [{"wavelength": str(length), "wavelength_units": "Nanometers"} for length in (490, 560, 665, 842)]
AS_BYTES = ("red", "green", "blue", "undefined")
"""What GDAL calls bands of bytes that nobody has called anything."""


@pytest.mark.parametrize(
    ("facts", "parameters", "source"),
    [
        ({"descriptions": BGRN}, {}, "description"),
        ({"descriptions": ("Blue (450-515 nm)", "Green", "B04 Red", "Near infrared")}, {}, "description"),
        ({"descriptions": BGRN, "colors": AS_BYTES}, {}, "description"),
        ({"band_tags": WAVELENGTHS}, {}, "wavelength"),
        ({"colors": BGRN}, {}, "color_interpretation"),
        ({"colors": AS_BYTES}, {"bands": BGRN}, "parameter"),
    ],
)
def test_every_picture_shows_red_as_red(tmp_path: Path, facts: Any, parameters: Any, source: str) -> None:
    write_tile(tmp_path / "bronze" / "a.tif", **facts)
    run(tmp_path, titiler_url=SERVER, titiler_profile="mosaicjson", **parameters)
    collection = collection_of(tmp_path)
    visual = collection.extra_fields["renders"]["visual"]
    assert (visual["title"], visual["bidx"]) == ("Natural color", [3, 2, 1])
    assert collection.extra_fields["renders"]["color-infrared"]["bidx"] == [4, 3, 2]
    assert thumbnail_pixel(tmp_path) == RED
    with Reader(str(cog_of(tmp_path))) as cog:
        assert cog.preview(indexes=visual["bidx"]).array[:, 60, 60].tolist() == RED
    (tiles,) = (link.href for link in collection.links if link.rel == "xyz")
    assert parse_qs(urlsplit(tiles).query)["bidx"] == ["3", "2", "1"]
    bands = asset_of(tmp_path).extra_fields["bands"]
    assert [band["eo:common_name"] for band in bands] == list(BGRN)
    assert {band["rastercollection:common_name_source"] for band in bands} == {source}


def test_the_viewer_shows_the_same(tmp_path: Path) -> None:
    pytest.importorskip("titiler.mosaic", reason="pip install 'rastercollection[view]'")
    from rastercollection.backends.storage.fsspec import FsspecStorage
    from rastercollection.viewer.served import ServedCollection

    write_tile(tmp_path / "bronze" / "a.tif", descriptions=BGRN)
    run(tmp_path)
    url = str(next((tmp_path / "cogs").rglob("collection.json")))
    summary = collection_summary(ServedCollection(FsspecStorage(), url).shown, url)
    natural = summary["renders"][0]
    assert natural["title"] == "Natural color"
    assert parse_qs(urlsplit(natural["tiles"]).query)["bidx"] == ["3", "2", "1"]


def test_rain_is_no_picture(tmp_path: Path) -> None:
    months = tuple(f"rain in {month}" for month in ("January", "February", "March"))
    write_tile(tmp_path / "bronze" / "a.tif", (1.5, 20, 80), dtype="float32", descriptions=months)
    result = run(tmp_path)
    assert shown(tmp_path) == ("First band", [1])
    assert codes(result) == []
    assert not any(name.startswith("eo:") for band in asset_of(tmp_path).extra_fields["bands"] for name in band)
    assert len(set(thumbnail_pixel(tmp_path))) == 1


def test_a_plan_says_what_pictures_will_not_know(tmp_path: Path) -> None:
    write_tile(tmp_path / "bronze" / "a.tif", (500, 1500, 3000, 4000), dtype="uint16")
    request = {"container_name": tmp_path / "bronze", "blob_list": "*.tif", "collection_id": "bands"}
    notices = plan_collection(**request).to_dict()["notices"]
    assert [notice["code"] for notice in notices] == ["BANDS_UNKNOWN"]
    assert plan_collection(**request, bands=BGRN).to_dict()["notices"] == []


def test_what_the_user_calls_bands_is_in_the_cog(tmp_path: Path) -> None:
    write_tile(tmp_path / "bronze" / "a.tif", descriptions=("Blue (450-515 nm)", "red"))
    run(tmp_path, bands=["blue", "B03", "red", "quality"])
    with rasterio.open(cog_of(tmp_path)) as cog:
        assert cog.descriptions == ("Blue (450-515 nm)", "B03", "red", "quality")
        assert [color.name for color in cog.colorinterp] == ["blue", "green", "red", "undefined"]
    assert shown(tmp_path) == ("Natural color", [3, 2, 1])


def test_a_band_that_is_called_alpha_in_the_file_is_what_the_user_says(tmp_path: Path) -> None:
    """Near infrared is 0 all over: taken for alpha, nothing would be left of the tile."""
    colors = ("red", "green", "blue", "alpha")
    write_tile(tmp_path / "bronze" / "a.tif", colors=colors, crs="EPSG:32633", transform=from_origin(5e5, 5e6, 10, 10))
    run(tmp_path, bands=BGRN)
    with rasterio.open(cog_of(tmp_path)) as cog:
        middle = cog.read()[:, cog.height // 2, cog.width // 2]
        assert middle.tolist() == list(BYTES)
        assert cog.dataset_mask()[cog.height // 2, cog.width // 2] == 255
        assert [color.name for color in cog.colorinterp] == list(BGRN)


def test_a_band_that_is_declared_as_alpha_and_called_near_infrared_is_data(tmp_path: Path) -> None:
    """GDAL declares alpha in any four bytes; near infrared is 0 all over, and a JPEG would leave it out."""
    place = {"crs": "EPSG:32633", "transform": from_origin(5e5, 5e6, 10, 10)}
    write_tile(tmp_path / "bronze" / "a.tif", colors=("red", "green", "blue", "alpha"), descriptions=BGRN, **place)
    result = run(tmp_path, output_tier="visualization")
    with rasterio.open(cog_of(tmp_path)) as cog:
        assert cog.read()[:, cog.height // 2, cog.width // 2].tolist() == list(BYTES)
        assert cog.dataset_mask()[cog.height // 2, cog.width // 2] == 255
        assert ColorInterp.alpha not in cog.colorinterp
    assert shown(tmp_path) == ("Natural color", [3, 2, 1])
    (tile,) = result.to_dict()["tiles"]
    assert {"ALPHA_TAKEN_FOR_DATA", "TIER_FALLBACK"} <= {notice["code"] for notice in tile["notices"]}


def test_three_months_are_no_picture_though_declared_as_one(tmp_path: Path) -> None:
    months = ("January", "February", "March")
    write_tile(tmp_path / "bronze" / "a.tif", BYTES[:3], colors=("red", "green", "blue"), descriptions=months)
    result = run(tmp_path)
    assert shown(tmp_path) == ("Bands 1, 2, 3", [1, 2, 3])
    assert codes(result) == ["BANDS_UNKNOWN"]
    assert not any(name.startswith("eo:") for band in asset_of(tmp_path).extra_fields["bands"] for name in band)


def test_a_band_that_the_user_calls_alpha_is_one(tmp_path: Path) -> None:
    write_tile(tmp_path / "bronze" / "a.tif", (30, 90, 200, 255))
    run(tmp_path, bands=["red", "green", "blue", "alpha"])
    with rasterio.open(cog_of(tmp_path)) as cog:
        assert cog.colorinterp[3] is ColorInterp.alpha
    assert thumbnail_pixel(tmp_path) == [30, 90, 200]


def test_a_tile_of_another_number_of_bands_is_refused(tmp_path: Path) -> None:
    write_tile(tmp_path / "bronze" / "four.tif")
    write_tile(tmp_path / "bronze" / "three.tif", BYTES[:3])
    result = run(tmp_path, bands=BGRN)
    four, three = result.tiles
    assert four.ok
    assert three.code == "BANDS_MISMATCH"
    assert "three.tif has 3 bands, and `bands` names 4" in three.reason


def test_a_cog_is_copied_only_if_it_says_the_same(tmp_path: Path) -> None:
    plain = write_tile(tmp_path / "plain.tif", colors=BGRN, descriptions=BGRN)
    (tmp_path / "bronze").mkdir()
    rasterio.shutil.copy(plain, tmp_path / "bronze" / "a.tif", driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES")
    source = (tmp_path / "bronze" / "a.tif").read_bytes()
    for bands, is_copy in ((None, True), (BGRN, True), (("red", "green", "blue", "nir"), False)):
        run(tmp_path, bands=bands)
        assert (cog_of(tmp_path).read_bytes() == source) == is_copy


def test_a_jpeg_that_cannot_say_it_is_told_of(tmp_path: Path) -> None:
    write_tile(tmp_path / "bronze" / "a.tif", BYTES[:3])
    result = run(tmp_path, bands=BGRN[:3], output_tier="visualization")
    (tile,) = result.to_dict()["tiles"]
    assert "BAND_COLORS_DROPPED" in [notice["code"] for notice in tile["notices"]]
    assert np.abs(np.subtract(thumbnail_pixel(tmp_path), RED)).max() <= 5


def test_tiles_that_join_later_are_shown_like_those_before(tmp_path: Path) -> None:
    write_tile(tmp_path / "bronze" / "a.tif", descriptions=BGRN)
    run(tmp_path)
    (tmp_path / "bronze" / "a.tif").unlink()
    write_tile(tmp_path / "bronze" / "b.tif")
    run(tmp_path)
    assert len(list(collection_of(tmp_path).get_items())) == 2
    assert shown(tmp_path) == ("Natural color", [3, 2, 1])


def test_items_are_valid_with_names_and_wavelengths(
    tmp_path: Path, validate_stac: Callable[[dict[str, Any]], None]
) -> None:
    write_tile(tmp_path / "bronze" / "a.tif", dtype="float32", band_tags=WAVELENGTHS, descriptions=BGRN)
    run(tmp_path)
    (item,) = collection_of(tmp_path).get_items()
    document = json.loads(Path(item.self_href).read_text())
    assert "https://stac-extensions.github.io/eo/v1.1.0/schema.json" in document["stac_extensions"]
    assert [band["eo:center_wavelength"] for band in document["assets"]["data"]["bands"]] == [0.49, 0.56, 0.665, 0.842]
    validate_stac(document)
    validate_stac(json.loads(next((tmp_path / "cogs").rglob("collection.json")).read_text()))


def test_the_command_line_takes_names_with_commas(tmp_path: Path) -> None:
    write_tile(tmp_path / "bronze" / "a.tif")
    given = [str(tmp_path / "bronze"), "--id", "bands", "--output", str(tmp_path / "cogs"), "--executor", "serial"]
    assert main(["run", *given, "--bands", "blue,green, red,nir"]) == 0
    assert shown(tmp_path) == ("Natural color", [3, 2, 1])
