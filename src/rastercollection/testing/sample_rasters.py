"""Small real COGs, written by GDAL's own COG driver, with the facts that stage 2 would return of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import transform_bounds, transform_geom

from rastercollection.core.records import multihash
from rastercollection.geo.types import Bounds
from rastercollection.geo.webmercator import exact_zoom
from rastercollection.model.band import BandFacts, BandRole, BandStatistics
from rastercollection.model.band_names import name_in_color
from rastercollection.model.cog import Cog
from rastercollection.testing.sample_records import sample_cog

__all__ = ["write_sample_cog"]

THUMBNAIL = 256
SMALLEST_OVERVIEW = 128

Pixels = npt.NDArray[Any]
Colors = Mapping[int, tuple[int, int, int, int]]


def write_sample_cog(
    folder: Path,
    item_id: str,
    pixels: Pixels,
    bounds: Bounds,
    *,
    crs: str = "EPSG:4326",
    nodata: float | None = None,
    colors: Sequence[str] = (),
    color_table: Colors | None = None,
    valid: Pixels | None = None,
    resampling: str = "cubic",
    **changes: Any,
) -> Cog:
    """Write ``{folder}/{item_id}.tif`` with a thumbnail beside it, and say what is in it.

    Args:
        folder: Made where it does not exist.
        item_id: Names the files.
        pixels: (bands, rows, columns), as they are to be in the COG.
        bounds: In ``crs``.
        crs: Of the COG.
        nodata: Marks invalid pixels.
        colors: Colour interpretation of each band, GDAL's names in lower case.
        color_table: Value → red, green, blue, alpha.
        valid: (rows, columns), False where an internal mask says that pixels are invalid; None without a mask.
        resampling: Of its overviews.
        changes: Fields of the Cog, or of its file, that are to be different.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count, rows, columns = pixels.shape
    colors = colors or ("gray",) * count
    path = folder / f"{item_id}.tif"
    profile = _profile(pixels, bounds, crs, nodata)
    _write(path, pixels, profile, colors, color_table, valid, resampling)
    thumbnail = _thumbnail(folder / f"{item_id}_thumbnail.png", pixels, nodata)
    zoom = _zoom(crs, bounds, columns)
    facts: dict[str, Any] = {
        **_file_facts(path),
        "target_crs": crs,
        "source_crs": crs,
        "reprojected": False,
        "transform": tuple(profile["transform"])[:6],
        "bounds": bounds,
        "footprint": _footprint(crs, bounds),
        "bands": tuple(_band(number, pixels[number - 1], color, nodata) for number, color in enumerate(colors, 1)),
        "validity": _validity(nodata, colors, valid),
        "color_table": {str(value): color for value, color in color_table.items()} if color_table else None,
        "minzoom": max(0, zoom - _reductions(rows, columns)),
        "maxzoom": zoom,
        "thumbnail": thumbnail,
    }
    place = transform_bounds(crs, "EPSG:4326", *bounds, densify_pts=21)
    return sample_cog(item_id, place, container=str(folder), shape=(rows, columns), **{**facts, **changes})


def _validity(nodata: float | None, colors: Sequence[str], valid: Pixels | None) -> str:
    if valid is not None:
        return "mask"
    return "alpha" if "alpha" in colors else "none" if nodata is None else "nodata"


def _reductions(rows: int, columns: int) -> int:
    """How often it is halved for its overviews."""
    return max(0, math.ceil(math.log2(max(rows, columns) / SMALLEST_OVERVIEW)))


def _profile(pixels: Pixels, bounds: Bounds, crs: str, nodata: float | None) -> dict[str, Any]:
    (count, rows, columns), (left, bottom, right, top) = pixels.shape, bounds
    return {
        "driver": "GTiff",
        "count": count,
        "height": rows,
        "width": columns,
        "dtype": pixels.dtype,
        "crs": crs,
        "transform": Affine((right - left) / columns, 0.0, left, 0.0, (bottom - top) / rows, top),
        "nodata": nodata,
    }


def _file_facts(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "href": str(path),
        "size": len(data),
        "checksum": multihash(data),
    }


def _write(
    path: Path,
    pixels: Pixels,
    profile: Mapping[str, Any],
    colors: Sequence[str],
    color_table: Colors | None,
    valid: Pixels | None,
    resampling: str,
) -> None:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with memory.open(**profile) as source:
            source.write(pixels)
            source.colorinterp = [ColorInterp[color] for color in colors]
            if color_table:
                source.write_colormap(1, dict(color_table))
            if valid is not None:
                source.write_mask(valid)
        with memory.open() as source:
            rasterio.shutil.copy(source, path, driver="COG", compress="DEFLATE", blocksize=256, resampling=resampling)


def _zoom(crs: str, bounds: Bounds, columns: int) -> int:
    left, _, right, _ = transform_bounds(crs, "EPSG:3857", *bounds, densify_pts=21)
    return max(0, round(exact_zoom((right - left) / columns)))


def _footprint(crs: str, bounds: Bounds) -> Mapping[str, Any]:
    left, bottom, right, top = bounds
    ring = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
    geometry: Mapping[str, Any] = transform_geom(crs, "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    return geometry


def _band(number: int, values: Pixels, color: str, nodata: float | None) -> BandFacts:
    valid = values[_is_valid(values, nodata)].astype(float)
    statistics = None
    if color != "alpha" and valid.size:
        low, high = np.percentile(valid, [2, 98])
        statistics = BandStatistics(
            minimum=float(valid.min()),
            maximum=float(valid.max()),
            mean=float(valid.mean()),
            stddev=float(valid.std()),
            count=int(valid.size),
            valid_percent=100 * valid.size / values.size,
            percentile_2=float(low),
            percentile_98=float(high),
        )
    return BandFacts(
        name=f"b{number}",
        description=None,
        dtype=str(values.dtype),
        nodata=nodata,
        unit=None,
        scale=1.0,
        offset=0.0,
        color_interpretation=color,
        statistics=statistics,
        role=BandRole(common_name=name_in_color(color), source="color_interpretation" if name_in_color(color) else ""),
    )


def _is_valid(values: Pixels, nodata: float | None) -> Pixels:
    valid: Pixels = np.isfinite(values)
    return valid if nodata is None or math.isnan(nodata) else np.logical_and(valid, values != nodata)


def _thumbnail(path: Path, pixels: Pixels, nodata: float | None) -> str:
    """A PNG of the first three bands, or the first, stretched; invalid pixels are transparent."""
    step = max(1, math.ceil(max(pixels.shape[1:]) / THUMBNAIL))
    shown = pixels[: 3 if len(pixels) >= 3 else 1, ::step, ::step]
    valid: Pixels = np.all(_is_valid(shown, nodata), axis=0)
    bands = [_stretched(band, valid) for band in shown] * (3 if len(shown) == 1 else 1)
    picture = np.stack([*bands, np.where(valid, 255, 0).astype(np.uint8)])
    profile = {"driver": "PNG", "count": 4, "height": picture.shape[1], "width": picture.shape[2], "dtype": "uint8"}
    with warnings.catch_warnings(), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(**profile) as target:
            target.write(picture)
        path.write_bytes(bytes(memory.getbuffer()))
    return str(path)


def _stretched(band: Pixels, valid: Pixels) -> Pixels:
    if not valid.any():
        return np.zeros(band.shape, dtype=np.uint8)
    low, high = np.percentile(band[valid].astype(float), [2, 98])
    filled = np.where(valid, band, low)
    stretched: Pixels = (255 * np.clip((filled - low) / max(high - low, 1e-9), 0, 1)).astype(np.uint8)
    return stretched
