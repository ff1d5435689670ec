"""What becomes of collections whose tiles do not show clearly what they are: pixels, overviews, map, notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

import sorts_of_data as sorts
from rastercollection import JobResult, plan_collection, process_collection


def arguments(folder: Path, **parameters: Any) -> dict[str, Any]:
    return {
        "container_name": folder / "bronze",
        "blob_list": "*.tif",
        "collection_id": "c",
        "output_container": folder / "cogs",
        "jobs": f"sqlite:///{folder}/jobs.db",
        "executor": "serial",
        **parameters,
    }


def write_beside(folder: Path, tiles: list[np.ndarray]) -> None:
    """Tiles in rows of three, side by side, in UTM."""
    (folder / "bronze").mkdir()
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 3)
        place = from_origin(500_000 + column * 2560, 4_500_000 - row * 2560, 10, 10)
        profile = {"driver": "GTiff", "width": 256, "height": 256, "count": 1, "dtype": tile.dtype}
        path = folder / "bronze" / f"t{number}.tif"
        with rasterio.open(path, "w", crs="EPSG:32642", transform=place, **profile) as target:
            target.write(tile, 1)


def documents(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in (folder / "cogs").rglob("*.json")]


def visual(folder: Path) -> dict[str, Any]:
    (collection,) = [found for found in documents(folder) if found.get("type") == "Collection"]
    render: dict[str, Any] = collection["renders"]["visual"]
    return render


def codes(result: JobResult) -> list[str]:
    """But for the date, which none of the tiles has."""
    found = [notice["code"] for notice in result.to_dict()["notices"]]
    return [code for code in found if code != "DATETIME_UNKNOWN"]


def test_no_value_of_flags_is_made_up_anywhere(tmp_path: Path) -> None:
    """In a warp and in overviews; that it was doubted is in the plan and in the result."""
    bits = [sorts.flags(seed) for seed in range(9)]
    source = np.block([bits[:3], bits[3:6], bits[6:]]).astype("uint16")
    (tmp_path / "bronze").mkdir()
    place = from_origin(500_000, 4_500_000, 10, 10)
    profile = {"driver": "GTiff", "width": 768, "height": 768, "count": 1, "dtype": "uint16"}
    with rasterio.open(
        tmp_path / "bronze/t.tif", "w", crs="EPSG:32642", transform=place, nodata=65535, **profile
    ) as raster:
        raster.write(source, 1)
    planned = plan_collection(**arguments(tmp_path)).notices
    assert [notice.code for notice in planned] == ["RASTER_TYPE_UNCLEAR"]
    result = process_collection(**arguments(tmp_path))
    assert codes(result) == ["RASTER_TYPE_UNCLEAR"]
    cog = str(result.tiles[0].output)
    with rasterio.open(cog) as image:
        found = [image.read(1, masked=True).compressed()]
        assert image.overviews(1)
        levels = range(len(image.overviews(1)))
    for level in levels:
        with rasterio.open(cog, OVERVIEW_LEVEL=level) as overview:
            found.append(overview.read(1, masked=True).compressed())
    assert np.isin(np.concatenate(found), source).all()
    assert visual(tmp_path)["resampling"] == "nearest"
    assert "colormap" not in visual(tmp_path)


def test_flat_sheets_are_in_the_overview_of_their_terrain(tmp_path: Path) -> None:
    sheets = [sorts.relief(seed) for seed in range(6)] + [sorts.coast(7), sorts.constant(), sorts.constant(value=1)]
    write_beside(tmp_path, [sheet.astype("int16") for sheet in sheets])
    result = process_collection(**arguments(tmp_path))
    assert result.status == "completed"
    assert codes(result) == ["RASTER_TYPE_OF_COLLECTION"]
    assert result.summary["validation"]["disagreements"] == []
    items = [found for found in documents(tmp_path) if found.get("type") == "Feature"]
    assert {item["properties"]["rastercollection:raster_type"] for item in items} == {"dem"}
    overview = result.summary["overview"]["href"]
    with rasterio.open(overview) as image:
        # the lowest row of tiles is the flat ones
        rows = image.read(1, masked=True)[int(image.height * 0.75)]
        assert rows.count() > 0.9 * image.width
        assert rows.max() < 10


def test_a_grey_photograph_is_drawn_grey_and_stretched(tmp_path: Path) -> None:
    write_beside(tmp_path, sorts.tiles_of(sorts.photograph, "uint8", count=2, low=20, high=70))
    result = process_collection(**arguments(tmp_path))
    assert codes(result) == []
    render = visual(tmp_path)
    assert not {"colormap", "colormap_name"} & render.keys()
    assert render["title"] != "Elevation"
    ((low, high),) = render["rescale"]
    assert 20 <= low < high <= 70
    thumbnails = sorted((tmp_path / "cogs").glob("t*.png"))
    with rasterio.open(thumbnails[0]) as picture:
        red, green, blue, alpha = picture.read()
    assert (red == green).all()
    assert (green == blue).all()
    assert red[alpha > 0].max() - red[alpha > 0].min() > 200
