"""What a COG file is, and what stage 2 hands on of each: all that later stages need to know, so that they open none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from rastercollection.core.models import Notice
from rastercollection.core.records import FLAT
from rastercollection.geo.types import Bounds, Transform
from rastercollection.model.band import BandFacts, is_complex
from rastercollection.model.output import Output
from rastercollection.model.receipt import EncodingChoice, Receipt

__all__ = ["KEEPS_VALUES", "Cog", "CogFile", "CogSettings", "Collar", "Level", "Structure", "usual_structure"]

KEEPS_VALUES = ("nearest", "mode")
"""Kernels that make no value that was not there."""

Level = int | Literal["auto"] | None
Structure = tuple[str, ...]
"""Raster type and the bands' data types of a COG."""


@attrs.frozen(kw_only=True)
class CogSettings:
    """How a COG is written.

    Attributes:
        tier: The tier it is written for, after any fallback.
        storage_class: hot, cool or whatever the tier says.
        compression: GDAL's name (DEFLATE, JPEG, LZW, ZSTD, WEBP, LERC_DEFLATE …).
        level: Compression level; None for the codec's own default or where it has none; ``auto`` where it is chosen
            for each image, or block by block; DEFLATE without one is that, too.
        quality: 1–100 for JPEG and WEBP, else None.
        overview_resampling: GDAL's name, lower case.
        warp_resampling: GDAL's name, lower case.
        block_size: Pixels, square.
        sparse: Blocks that hold nothing but nodata are left out.
    """

    tier: str
    storage_class: str
    compression: str
    level: Level
    quality: int | None
    overview_resampling: str
    warp_resampling: str
    block_size: int = 512
    sparse: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the codec gives back the values of valid pixels as they were."""
        return self.compression != "JPEG" and (self.compression != "WEBP" or self.quality == 100)

    @property
    def keeps_values(self) -> bool:
        """Whether overviews hold no value that the image lacks."""
        return self.overview_resampling in KEEPS_VALUES


@attrs.frozen(kw_only=True)
class CogFile:
    """A COG, whether of a tile or of a whole collection: where it lies, how it was written, what it holds.

    Attributes:
        href: Public address; empty while it is not published.
        thumbnail: Public address of a PNG or JPEG of less than 600 pixels; None when nothing could be drawn.
        settings: How it was written.
        target_crs: ``EPSG:n`` or WKT2.
        heights: What heights refer to, as in :class:`~rastercollection.model.tile.Validation`; None if nothing tells.
        projjson: PROJJSON of ``target_crs`` with ``heights`` where that has no code, else None.
        transform: In ``target_crs``.
        shape: ``(rows, columns)``.
        bounds: In ``target_crs``.
        bounds_4326: Of the footprint of its valid pixels, in EPSG:4326, whatever the target CRS.
        size: Bytes.
        checksum: SHA2-256 as a hexadecimal multihash (``1220…``).
        header_size: Bytes up to the first pixel data.
        overview_levels: Decimations, ``(2, 4, 8)``.
        raster_type: As validated.
        validity: How it tells invalid pixels: none, nodata, mask or alpha.
        bands: One a band, with statistics of this file's own pixels.
        color_table: Value → (red, green, blue, alpha), 0–255, keys as text; None without one.
        minzoom, maxzoom: WebMercatorQuad zooms (256 pixel tiles) that the overviews and the full resolution serve.
        thumbnail_size, thumbnail_checksum: Of the thumbnail, as of the COG; 0 and empty where nobody told.
    """

    href: str
    thumbnail: str | None
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
    minzoom: int
    maxzoom: int
    heights: str | None = None
    thumbnail_size: int = 0
    thumbnail_checksum: str = ""

    @property
    def structure(self) -> Structure:
        """What decides how it can be drawn."""
        return (self.raster_type, *(band.dtype for band in self.bands))

    @property
    def color_bands(self) -> tuple[int, ...]:
        """Numbers, from 1, of the bands that are no alpha."""
        return tuple(number for number, band in enumerate(self.bands, 1) if band.color_interpretation != "alpha")

    @property
    def holds_codes(self) -> bool:
        """Whether values stand for something, in however many bands: none may appear that is not there."""
        return self.raster_type == "categorical" or self.color_table is not None

    @property
    def is_complex(self) -> bool:
        """Whether its values are complex numbers, of which tile servers make no pictures."""
        return any(is_complex(band.dtype) for band in self.bands)

    @property
    def is_classes(self) -> bool:
        """Whether it is a map of classes: one band of codes."""
        return len(self.color_bands) == 1 and self.holds_codes


@attrs.frozen(kw_only=True)
class Collar:
    """Pixels of one value around a COG that nothing marks as invalid.

    Attributes:
        value: That all bands have there; of bytes, about.
        edge_percent: Share of the valid pixels' edge that has it, 0–100.
        area_percent: Share of all valid pixels, 0–100.
        inside: GeoJSON geometry, EPSG:4326: outline of the other pixels.
    """

    value: int
    edge_percent: float
    area_percent: float
    inside: Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Cog:
    """Stage 2's answer about one tile: its COG, where it came from, and how it was made.

    Attributes:
        item_id: Id of the tile's STAC item.
        file: The COG.
        source_blob, source_container: Where it came from.
        output_blob, output_container: Where it went; the blob is relative to the container.
        source_crs: ``EPSG:n`` or WKT2.
        reprojected: Whether pixels were resampled (a change of CRS, rectification, a place off the grid).
        footprint: GeoJSON geometry, EPSG:4326: outline of the valid pixels, simplified, split at the antimeridian.
        datetime: Acquisition, RFC 3339, UTC; None when unknown or an interval.
        start_datetime, end_datetime: An interval, where that is what is known; an end is None where it is open or
            unknown.
        datetime_source: parameter, pattern, filename, ``netcdf:`` with the axis, ``metadata:`` with the tag, or
            unknown.
        tags: The file's own tags that are worth keeping.
        copied: The source was this COG already, and its bytes were copied.
        converted_because: Why it was not; None where it was.
        encoding_choice: How it was encoded where ``settings`` leave it open; None where they tell, or it was copied.
        memory_bytes: RAM that uncompressed intermediates took at most.
        temporary_disk_bytes: Disk in the scratch folder that intermediates and the COG took at most.
        process_memory_bytes: Largest RAM so far of the process that made it, with whatever else it did; None where
            the system does not tell.
        profile: What has to agree with the other tiles of a collection, in words by aspect.
        receipt: What was compared with the source; None for a tile from before there were receipts.
        collar: A border of one value that may hide neighbours; None without one.
        in_memory: Whether intermediates stayed in RAM.
        seconds: Wall time.
        outputs: Every object written.
        others: The COG of the tile's other side, where it crosses the antimeridian.
        notices: Warnings.
    """

    item_id: str
    file: CogFile = attrs.field(metadata=FLAT)
    source_blob: str
    source_container: str
    output_blob: str
    output_container: str
    source_crs: str
    reprojected: bool
    footprint: Mapping[str, Any]
    datetime: str | None
    start_datetime: str | None
    end_datetime: str | None
    datetime_source: str
    tags: Mapping[str, str]
    in_memory: bool
    seconds: float
    outputs: tuple[Output, ...]
    copied: bool = False
    converted_because: str | None = None
    encoding_choice: EncodingChoice | None = None
    memory_bytes: int = 0
    temporary_disk_bytes: int = 0
    process_memory_bytes: int | None = None
    profile: Mapping[str, str] = attrs.field(factory=dict)
    receipt: Receipt | None = None
    collar: Collar | None = None
    others: tuple[Cog, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def sides(self) -> tuple[Cog, ...]:
        """All COGs of the tile."""
        return (self, *self.others)


def usual_structure(cogs: Sequence[CogFile], before: Structure = ()) -> Structure:
    """The most frequent structure, the first one's in a tie; that of before while any COG has it.

    Args:
        cogs: All of a collection, at least one.
        before: What the collection has been drawn as since it was published.
    """
    counts = Counter(cog.structure for cog in cogs)
    return before if before in counts else counts.most_common(1)[0][0]
