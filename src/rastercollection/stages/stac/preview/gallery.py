"""The pictures of a collection for its preview page, by one look for all: from the overview, else from the tiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
from numpy.typing import NDArray

from rastercollection.errors import MachineError, RasterCollectionError
from rastercollection.rasters.gdal_env import gdal_environment
from rastercollection.rasters.gdal_errors import GDAL_ERRORS
from rastercollection.rasters.reduced.pieces import is_remote
from rastercollection.rasters.writing.picture_bytes import encode_picture
from rastercollection.stages.stac.preview.canvas import Canvas, Drawable, Patch
from rastercollection.stages.stac.preview.frame import WIDTH
from rastercollection.stages.stac.preview.layer import Layer

__all__ = ["COLUMNS", "MOST_DAYS", "MOST_TILES", "Gallery", "draw_gallery"]

COLUMNS = 1600
"""Pixels across the map."""

MOST_TILES = 400
"""Tiles that are read for a page where no overview shows all of them."""

MOST_DAYS = 24
"""Days that have a picture each; where there are more, one picture shows all."""

_CONNECTIONS = 8
"""COGs that are read at the same time from a store that is far away: waiting takes most of the time."""

_QUALITY = 82

_Rgba = NDArray[np.uint8]


@attrs.frozen(kw_only=True)
class Gallery:
    """What was drawn.

    Attributes:
        layers: Pictures, the one at the bottom first.
        unread: Why tiles are missing in them, by name.
    """

    layers: tuple[Layer, ...] = ()
    unread: Mapping[str, str] = attrs.field(factory=dict)


def draw_gallery(canvas: Canvas, cogs: Sequence[tuple[str, Drawable]], *, by_day: bool) -> Gallery:
    """Draw COGs.

    Args:
        canvas: What is drawn on.
        cogs: The day of each, empty where it is not known, and the COG; the one on top first.
        by_day: So that each day is seen by itself.
    """
    by_days = _by_days(cogs) if by_day else {"": [cog for _, cog in cogs]}
    unread: dict[str, str] = {}
    drawn = [(day, _drawn(canvas, group, unread)) for day, group in by_days.items()]
    pictures = [(day, picture) for day, picture in drawn if picture[3].any()]
    with gdal_environment(canvas.limits):
        layers = [_layer(number, day, picture, canvas) for number, (day, picture) in enumerate(reversed(pictures))]
    return Gallery(layers=tuple(layers), unread=unread)


def _by_days(cogs: Sequence[tuple[str, Drawable]]) -> dict[str, list[Drawable]]:
    groups: dict[str, list[Drawable]] = {}
    for day, cog in cogs:
        groups.setdefault(day, []).append(cog)
    return groups


def _drawn(canvas: Canvas, cogs: Sequence[Drawable], unread: dict[str, str]) -> _Rgba:
    """The picture of some COGs, of which the first is on top."""
    picture = np.zeros((4, canvas.rows, canvas.columns), np.uint8)
    workers = _CONNECTIONS if is_remote(canvas.storage, cogs[0].url) else max(1, canvas.limits.gdal_threads)
    with ThreadPoolExecutor(workers, thread_name_prefix="rastercollection-preview") as pool:
        for cog, patches in zip(cogs, pool.map(lambda cog: _patches(canvas, cog), cogs), strict=True):
            if isinstance(patches, str):
                unread[cog.name] = patches
            else:
                _put_below(picture, patches)
    return picture


def _patches(canvas: Canvas, cog: Drawable) -> list[Patch] | str:
    """Those of a COG, or why there are none: a tile that cannot be read leaves a page that shows all others."""
    try:
        return canvas.patches(cog)
    except MachineError:
        raise
    except RasterCollectionError as error:
        return error.message
    except GDAL_ERRORS as error:
        return str(error)


def _put_below(picture: _Rgba, patches: Iterable[Patch]) -> None:
    for patch in patches:
        rows, columns = patch.window.toslices()
        below = picture[:, rows, columns]
        np.copyto(below, patch.picture, where=below[3] == 0)


def _layer(number: int, day: str, picture: _Rgba, canvas: Canvas) -> Layer:
    """A picture without the empty rows and columns around it."""
    rows, columns = np.flatnonzero(picture[3].any(axis=1)), np.flatnonzero(picture[3].any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    across, down = WIDTH / canvas.columns, canvas.frame.height / canvas.rows
    media_type, encoded = encode_picture(
        picture[:, top:bottom, left:right], quality=None if canvas.look.keeps_values else _QUALITY
    )
    box = (left * across, top * down, (right - left) * across, (bottom - top) * down)
    return Layer(number=number, day=day, box=box, media_type=media_type, picture=encoded)
