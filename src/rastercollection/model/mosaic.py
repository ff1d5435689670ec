"""What stage 3 hands on: the mosaic over all COGs, and the one COG that shows a whole collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.core.records import to_plain
from rastercollection.geo.types import Bounds, Transform
from rastercollection.model.band import BandFacts
from rastercollection.model.cog import CogSettings
from rastercollection.model.output import Output

__all__ = [
    "Mosaic",
    "Overview",
    "OverviewImage",
]


@attrs.frozen(kw_only=True)
class OverviewImage:
    """A COG that shows a whole collection, much smaller than its tiles together.

    Attributes:
        href: Public address.
        thumbnail: Public address of a PNG of less than 600 pixels; None when nothing could be drawn.
        minzoom, maxzoom: WebMercatorQuad zooms (256 pixel tiles) that it is meant for. Its pixels are those of
            ``maxzoom``.
        tile_count: COGs that it was made of.
        settings: How it was written.
        target_crs, projjson, transform, shape, bounds, bounds_4326: Its place, as of a :class:`Cog`.
        size, checksum, header_size, overview_levels: Of the file, as of a :class:`Cog`.
        raster_type, validity, bands, color_table: Its content, as of a :class:`Cog`; statistics are those of its own
            pixels.
    """

    href: str
    thumbnail: str | None
    minzoom: int
    maxzoom: int
    tile_count: int
    settings: CogSettings
    target_crs: str
    projjson: Mapping[str, Any] | None
    transform: Transform
    shape: tuple[int, int]
    bounds: Bounds
    bounds_4326: Bounds
    size: int
    checksum: str
    header_size: int
    overview_levels: tuple[int, ...]
    raster_type: str
    validity: str
    bands: tuple[BandFacts, ...]
    color_table: Mapping[str, tuple[int, int, int, int]] | None


@attrs.frozen(kw_only=True)
class Overview:
    """What became of the overview of a collection.

    Attributes:
        image: The COG; None where none makes sense.
        reason: What it is for, or why there is none.
        pixels_read: Pixels of one band that were read of the COGs' own overviews, and of images without overviews.
        seconds: Wall time.
        outputs: The COG and its thumbnail.
        members: Digest of the COGs that the collection consisted of.
    """

    image: OverviewImage | None
    reason: str
    pixels_read: int = 0
    seconds: float = 0.0
    outputs: tuple[Output, ...] = ()
    members: str = ""


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
