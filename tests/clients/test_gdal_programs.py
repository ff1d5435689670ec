"""GDAL of another version than the one that wrote: Debian's own, by its Python package and its programs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rasterio

from client_cells import At, Cell, Judge, Published, look_at_cogs, projected, read_by, with_header
from client_scenes import KINDS, Kind, Place, Values
from services.gdal import INSTALL, SystemGdal, system_gdal

SHORT = tuple(name for name in KINDS if name != "many")
MOST_COGS = 10


@pytest.fixture(scope="session")
def gdal(missing_service: Callable[[str, str], None]) -> SystemGdal:
    found = system_gdal()
    if found is None:
        missing_service("GDAL of the system, with its Python package", INSTALL)
    return found


@read_by("Debian's GDAL, by its Python package", short=SHORT)
def test_gdal_package(cell: Cell, judge: Judge, gdal: SystemGdal) -> None:
    judge(cell, lambda published: with_header(published, _opened_by(gdal, published)), version=gdal.version)


def _opened_by(gdal: SystemGdal, published: Published) -> Callable[[Path], At]:
    kind = published.kind

    def opened(path: Path) -> At:
        places = [place for place in kind.places if path in published.cogs_at(place)]
        (answer,) = gdal.read([(str(path), [projected(place, kind.crs) for place in places])])
        types = {"uint8": "Byte", "int16": "Int16", "uint16": "UInt16", "float32": "Float32"}
        assert answer["crs"] == kind.crs
        assert answer["types"] == [types[kind.dtype]] * len(kind.bands)
        if any(kind.bands):
            assert tuple(answer["descriptions"]) == kind.bands
        if kind.colors:
            assert answer["colors"] == ["Palette"]
        if len(kind.bands) == 3:
            assert answer["colors"] == ["Red", "Green", "Blue"]
        pixels = dict(zip((place.name for place in places), answer["places"], strict=True))

        def at(place: Place) -> Values | None:
            pixel = pixels[place.name]
            return tuple(pixel["values"]) if any(pixel["mask"]) else None

        return at

    return opened


@read_by("gdalinfo -stats", short=SHORT)
def test_gdalinfo(cell: Cell, judge: Judge, gdal: SystemGdal, tmp_path: Path) -> None:
    """The statistics that it computes are those that the item states."""
    judge(cell, lambda published: _statistics(published, tmp_path), version=gdal.version)


def _statistics(published: Published, folder: Path) -> str:
    seen: dict[str, Any] = {}
    for item in published.items[:MOST_COGS]:
        cog = Path(item.assets[published.asset].get_absolute_href())
        with rasterio.open(cog) as raster:
            stated = [raster.tags(band).get("STATISTICS_MEAN") for band in raster.indexes]
        assert stated == [None] * len(stated), "what is stored is what gdalinfo prints: nothing would be computed"
        alone = Path(shutil.copy(cog, folder))  # what it computes it writes beside the file
        command = ["gdalinfo", "-json", "-stats", str(alone)]
        seen = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        document = json.loads(Path(item.get_self_href()).read_text())
        for band, facts in zip(seen["bands"], _item_bands(document["assets"][published.asset]), strict=True):
            for name, value in facts.items():
                computed = band[name]
                assert computed == pytest.approx(value, rel=1e-4, abs=2e-3), f"{item.id} band {band['band']} {name}"
    first = seen["bands"][0]
    return f"band 1 of the last: {first['minimum']:g} to {first['maximum']:g}, mean {first['mean']:g}"


def _item_bands(asset: dict[str, Any]) -> list[dict[str, float]]:
    """Minimum, maximum and mean of each band, as STAC 1.1 or the raster extension before it has them."""
    bands = asset.get("raster:bands") or [{**asset, **band} for band in asset.get("bands", [{}])]
    assert all("statistics" in band for band in bands), "a band without statistics"
    return [{name: band["statistics"][name] for name in ("minimum", "maximum", "mean")} for band in bands]


@read_by("gdal_translate")
def test_gdal_translate(cell: Cell, judge: Judge, gdal: SystemGdal, tmp_path: Path) -> None:
    """A copy of half the size, made of an overview where there is one, shows the same."""

    def halved(published: Published) -> str:
        def opened(path: Path) -> At:
            copy = tmp_path / f"half-{path.name}"
            command = ["gdal_translate", "-q", "-outsize", "50%", "50%", str(path), str(copy)]
            subprocess.run(command, capture_output=True, check=True)
            return _by_rasterio(copy, published.kind)

        return look_at_cogs(published, opened)

    judge(cell, halved, version=gdal.version)


def _by_rasterio(path: Path, kind: Kind) -> At:
    def at(place: Place) -> Values | None:
        with rasterio.open(path) as raster:
            row, column = raster.index(*projected(place, kind.crs))
            window = ((row, row + 1), (column, column + 1))
            if not raster.read_masks(window=window).any():
                return None
            return tuple(float(value) for value in raster.read(window=window).ravel())

    return at
