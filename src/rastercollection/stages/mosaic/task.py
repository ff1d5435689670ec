"""Stage 3: one MosaicJSON over all COGs, from footprints that stage 2 returned or items hold. Opens no raster."""

from __future__ import annotations

from rastercollection.core.contexts import TaskContext
from rastercollection.disclosure.listing import listed
from rastercollection.model.mosaic import Mosaic
from rastercollection.model.request import CollectionRequest
from rastercollection.stages.members import collection_members, report_uncombined, write_mosaic
from rastercollection.stages.mosaic.hidden import hidden_notices
from rastercollection.stages.resources import Resources

__all__ = ["make_mosaic"]


def make_mosaic(request: CollectionRequest, context: TaskContext) -> Mosaic:
    """Write ``{mosaicjson_container}/[{output_folder}/]{collection_id}.json``.

    It holds the job's COGs and those of items that the collection held before. Items that the mode
    ``replace`` drops are in it until the collection has been published without them, in stage 4.

    Raises:
        TaskError: ``MOSAIC_EMPTY``; there is no COG, or none within the latitudes of a Web Mercator map.
    """
    members = collection_members(request, context)
    mosaic, off_map = write_mosaic(members, members.made, request, Resources.of(context.resources).storage)
    for cog in off_map:
        context.notice(
            "MOSAIC_TILE_OMITTED",
            f"{cog.source_blob} is not in the mosaic: it lies beyond ±85.05° of latitude, where Web Mercator maps end. "
            "The STAC catalog holds it.",
        )
    report_uncombined(members, context)
    for notice in hidden_notices(members.combined):
        context.notice(notice.code, notice.message)
    if members.foreign:
        shown = listed(members.foreign)
        context.notice(
            "MOSAIC_ITEM_OMITTED",
            f"{len(members.foreign)} items of the collection are not in the mosaic: they do not say all that is needed "
            f"of their rasters, as other programs' items do not ({shown}).",
        )
    return mosaic
