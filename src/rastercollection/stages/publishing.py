"""What stages that make a COG share: room to make it in, the picture beside it, and how both come into the store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import attrs
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from rastercollection.core.contexts import TaskContext
from rastercollection.core.records import multihash
from rastercollection.model.cog import CogFile, CogSettings
from rastercollection.model.output import Output
from rastercollection.ports.storage import ObjectInfo, StorageBackend
from rastercollection.rasters.cost import Load, predict
from rastercollection.rasters.gdal_errors import error_text
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.writing.thumbnail import draw

__all__ = ["draw_thumbnail", "publish", "room_for"]


def room_for(
    load: Load, settings: CogSettings, limits: Limits, context: TaskContext
) -> AbstractContextManager[Workspace]:
    """Room for the intermediates, in RAM or on disk as the load says; the COG is on disk always."""
    needed = predict(load, settings).temporary_disk
    return Workspace.open(limits, in_memory=load.in_memory, needed=needed, notify=context.notice)


def draw_thumbnail(
    cog: DatasetReader, file: CogFile, context: TaskContext, *, failed: str, empty: str | None = None
) -> bytes | None:
    """The thumbnail, None where there is none: a COG without one is still a COG.

    Args:
        cog, file: Open, and what is known of it.
        context: Told ``THUMBNAIL_SKIPPED``.
        failed: What to say where it cannot be drawn; the reason follows.
        empty: What to say where no pixel is valid; None for nothing.
    """
    try:
        picture = draw(cog, file)
    except (RasterioError, CPLE_BaseError, ValueError) as error:
        context.notice("THUMBNAIL_SKIPPED", f"{failed}: {error_text(error)}")
        return None
    if picture is None and empty is not None:
        context.notice("THUMBNAIL_SKIPPED", empty)
    return picture


def publish(
    storage: StorageBackend,
    file: CogFile,
    put: Callable[[str], ObjectInfo],
    picture: bytes | None,
    *,
    url: str,
    picture_url: str,
) -> tuple[CogFile, tuple[Output, ...]]:
    """Store a COG, by ``put``, at ``url``, and its thumbnail, if there is one, at ``picture_url``.

    Returns:
        The COG with its public addresses, and what was written.

    Raises:
        TaskError, BackendError: It could not be stored.
    """
    info = put(url)
    outputs = [Output(url=url, size=info.size, version=info.version, checksum=file.checksum)]
    if picture is None:
        return attrs.evolve(file, href=storage.public_url(url), thumbnail=None), tuple(outputs)
    written, checksum = storage.write(picture_url, picture), multihash(picture)
    outputs.append(Output(url=picture_url, size=written.size, version=written.version, checksum=checksum))
    return attrs.evolve(
        file,
        href=storage.public_url(url),
        thumbnail=storage.public_url(picture_url),
        thumbnail_size=len(picture),
        thumbnail_checksum=checksum,
    ), tuple(outputs)
