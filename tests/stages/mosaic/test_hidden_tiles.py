"""What a job says of tiles that hide each other: bands as files, time series, duplicates, black collars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from rastercollection import process_collection

SIZE = 200
CODES = ("TILES_COVERED", "COLLARS_HIDE_DATA")


def write(path: Path, data: np.ndarray, column: float = 0, **profile: Any) -> None:
    """A tile so many times its width to the east."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands = data if data.ndim == 3 else data[np.newaxis]
    shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2], "dtype": bands.dtype}
    place = {"crs": "EPSG:32642", "transform": from_origin(5e5 + column * SIZE * 10, 4.5e6, 10, 10)}
    with rasterio.open(path, "w", **{"driver": "GTiff", **shape, **place, **profile}) as tile:
        tile.write(bands)


def surface(dtype: str = "uint16") -> np.ndarray:
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    return (100 + 40 * np.sin(x / 17) + 40 * np.cos(y / 23)).astype(dtype)


def photograph(value: int = 0, dtype: str = "uint8") -> np.ndarray:
    """A picture on its corner, in a frame of one value."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    inside = np.abs(x - SIZE / 2) + np.abs(y - SIZE / 2) < 0.42 * SIZE
    return np.stack([np.where(inside, surface(dtype) + band, value).astype(dtype) for band in range(3)])


def told(folder: Path, **parameters: Any) -> dict[str, str]:
    """What the job says of tiles that hide others, by code."""
    request: dict[str, Any] = {
        "container_name": folder / "bronze",
        "blob_list": "**/*.tif",
        "collection_id": "hidden",
        "output_container": folder / "cogs",
        "executor": "serial",
        "jobs": "memory",
    }
    notices = process_collection(**{**request, **parameters}).to_dict()["notices"]
    return {notice["code"]: notice["message"] for notice in notices if notice["code"] in CODES}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("T1_20200101_B02_10m", "T1_20200101_B03_10m"), ["like those of bands (B02, B03)", "rio stack"]),
        (("T1_20200101_B02_10m", "T1_20200101_B11_20m"), ["like those of bands (B02, B11)", "rio stack"]),
        (("scene_red", "scene_nir08"), ["like those of bands (nir08, red)"]),
        (
            ("rain_20200101", "rain_20200201"),
            ["times differ, from 2020-01-01T", "to 2020-02-01T", "newest is on top", "collection of each"],
        ),
        (("one/sheet", "two/sheet"), ["times do not differ", "two/sheet.tif here", "last by its id is on top"]),
    ],
)
def test_tiles_of_one_place_are_told_with_what_they_seem_to_be(tmp_path: Path, names: Any, says: Any) -> None:
    for name in names:
        write(tmp_path / "bronze" / f"{name}.tif", surface())
    write(tmp_path / "bronze" / "zz.tif", surface(), column=3)
    (message,) = told(tmp_path).values()
    assert message.startswith("2 of 3 tiles cover each other wholly, in one place: they share all of their footprints")
    assert [text for text in says if text not in message] == []


def test_tiles_side_by_side_are_not_told_of(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "bronze" / f"{number}.tif", surface(), column=0.9 * number)
    assert told(tmp_path) == {}


@pytest.mark.parametrize(
    ("value", "dtype", "parameters"),
    [
        (0, "uint8", {}),
        (0, "uint8", {"output_tier": "visualization"}),
        (255, "uint8", {"target_crs": "EPSG:32642"}),
        (0, "uint16", {}),
    ],
)
def test_collars_that_hide_neighbours_are_told_with_their_figures(
    tmp_path: Path, value: int, dtype: str, parameters: Any
) -> None:
    for number in range(3):
        write(tmp_path / "bronze" / f"{number}.tif", photograph(value, dtype), column=0.6 * number)
    message = told(tmp_path, **parameters)["COLLARS_HIDE_DATA"]
    assert message.startswith("2 tiles have a border of one value")
    # a square on its corner of half diagonal 0.42 has 2 × 0.42² of the frame
    assert any(f"{value} along 100% of its edge, in {share}% of its pixels" in message for share in range(61, 69))
    hidden = float(message.partition("it hides ")[2].partition("%")[0])
    # of the square below, the corner that the frame above covers, without what the square in that frame covers
    assert hidden == pytest.approx(100 * (0.32**2 - 2 * 0.12**2) / (2 * 0.42**2), abs=1.5)
    assert f"--nodata {value}" in message


def test_collars_that_are_marked_or_hide_nothing_are_not_told_of(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / "bronze" / f"marked-{number}.tif", photograph(), column=0.6 * number, nodata=0)
        write(tmp_path / "bronze" / f"apart-{number}.tif", photograph(), column=4 + number)
        write(tmp_path / "bronze" / f"dark-{number}.tif", np.zeros((3, SIZE, SIZE), "uint8"), column=8 + 0.6 * number)
    assert told(tmp_path) == {}
