"""What the raster stages hand to each other: frozen, JSON-able facts about a tile, its COG, the mosaic, the catalog.

Coordinates are x, y (longitude, latitude in EPSG:4326) whatever axis order a CRS's authority defines. Bounds are
``(west, south, east, north)``; ``bounds_4326`` has west > east where the tile crosses the antimeridian, as in
GeoJSON (RFC 7946, section 5.2). Transforms are the six coefficients ``(a, b, c, d, e, f)`` of
``x = a·col + b·row + c``, ``y = d·col + e·row + f``. Shapes are ``(rows, columns)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from rastercollection.figures import BandStatistics, LevelChoice, Receipt
from rastercollection.models import Notice

__all__ = [
    "BandFacts",
    "BitDepthFinding",
    "CatalogEntry",
    "Cog",
    "CogSettings",
    "Detection",
    "Level",
    "Mosaic",
    "NaturalGrid",
    "Output",
    "SourceFile",
    "Validation",
]

Bounds = tuple[float, float, float, float]
Level = int | Literal["auto"] | None
Transform = tuple[float, float, float, float, float, float]


@attrs.frozen(kw_only=True)
class SourceFile:
    """A source raster as the store knows it; ``version`` and ``size`` tell whether it changed.

    Attributes:
        blob: Path relative to the container, with ``/``.
        url: Where the store finds it.
        size: Bytes.
        version: Etag or modification time.
        modified: Last modification, RFC 3339, UTC; may be empty.
    """

    blob: str
    url: str
    size: int
    version: str
    modified: str = ""


@attrs.frozen(kw_only=True)
class Detection:
    """What kind of raster a tile is.

    Attributes:
        raster_type: rgb, rgba, nir, dem, categorical, multispectral or unknown.
        confidence: very_high, high, medium or low.
        evidence: What it was concluded from, in words.
    """

    raster_type: str
    confidence: str
    evidence: tuple[str, ...]


@attrs.frozen(kw_only=True)
class BitDepthFinding:
    """A data type wider than the data needs.

    Attributes:
        severity: CRITICAL, HIGH or MEDIUM.
        dtype: The type found.
        recommended: The smallest type that holds the data; None where none can be named.
        saving_percent: Of the uncompressed size.
        reason: In words.
    """

    severity: str
    dtype: str
    recommended: str | None
    saving_percent: float
    reason: str


@attrs.frozen(kw_only=True)
class CogSettings:
    """How a COG is written.

    Attributes:
        tier: The tier it is written for, after any fallback.
        storage_class: hot, cool or whatever the tier says.
        compression: GDAL's name (DEFLATE, JPEG, LZW, ZSTD, WEBP, LERC_DEFLATE …).
        level: Compression level; None for the codec's own default or where it has none; ``auto`` until the image is
            there to be looked at.
        quality: 1–100 for JPEG and WEBP, else None.
        overview_resampling: GDAL's name, lower case.
        warp_resampling: GDAL's name, lower case.
        block_size: Pixels, square.
    """

    tier: str
    storage_class: str
    compression: str
    level: Level
    quality: int | None
    overview_resampling: str
    warp_resampling: str
    block_size: int = 512


@attrs.frozen(kw_only=True)
class NaturalGrid:
    """The pixels that a tile would have in the target CRS if it were alone.

    Attributes:
        bounds: Of the tile, ``(left, bottom, right, top)`` in the target CRS. They run on beyond the antimeridian.
        resolution: Size of a pixel there, (x, y), positive.
        is_upright: They are the source's own: it has the target CRS and runs along its axes.
        world: Limits of the target CRS, as ``bounds``: once around the world, from pole to pole; None without limits.
    """

    bounds: Bounds
    resolution: tuple[float, float]
    is_upright: bool
    world: Bounds | None


@attrs.frozen(kw_only=True)
class Validation:
    """Stage 1's answer about one valid tile.

    Attributes:
        source: The file.
        driver: GDAL's short name of the format.
        width, height, band_count: Pixels and bands.
        dtypes: Data type of each band (numpy's names).
        nodata: The declared nodata value; NaN is written "nan".
        crs: ``EPSG:n`` where the CRS has a code, else WKT2; the one that will be used.
        crs_source: file_metadata, user_confirmed or user_override_required.
        georeferencing: geotransform, gcps or rpcs.
        transform: The file's geotransform, as it is (south-up and rotated ones too).
        bounds: In ``crs``.
        bounds_4326: In EPSG:4326.
        pixel_size: Size of a pixel in units of ``crs``, (x, y), positive.
        natural: Its pixels in the target CRS; None where it has no place there, of which stage 2 tells.
        validity: How invalid pixels are told: none, nodata, mask or alpha.
        color_interpretation: Of each band, GDAL's names in lower case.
        color_table: SHA-256 of the first band's colour table; None without one.
        detection: What the pixels say it is.
        raster_type: What it is taken for: the requested type, else the detected one.
        bit_depth: Findings; empty when the type fits the data.
        recommended: Settings that suit the type best, whatever the tier (the table of recommended settings).
        tiers: Names of the tiers the tile is compatible with.
        settings: What stage 2 will use: the requested tier, or its fallback, with the user's overrides.
        estimated_bytes: Uncompressed size, for the memory budget.
        notices: Warnings.
    """

    source: SourceFile
    driver: str
    width: int
    height: int
    band_count: int
    dtypes: tuple[str, ...]
    nodata: int | float | None
    crs: str
    crs_source: str
    georeferencing: str
    transform: Transform
    bounds: Bounds
    bounds_4326: Bounds
    pixel_size: tuple[float, float]
    natural: NaturalGrid | None
    validity: str
    color_interpretation: tuple[str, ...]
    color_table: str | None
    detection: Detection
    raster_type: str
    bit_depth: tuple[BitDepthFinding, ...]
    recommended: CogSettings
    tiers: tuple[str, ...]
    settings: CogSettings
    estimated_bytes: int
    notices: tuple[Notice, ...] = ()


@attrs.frozen(kw_only=True)
class Output:
    """An object a task wrote, with what is needed to tell later that it is still the same.

    Attributes:
        url, size, version: Of the object, as storage tells them.
        shared: Other jobs of the collection write it, too: for this one it need only be there.
    """

    url: str
    size: int
    version: str
    shared: bool = False


@attrs.frozen(kw_only=True)
class BandFacts:
    """One band of a finished COG.

    Attributes:
        name: Short and unique in the file: ``b1``, ``b2`` …
        description: The band's description; None without one.
        dtype: numpy's name.
        nodata: "nan" for NaN in JSON; None without one.
        unit: The band's unit; None without one.
        scale, offset: 1 and 0 where the file has none.
        color_interpretation: GDAL's name, lower case.
        statistics: None for an alpha band.
    """

    name: str
    description: str | None
    dtype: str
    nodata: int | float | None
    unit: str | None
    scale: float
    offset: float
    color_interpretation: str
    statistics: BandStatistics | None


@attrs.frozen(kw_only=True)
class Cog:
    """Stage 2's answer about one tile: all that the later stages need, so that they open no raster.

    Attributes:
        item_id: Id of the tile's STAC item.
        source_blob, source_container: Where it came from.
        output_blob, output_container: Where it went; the blob is relative to the container.
        href: Public address of the COG.
        settings: How it was written.
        source_crs, target_crs: ``EPSG:n`` or WKT2.
        reprojected: Whether pixels were resampled (a change of CRS, rectification, a place off the grid).
        transform: Of the COG, in ``target_crs``.
        shape: ``(rows, columns)``.
        bounds: In ``target_crs``.
        bounds_4326: In EPSG:4326, whatever the target CRS.
        footprint: GeoJSON geometry, EPSG:4326: outline of the valid pixels, simplified, split at the antimeridian.
        projjson: PROJJSON of ``target_crs`` where it has no code, else None.
        size: Bytes.
        checksum: SHA2-256 as a hexadecimal multihash (``1220…``).
        header_size: Bytes up to the first pixel data.
        overview_levels: Decimations, ``(2, 4, 8)``.
        raster_type: As validated.
        validity: How the COG tells invalid pixels: none, nodata, mask or alpha.
        bands: One a band.
        color_table: Value → (red, green, blue, alpha), 0–255, keys as text; None without one.
        minzoom, maxzoom: WebMercatorQuad zooms (256 pixel tiles) that the overviews and the full resolution serve.
        thumbnail: Public address of a PNG or JPEG of less than 600 pixels; None when nothing could be drawn.
        datetime: Acquisition, RFC 3339, UTC; None when unknown or an interval.
        start_datetime, end_datetime: An interval, where that is what is known.
        datetime_source: parameter, filename, tags or unknown.
        tags: The file's own tags that are worth keeping.
        copied: The source was this COG already, and its bytes were copied.
        converted_because: Why it was not; None where it was.
        level_choice: How ``compression_level="auto"`` came to the level in ``settings``; None where it was given.
        memory_bytes: RAM that uncompressed intermediates took at most.
        temporary_disk_bytes: Disk in the scratch folder that intermediates and the COG took at most.
        process_memory_bytes: Largest RAM so far of the process that made it, with whatever else it did; None where
            the system does not tell.
        receipt: What was compared with the source; None for a tile from before there were receipts.
        in_memory: Whether intermediates stayed in RAM.
        seconds: Wall time.
        outputs: Every object written.
        notices: Warnings.
    """

    item_id: str
    source_blob: str
    source_container: str
    output_blob: str
    output_container: str
    href: str
    settings: CogSettings
    source_crs: str
    target_crs: str
    reprojected: bool
    transform: Transform
    shape: tuple[int, int]
    bounds: Bounds
    bounds_4326: Bounds
    footprint: Mapping[str, Any]
    projjson: Mapping[str, Any] | None
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
    thumbnail: str | None
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
    level_choice: LevelChoice | None = None
    memory_bytes: int = 0
    temporary_disk_bytes: int = 0
    process_memory_bytes: int | None = None
    receipt: Receipt | None = None
    notices: tuple[Notice, ...] = ()


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


@attrs.frozen(kw_only=True)
class CatalogEntry:
    """Stage 4's answer: what is in the catalog and which addresses serve it, as checked.

    Attributes:
        collection_id: The STAC collection.
        catalog: Kind of catalog.
        collection_url: Where the collection document is.
        items_created: Items handed to the catalog.
        items_stored: How many of them were found in the catalog afterwards.
        items_in_collection: Items of the collection counted in the catalog afterwards, whoever published them.
        digest, item_ids, mode: Of the publication, to tell later whether it is still there.
        mosaic: The MosaicJSON over all items of the collection, as it is when they are published; None without one.
        dropped_cogs: Addresses of COGs whose items the mode ``replace`` dropped. The files stay where they are.
        search_id: Of the registered search; None where the catalog has no searches.
        urls: viewer, tilejson, tiles, info, statistics; empty without a tile server.
        share_url: The viewer, or the collection's preview page.
        ready_for_titiler: A tilejson and a tile were fetched from the tile server and the tile showed something.
        ready_reason: Why not, or what was fetched.
        outputs: Objects written to storage by the stage itself.
    """

    collection_id: str
    catalog: str
    collection_url: str
    items_created: int
    items_stored: int
    items_in_collection: int
    digest: str
    item_ids: tuple[str, ...]
    mode: str
    mosaic: Mosaic | None
    dropped_cogs: tuple[str, ...]
    search_id: str | None
    urls: Mapping[str, str]
    share_url: str | None
    ready_for_titiler: bool
    ready_reason: str
    outputs: tuple[Output, ...] = ()
