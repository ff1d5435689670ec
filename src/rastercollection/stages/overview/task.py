"""The task beside the mosaic document: one COG over the whole collection, from the COGs' own overviews."""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.disclosure.listing import listed
from rastercollection.model.mosaic import Overview
from rastercollection.model.names import in_folder, overview_names
from rastercollection.model.request import CollectionRequest
from rastercollection.mosaics.low_zooms import HANDFUL, LowZooms, find_low_zooms
from rastercollection.mosaics.mosaicjson import members_digest
from rastercollection.ports.addresses import join
from rastercollection.rasters.cost import Load, predict_bytes
from rastercollection.rasters.writing.lossy_content import kept_bytes
from rastercollection.rasters.writing.reading_back import open_cog
from rastercollection.stages.members import collection_members
from rastercollection.stages.overview.compose import Composition
from rastercollection.stages.overview.form import find_form
from rastercollection.stages.overview.making import MadeOverview, make, overview_grid
from rastercollection.stages.publishing import draw_thumbnail, publish, room_for
from rastercollection.stages.resources import Resources

__all__ = ["make_overview"]


def make_overview(request: CollectionRequest, context: TaskContext) -> Overview:
    """Write ``{output_container}/[{output_folder}/]{collection_id}_overview-….tif`` and ``…_thumbnail-….png``.

    Their names end in a part of the COG's checksum: what the collection links to until it is published again stays.

    It shows the job's COGs and those of items that the collection held before and keeps. Of COGs that have overviews,
    no pixel of full resolution is read. Where no zoom needs an overview, none is written.

    Raises:
        TileError: ``FILE_UNREADABLE`` or ``FILE_TRUNCATED``; a COG of this job is damaged.
        TaskError: ``SOURCE_UNAVAILABLE``, retryable; ``COG_INVALID``, ``FIDELITY_FAILED``, ``NO_SPACE``,
            ``OUT_OF_MEMORY`` or ``OVERVIEW_FAILED``.
    """
    started = time.monotonic()
    resources = Resources.of(context.resources)
    members = collection_members(request, context)
    cogs = members.cogs
    low = find_low_zooms([cog.file for cog in members.combined])
    if isinstance(low, str):
        return Overview(image=None, reason=low, members=members_digest(cogs))
    form = find_form(cogs, members.looks.drawn_as)
    composition = Composition(
        form=form,
        low=low,
        grid=overview_grid(low, form.settings.block_size),
        storage=resources.storage,
        limits=resources.limits,
    )
    load = _load(composition).decided(request.in_memory, resources.limits.memory_bytes)
    with room_for(load, form.settings, resources.limits, context) as workspace:
        made = make(composition, workspace)
        _report_unreadable(made.unreadable, context)
        overview = _published(made, composition, request, context)
    seconds = round(time.monotonic() - started, 3)
    return attrs.evolve(overview, members=members_digest(cogs), seconds=seconds)


def _report_unreadable(reasons: Sequence[str], context: TaskContext) -> None:
    if reasons:
        context.notice(
            "OVERVIEW_TILES_UNREADABLE",
            f"{len(reasons)} COGs that were published before are not in the overview, since they cannot be read "
            f"({listed(reasons)}). Publish their tiles again.",
        )


def _load(job: Composition) -> Load:
    layout, settings, shape = job.form.layout, job.form.settings, (job.grid.height, job.grid.width)
    bands, dtype = len(layout.bands), layout.dtype
    _, most = predict_bytes(shape, bands, dtype, settings.compression, block_size=settings.block_size)
    return Load.of(
        source_shape=(0, 0),
        shape=shape,
        bands=bands,
        dtype=dtype,
        reprojected=False,
        encoded_bytes=most,
        kept_bytes=kept_bytes(settings, shape, bands, dtype, resampled=False),
    )


def _reason(low: LowZooms) -> str:
    text = f"a tile opens more than {HANDFUL} COGs up to zoom {low.wanted}, and {low.most} at the lowest"
    if low.maxzoom < low.wanted:
        text += f"; it ends at zoom {low.maxzoom}, so as not to become too large, or finer than the COGs' own overviews"
    return text


def _published(made: MadeOverview, drawn: Composition, request: CollectionRequest, context: TaskContext) -> Overview:
    picture, storage = None, drawn.storage
    if drawn.low.is_torn:
        context.notice("THUMBNAIL_SKIPPED", "The collection has no thumbnail: it lies on both edges of the map.")
    else:
        failed = "No thumbnail of the collection could be drawn"
        with open_cog(made.path) as cog:
            picture = draw_thumbnail(cog, made.image, context, failed=failed)
    url, beside = (_url(request, name) for name in overview_names(request.collection_id, made.image.checksum))
    image, outputs = publish(
        storage, made.image, lambda url: storage.put(str(made.path), url), picture, url=url, picture_url=beside
    )
    return Overview(
        image=image,
        tile_count=made.tile_count,
        reason=_reason(drawn.low),
        pixels_read=made.pixels_read,
        outputs=outputs,
    )


def _url(request: CollectionRequest, name: str) -> str:
    return join(request.output_container, in_folder(name, request.output_folder))
