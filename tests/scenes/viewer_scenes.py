"""A small collection that viewers are tried on: its pixels, its parts, and what a server says of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from rasterio.transform import Affine

from rastercollection.testing.sample_rasters import write_sample_cog

HOSTILE = "<img src=x onerror=\"document.title='broken into'\">'\"&<script>alert(1)</script>"
PIXEL = 0.0002
SIZE = 300
WEST, NORTH = 71.0, 41.1
OVERVIEW_VALUE = 3333
NAMES = ("blue", "green", "red", "near infrared")


@attrs.frozen
class Collection:
    """A published collection: where its parts are."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @property
    def document_path(self) -> Path:
        return self.output / "stac" / "fields" / "collection.json"

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.document_path.read_text())
        return document

    def change(self, **fields: Any) -> None:
        """Write the collection's document with other fields."""
        self.document_path.write_text(json.dumps({**self.document, **fields}))

    def item_path(self, item_id: str) -> Path:
        return self.document_path.parent / "items" / f"{item_id}.json"

    def change_item(self, item_id: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change the document of an item in place."""
        item = json.loads(self.item_path(item_id).read_text())
        change(item)
        self.item_path(item_id).write_text(json.dumps(item))

    def copy(self, folder: Path) -> Collection:
        """The collection as if it had been published to another folder."""
        copied = Collection(shutil.copytree(self.folder, folder))
        mosaic = copied.output / "fields.json"
        mosaic.write_text(mosaic.read_text().replace(str(self.output), str(copied.output)))
        return copied


def surface(longitude: Any, latitude: Any, band: int) -> Any:
    """Smooth values between 200 and 4,000; no two bands look alike."""
    x, y = (np.asarray(longitude) - WEST) * 60, (NORTH - np.asarray(latitude)) * 60
    return 2100 + 1900 * np.sin(x * (0.5 + 0.2 * band) + band) * np.cos(y * (0.9 - 0.1 * band))


def write_tile(path: Path, west: float) -> None:
    """Four bands of uint16 that are reflectances times 10,000, with a corner without data."""
    longitudes = west + (np.arange(SIZE) + 0.5) * PIXEL
    latitudes = NORTH - (np.arange(SIZE) + 0.5) * PIXEL
    pixels = np.stack([surface(*np.meshgrid(longitudes, latitudes), band) for band in range(4)]).astype("uint16")
    pixels[:, :30, :30] = 0
    profile = {"driver": "GTiff", "width": SIZE, "height": SIZE, "count": 4, "dtype": "uint16", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", **profile, nodata=0, transform=Affine(PIXEL, 0, west, 0, -PIXEL, NORTH)) as target:
        target.write(pixels)
        target.descriptions = NAMES
        target.units = ("sr-1",) * 4
        target.scales = (0.0001,) * 4
        target.offsets = (-0.1,) * 4


@attrs.frozen
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def add_overview(collection: Collection) -> None:
    """Give the collection an overview that is the same everywhere, so that it can be told from the tiles."""
    west, south, east, north = collection.document["extent"]["spatial"]["bbox"][0]
    pixels = np.full((4, 256, 256), OVERVIEW_VALUE, dtype="uint16")
    cog = write_sample_cog(collection.output, "overview", pixels, (west, south, east, north), nodata=0)
    asset = {
        "href": "../../overview.tif",
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["overview"],
        "rastercollection:minzoom": 6,
        "rastercollection:maxzoom": 9,
    }
    assert Path(cog.file.href) == collection.output / "overview.tif"
    collection.change(assets={**collection.document["assets"], "overview": asset})
