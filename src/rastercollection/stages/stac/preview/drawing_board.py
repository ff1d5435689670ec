"""What of a collection the preview page draws: its overview where it has one of all tiles, else the tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rastercollection.core.contexts import TaskContext
from rastercollection.disclosure.listing import listed
from rastercollection.model.cog import Cog
from rastercollection.model.look import Look
from rastercollection.model.mosaic import Overview
from rastercollection.rasters.reduced.pieces import forget, stored_url
from rastercollection.stac.renders import look_of
from rastercollection.stages.members import Members
from rastercollection.stages.resources import Resources
from rastercollection.stages.stac.late_overview import is_outdated
from rastercollection.stages.stac.preview.canvas import Canvas, Drawable
from rastercollection.stages.stac.preview.gallery import COLUMNS, MOST_DAYS, MOST_TILES, Gallery, draw_gallery
from rastercollection.stages.stac.preview.layer import WIDTH, Layer
from rastercollection.stages.stac.preview.page import Drawn
from rastercollection.stages.stac.preview.sheet import SheetMap, sheet_of
from rastercollection.stages.stac.preview.svg_map import tile_day

__all__ = ["draw_preview"]


Render = Mapping[str, Any]

_MOST_ENLARGED = 4.0
"""Pixels of the map across which a pixel of the overview may be drawn."""


def draw_preview(
    members: Members, overview: Overview | None, renders: Mapping[str, Render], context: TaskContext
) -> Drawn:
    """Draw a collection by the first render that says all of how values become colours.

    Args:
        members: Of the collection; those that readers cannot combine are not drawn.
        overview: Of the collection, where it has one.
        renders: By name, the one that links show first.
        context: Told ``PREVIEW_INCOMPLETE`` where tiles cannot be read, ``PREVIEW_DIFFERS`` where links show what an
            algorithm of a tile server makes of the values.
    """
    resources = Resources.of(context.resources)
    if not members.combined:
        return Drawn()
    render, remark = _drawn_first(renders)
    look = look_of(render)
    gallery, is_whole = _drawn(members, overview, look, resources)
    if gallery.unread:
        reasons = [f"{name}: {reason}" for name, reason in gallery.unread.items()]
        message = (
            f"{len(reasons)} tiles are outlines only on the preview page: they cannot be read ({listed(reasons)})."
        )
        context.notice("PREVIEW_INCOMPLETE", message)
    if remark:
        context.notice("PREVIEW_DIFFERS", remark)
    missing = _missing(members, len(gallery.unread), is_whole=is_whole)
    return Drawn(layers=gallery.layers, look=look, remark=" ".join(filter(None, (remark, missing))))


def _drawn(members: Members, overview: Overview | None, look: Look, resources: Resources) -> tuple[Gallery, bool]:
    """The pictures of all maps of the sheet, and whether they are the overview's."""
    maps = [one for one in sheet_of(members.cogs).maps if one.items]
    canvases = [_canvas(one, look, resources) for one in maps]
    wholes = [_whole(members, overview, canvas) for canvas in canvases]
    tiles = members.combined[:MOST_TILES]
    by_day = not any(wholes) and 1 < len({tile_day(cog) for cog in tiles}) <= MOST_DAYS
    for cog in [] if all(wholes) else members.combined:
        forget(resources.storage, cog)
    layers: list[Layer] = []
    unread: dict[str, str] = {}
    for one, canvas, whole in zip(maps, canvases, wholes, strict=True):
        cogs = whole or [(tile_day(cog), _drawable(cog)) for cog in tiles if cog.item_id in one.items]
        if not cogs:  # those that are here cannot be combined
            continue
        made = draw_gallery(canvas, cogs, by_day=by_day)
        layers += [layer.placed(number, one.box) for number, layer in enumerate(made.layers, len(layers))]
        unread.update(made.unread)
    return Gallery(layers=tuple(layers), unread=unread), all(wholes)


def _canvas(one: SheetMap, look: Look, resources: Resources) -> Canvas:
    columns = round(COLUMNS * one.box[2] / WIDTH)
    return Canvas(frame=one.frame, columns=columns, look=look, storage=resources.storage, limits=resources.limits)


def _drawn_first(renders: Mapping[str, Render]) -> tuple[Render, str]:
    """The render that is drawn, and what is to be said where it is not the one that links show."""
    first = next(iter(renders.values()), {})
    if not first.get("algorithm"):
        return first, ""
    # without any other, the values that the algorithm starts from
    drawn = next((one for one in renders.values() if not one.get("algorithm")), {**first, "title": "its values"})
    return drawn, (
        f"The preview page shows {drawn.get('title')}: {first.get('title')} is made by the algorithm "
        f"{first['algorithm']}, which tile servers and the viewer run."
    )


def _whole(members: Members, overview: Overview | None, canvas: Canvas) -> list[tuple[str, Drawable]]:
    """The overview, if it shows all tiles, and is not too coarse where the tiles can be read in its place."""
    if overview is None or overview.image is None or is_outdated(overview, members):
        return []
    if len(members.combined) <= MOST_TILES and canvas.enlargement(overview.image) > _MOST_ENLARGED:
        return []
    return [("", Drawable(file=overview.image, url=overview.image.href, name="the overview"))]


def _drawable(cog: Cog) -> Drawable:
    return Drawable(file=cog.file, url=stored_url(cog), name=cog.source_blob)


def _missing(members: Members, unread: int, *, is_whole: bool) -> str:
    beyond = 0 if is_whole else max(0, len(members.combined) - MOST_TILES)
    apart = len(members.uncombined)
    told = (
        (beyond, "more are outlined"),
        (unread, "could not be read"),
        (apart, "cannot be combined with the others"),
    )
    parts = [f"{count:,} {what}" for count, what in told if count]
    return f"Tiles that are not in the picture: {'; '.join(parts)}." if parts else ""
