"""A small collection that viewers are tried on: its pixels, its parts, and what a server says of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

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


CLASSES = {1: ("Water", (60, 120, 200)), 2: ("Cropland", (240, 220, 80)), 3: (f"Rock {HOSTILE}", (150, 110, 70))}


def hills() -> Any:
    """Heights between 900 and 2,400 m, ``(SIZE, SIZE)``."""
    down, across = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    peak = 1500 * np.exp(-((across - 0.4) ** 2 + (down - 0.5) ** 2) * 9)
    return (900 + peak).astype("float32")


def write_hills(path: Path) -> None:
    """Heights in metres."""
    with _one_band(path, "float32", nodata=-9999) as target:
        target.write(hills(), 1)
        target.units = ("m",)
        target.descriptions = ("elevation",)


def write_cover(path: Path) -> None:
    """Three classes with colours and names."""
    with _one_band(path, "uint8", nodata=0) as target:
        target.write((np.digitize(hills(), [1200, 1800]) + 1).astype("uint8"), 1)
        target.write_colormap(1, {value: (*color, 255) for value, (_, color) in CLASSES.items()})
    names = "".join(f"<Category>{escape(name)}</Category>" for name in ("", *(name for name, _ in CLASSES.values())))
    sidecar = f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames></PAMRasterBand></PAMDataset>'
    path.with_name(f"{path.name}.aux.xml").write_text(sidecar)


def _one_band(path: Path, dtype: str, **profile: Any) -> Any:
    place = {"crs": "EPSG:4326", "transform": Affine(PIXEL, 0, WEST, 0, -PIXEL, NORTH)}
    shape = {"width": SIZE, "height": SIZE, "count": 1}
    return rasterio.open(path, "w", driver="GTiff", dtype=dtype, **shape, **place, **profile)


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
