"""What stage 3 hands on: the mosaic over all COGs, and the one COG that shows a whole collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.core.records import inside, to_plain
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import CogFile
from rastercollection.model.output import Output

__all__ = ["OVERVIEW_FACTS", "Mosaic", "Overview"]

OVERVIEW_FACTS = ("href", "thumbnail", "maxzoom", "size")
"""What a summary says of an overview."""


@attrs.frozen(kw_only=True)
class Overview:
    """What became of the overview of a collection.

    Attributes:
        image: The COG, much smaller than the collection's together: its pixels are those of its ``maxzoom``, and it is
            meant for all zooms from ``minzoom`` on. None where none makes sense.
        tile_count: COGs that it was made of.
        reason: What it is for, or why there is none.
        pixels_read: Pixels of one band that were read of the COGs' own overviews, and of images without overviews.
        seconds: Wall time.
        outputs: The COG and its thumbnail.
        members: Digest of the COGs that the collection consisted of.
    """

    image: CogFile | None
    tile_count: int = attrs.field(default=0, metadata=inside("image"))
    reason: str
    pixels_read: int = 0
    seconds: float = 0.0
    outputs: tuple[Output, ...] = ()
    members: str = ""

    def summary(self) -> dict[str, Any]:
        """Its address and zooms, or None for them with the reason why there is none."""
        return {**{name: getattr(self.image, name, None) for name in OVERVIEW_FACTS}, "reason": self.reason}


@attrs.frozen(kw_only=True)
class Mosaic:
    """Stage 3's answer.

    Attributes:
        url: Public address of the MosaicJSON.
        bounds: EPSG:4326.
        center: Longitude, latitude, zoom.
        minzoom, maxzoom, quadkey_zoom: WebMercatorQuad.
        quadkeys: Number of quadkeys in the document.
        tile_count: Number of COGs in it.
        outputs: The document.
        assets: Addresses of the COGs in it that this job made; whatever others make of the document, they stay in it.
        members: Digest of all its COGs, to tell whether the collection has other ones by now.
        cogs_per_tile: The greatest number of COGs that a server opens for one tile, by zoom from ``minzoom`` to
            ``maxzoom``, keys as text.
    """

    url: str
    bounds: Bounds
    center: tuple[float, float, int]
    minzoom: int
    maxzoom: int
    quadkey_zoom: int
    quadkeys: int
    tile_count: int
    outputs: tuple[Output, ...]
    assets: tuple[str, ...] = ()
    members: str = ""
    cogs_per_tile: Mapping[str, int] = attrs.field(factory=dict)

    def summary(self) -> dict[str, Any]:
        """What a job's summary says of it, JSON-able."""
        told = ("url", "bounds", "tile_count", "minzoom", "maxzoom", "quadkey_zoom", "cogs_per_tile")
        plain = to_plain(self)
        return {name: plain[name] for name in told}
