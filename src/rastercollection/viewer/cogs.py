"""Opening published COGs: as plain GeoTIFFs, where the storage says they are, and only those that lead nowhere else."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import rasterio
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader
from rasterio.warp import transform
from rasterio.windows import Window

from rastercollection.core.forks import rely_on_threads
from rastercollection.core.records import jsonable
from rastercollection.errors import ObjectNotFoundError, UnavailableError
from rastercollection.ports.addresses import is_local
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.gdal_env import NO_NETWORK, SAFE_OPTIONS, config_session
from rastercollection.rasters.source.inspection import check_reach
from rastercollection.rasters.source.reader import VettedReader
from rastercollection.viewer.shown_bands import BandOfItem

__all__ = ["band_texts", "open_cog", "pixel_values"]

DRIVERS = ["GTiff"]
EDGE = 1e-6
"""A place this part of a pixel outside a raster is on its edge."""


@contextlib.contextmanager
def open_cog(storage: StorageBackend, address: str) -> Iterator[DatasetReader]:
    """The COG, open; credentials are given to GDAL for the opening alone.

    Raises:
        ObjectNotFoundError: Nothing is there.
        UnavailableError: GDAL cannot open it.
        TileError: ``UNSAFE_SOURCE``.
        ForkedProcessError: GDAL was used in the process that this one was forked from.
    """
    rely_on_threads()
    gdal = storage.gdal_source(address)
    public = storage.public_url(address)
    if gdal is None:
        raise UnavailableError(f"GDAL cannot read {public} in place.", "", public)
    local = is_local(address)
    options = {**SAFE_OPTIONS, **(NO_NETWORK if local else {})}
    with contextlib.ExitStack() as stack:
        with rasterio.Env(session=config_session(gdal.config), **options):
            try:
                dataset = stack.enter_context(VettedReader(gdal.path, driver=DRIVERS, sharing=False))
            except RasterioIOError as error:
                raise _in_our_terms(storage, address, error) from error
            check_reach(dataset, gdal.path, public, local=local)
        yield dataset


def _in_our_terms(
    storage: StorageBackend, address: str, error: RasterioIOError
) -> ObjectNotFoundError | UnavailableError:
    public = storage.public_url(address)
    if not storage.exists(address):
        return ObjectNotFoundError(f"{public} is not there any more.", "Publish the collection again.", public)
    return UnavailableError(f"{public} cannot be opened as a GeoTIFF: {error}.", "", public)


def pixel_values(dataset: DatasetReader, longitude: float, latitude: float) -> list[float | int | str | None] | None:
    """The value of each band in the pixel under a place, at full resolution.

    Returns:
        JSON-able values, None for a pixel that is not valid; None where the place is outside the raster.
    """
    xs, ys = transform("EPSG:4326", dataset.crs, [longitude], [latitude])
    if not (math.isfinite(xs[0]) and math.isfinite(ys[0])):
        return None
    across, down = ~dataset.transform @ (xs[0], ys[0])
    if not (-EDGE <= across <= dataset.width + EDGE and -EDGE <= down <= dataset.height + EDGE):
        return None
    column, row = _pixel(across, dataset.width), _pixel(down, dataset.height)
    pixel = dataset.read(window=Window(column, row, 1, 1), masked=True)
    return [None if value is None else jsonable(value) for value in pixel[:, 0, 0].tolist()]


def _pixel(place: float, length: int) -> int:
    return max(0, min(length - 1, math.floor(place)))


def band_texts(dataset: DatasetReader, band: int, told: BandOfItem | None) -> dict[str, Any]:
    """What a band is called and how its values are meant: from the item, else from the file."""
    scale, offset = (told.scale, told.offset) if told else (None, None)
    return {
        "name": (told and told.name) or f"b{band}",
        "description": (told and told.description) or dataset.descriptions[band - 1] or "",
        "unit": (told and told.unit) or dataset.units[band - 1] or "",
        "dtype": dataset.dtypes[band - 1],
        "scale": dataset.scales[band - 1] if scale is None else scale,
        "offset": dataset.offsets[band - 1] if offset is None else offset,
    }
