"""Libraries for Python that open COGs and items: each sees the pixels, where they are, and what is not there."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from client_cells import At, Cell, Judge, Need, Published, look, look_at_cogs, projected, read_by, with_header
from client_scenes import KINDS, Place, Values

SHORT = tuple(name for name in KINDS if name != "many")


@read_by("tifffile", short=SHORT)
def test_tifffile(cell: Cell, judge: Judge, need: Need) -> None:
    tifffile = need("tifffile", "tifffile")
    judge(cell, lambda published: with_header(published, _opened_by(tifffile, published)), version=version("tifffile"))


def _opened_by(tifffile: Any, published: Published) -> Callable[[Path], At]:
    kind = published.kind

    def opened(path: Path) -> At:
        with tifffile.TiffFile(path) as file:
            keys = dict(file.geotiff_metadata)
            code = keys.get("ProjectedCSTypeGeoKey") or keys.get("GeographicTypeGeoKey")
            assert f"EPSG:{int(code)}" == kind.crs
            pages = {int(kind): [] for kind in (0, 1, 4, 5)}
            for page in file.pages:
                pages[int(page.subfiletype)].append(page.asarray())
            nodata = file.pages[0].nodata if 42113 in file.pages[0].tags else None
        (pixels,) = pages[0]
        assert (pixels.dtype, 1 if pixels.ndim == 2 else pixels.shape[2]) == (kind.dtype, len(kind.bands))
        if not kind.is_masked:
            assert not pages[4], "only a mask tells what is valid, which is for readers of masks alone"
        return _of_levels(keys, [pixels, *pages[1]], [*pages[4], *pages[5]], nodata, kind.crs)

    return opened


def _of_levels(keys: dict[str, Any], levels: list[np.ndarray], masks: list[np.ndarray], nodata: Any, crs: str) -> At:
    """Reads full resolution and every overview, which must agree."""
    (step_x, step_y, _), (_, _, _, west, north, _) = keys["ModelPixelScale"], keys["ModelTiepoint"][:6]
    height, width = levels[0].shape[:2]

    def at(place: Place) -> Values | None:
        x, y = projected(place, crs)
        found = set()
        for number, level in enumerate(levels):
            row = int((north - y) / step_y * level.shape[0] / height)
            column = int((x - west) / step_x * level.shape[1] / width)
            values = tuple(float(value) for value in np.atleast_1d(level[row, column]))
            is_valid = masks[number][row, column] if masks else not _is_nodata(values, nodata)
            found.add(values if is_valid else None)
        assert len(found) == 1, f"{place.name}: levels differ: {found}"
        return found.pop()

    return at


def _is_nodata(values: Values, nodata: float | None) -> bool:
    return nodata is not None and all(value == nodata or (value != value and nodata != nodata) for value in values)


@read_by("async-geotiff", short=SHORT)
def test_async_geotiff(cell: Cell, judge: Judge, need: Need) -> None:
    need("async_geotiff", "async-geotiff obstore")
    seen = f"{version('async-geotiff')}, async-tiff {version('async-tiff')}"
    judge(cell, lambda published: with_header(published, _opened_in_rust(published)), version=seen)


def _opened_in_rust(published: Published) -> Callable[[Path], At]:
    from async_geotiff import GeoTIFF
    from obstore.store import LocalStore

    kind = published.kind

    async def read(path: Path) -> list[Any]:
        file = await GeoTIFF.open(path.name, store=LocalStore(str(path.parent)))
        header = (f"EPSG:{file.crs.to_epsg()}", str(file.dtype), file.count)
        assert header == (kind.crs, kind.dtype, len(kind.bands))
        return [await level.read() for level in (file, *file.overviews)]

    def opened(path: Path) -> At:
        levels = asyncio.run(read(path))

        def at(place: Place) -> Values | None:
            found = set()
            for level in levels:
                column, row = ~level.transform * projected(place, kind.crs)
                cell = level.as_masked()[:, int(row), int(column)]
                found.add(None if np.ma.getmaskarray(cell).all() else tuple(float(value) for value in cell.data))
            assert len(found) == 1, f"{place.name}: levels differ: {found}"
            return found.pop()

        return at

    return opened


@read_by("rioxarray")
def test_rioxarray(cell: Cell, judge: Judge, need: Need) -> None:
    rioxarray = need("rioxarray", "rioxarray")

    def look_at(published: Published) -> str:
        return look_at_cogs(published, _as_xarray(rioxarray, published))

    judge(cell, look_at, version=version("rioxarray"))


def _as_xarray(rioxarray: Any, published: Published) -> Callable[[Path], At]:
    kind = published.kind

    def opened(path: Path) -> At:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            raster = rioxarray.open_rasterio(path, masked=True).load()
        assert f"EPSG:{raster.rio.crs.to_epsg()}" == kind.crs
        if any(kind.bands):
            assert raster.attrs["long_name"] == kind.bands

        def at(place: Place) -> Values | None:
            x, y = projected(place, kind.crs)
            values = raster.sel(x=x, y=y, method="nearest").values
            return None if np.isnan(values).all() else tuple(float(value) for value in values)

        return at

    return opened


@read_by("odc-stac")
def test_odc_stac(cell: Cell, judge: Judge, need: Need) -> None:
    need("odc.stac", "odc-stac")
    judge(cell, _loaded_by_name, version=version("odc-stac"))


def _loaded_by_name(published: Published) -> str:
    """Loads what lies around each place by the names of its bands, in the CRS that items state."""
    from odc.stac import load

    kind = published.kind
    names = list(kind.bands) if any(kind.bands) else None

    def at(place: Place) -> Values | None:
        around = 3 * kind.step
        box = (place.lon - around, place.lat - around, place.lon + around, place.lat + around)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = load(published.items, bands=names, bbox=box)
        assert f"EPSG:{loaded.odc.crs.to_epsg()}" == kind.crs
        rows, columns = loaded.odc.spatial_dims
        x, y = projected(place, kind.crs)
        there = loaded.sel({columns: x, rows: y}, method="nearest").isel(time=0)
        bands = list(there.data_vars.values())
        values = tuple(float(band) for band in bands)
        return None if all(_is_missing(float(band), band.attrs.get("nodata")) for band in bands) else values

    seen = look(kind.places, at)
    return f"{', '.join(names)}: {seen}" if names else seen


@read_by("stackstac")
def test_stackstac(cell: Cell, judge: Judge, need: Need) -> None:
    need("stackstac", "stackstac")
    judge(cell, _stacked, version=version("stackstac"))


def _stacked(published: Published) -> str:
    """Stacks what lies around each place. It knows ``proj:epsg`` only, so the CRS is given, and it opens hrefs as they
    are, so they are made absolute."""
    import stackstac

    kind = published.kind
    items = [item.clone().make_asset_hrefs_absolute() for item in published.items]

    def at(place: Place) -> Values | None:
        around = 3 * kind.step
        box = (place.lon - around, place.lat - around, place.lon + around, place.lat + around)
        epsg = int(kind.crs.partition(":")[2])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stacked = stackstac.stack(
                items, assets=[published.asset], epsg=epsg, bounds_latlon=box, rescale=False, xy_coords="center"
            )
            x, y = projected(place, kind.crs)
            merged = stackstac.mosaic(stacked).sel(x=x, y=y, method="nearest").compute()
        value = float(merged.squeeze())
        return None if np.isnan(value) else (value,)

    return look(kind.places, at)


def _is_missing(value: float, nodata: float | None) -> bool:
    return np.isnan(value) or value == nodata
