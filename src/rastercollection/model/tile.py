"""A source raster and what validation found out about it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import attrs

from rastercollection.core.models import ErrorRecord, Notice
from rastercollection.geo.types import Bounds, NaturalGrid, Transform
from rastercollection.model.band import BandIdentity, BandRole
from rastercollection.model.cog import CogSettings
from rastercollection.model.evidence import Content, PixelEvidence, Subject, Verdict
from rastercollection.model.joining import Joining, PublishedTile
from rastercollection.model.names import TileName, tile_names
from rastercollection.model.room import Room
from rastercollection.model.source_names import without_part

__all__ = [
    "TYPE_OF",
    "BitDepthFinding",
    "Detection",
    "SourceFile",
    "Sources",
    "Validation",
]


@attrs.frozen(kw_only=True)
class SourceFile:
    """A source raster as the store knows it; ``version``, ``size`` and ``beside`` tell whether it changed.

    Attributes:
        blob: Path relative to the container, with ``/``.
        url: Where the store finds it.
        size: Bytes.
        version: Etag or modification time.
        modified: Last modification, RFC 3339, UTC; may be empty.
        part: Which of the rasters inside the file it is: name of a page or variable, ``*`` for all as bands, empty for
            the file as it is. Where each is a tile, ``blob`` ends in ``:part``.
        beside: Digest of names and versions of the files beside it that may say more of it, as world files do; empty
            where there are none, or where it would take a listing of a remote folder to know.
    """

    blob: str
    url: str
    size: int
    version: str
    modified: str = ""
    part: str = ""
    beside: str = ""

    @property
    def file(self) -> str:
        """Path of the file that it is, or is in, relative to the container."""
        return without_part(self.blob, self.part)


@attrs.frozen(kw_only=True)
class Sources:
    """The sources of a job, as they were found.

    Attributes:
        files: Those to be worked on, in the order of the request.
        blobs: All that the request names, those that are left out among them: names of outputs follow from it.
        refused: Why a file cannot even be opened, by blob.
        notices: What to tell about how they were found.
        kept: Names that sources have in the collection already, by blob.
        published: Items that the collection holds before the job begins.
        joining: What the job will change of them; None where nothing is published.
        room: What there is on the disks that the job writes to; None where nobody has looked.
    """

    files: tuple[SourceFile, ...]
    blobs: tuple[str, ...]
    refused: Mapping[str, ErrorRecord] = attrs.field(factory=dict)
    notices: tuple[Notice, ...] = ()
    kept: Mapping[str, TileName] = attrs.field(factory=dict)
    published: tuple[PublishedTile, ...] = ()
    joining: Joining | None = None
    room: Room | None = None

    @property
    def names(self) -> Mapping[str, TileName]:
        """Names of the outputs, by blob."""
        return tile_names(self.blobs, self.kept)

    def only(self, blobs: Collection[str]) -> Sources:
        """Without the files that are not among ``blobs``; names stay as they are."""
        return attrs.evolve(self, files=tuple(file for file in self.files if file.blob in blobs))


TYPE_OF: Mapping[Content, str] = {
    "terrain": "dem",
    "quantity": "unknown",
    "classes": "categorical",
    "codes": "unknown",
    "little": "unknown",
}
"""Raster types of what is in one band."""


@attrs.frozen(kw_only=True)
class Detection:
    """What kind of raster a tile is.

    Attributes:
        raster_type: rgb, rgba, nir, dem, categorical, multispectral or unknown.
        confidence: very_high, high, medium or low.
        evidence: What it was concluded from, in words.
        content: Of the only band, beside alpha, what its pixels are; empty where there are several, or a colour table.
        codes: Numbers of the bands whose whole numbers may be flags or classes: no kernel may make values up there.
        quantities: Of several bands of a kind that may hold flags, the numbers of those that clearly do not.
        subject: What names, units and tags say of its values.
        pixels: The numbers that ``content`` was concluded from.
    """

    raster_type: str
    confidence: str
    evidence: tuple[str, ...]
    content: Content | Literal[""] = ""
    codes: tuple[int, ...] = ()
    quantities: tuple[int, ...] = ()
    subject: Subject = ""
    pixels: PixelEvidence | None = None

    @classmethod
    def of_one_band(cls, verdict: Verdict, pixels: PixelEvidence, subject: Subject, bands: str) -> Detection:
        """What a tile with one band, beside alpha, is; ``bands`` says so in words."""
        may_be_codes = pixels.whole and verdict.content in ("classes", "codes", "little")
        return cls(
            raster_type=TYPE_OF[verdict.content],
            confidence=verdict.confidence,
            evidence=(bands, *verdict.reasons),
            content=verdict.content,
            codes=(1,) if may_be_codes else (),
            subject=subject,
            pixels=pixels,
        )

    def keeps_values(self, raster_type: str) -> bool:
        """Whether no kernel may make values that are not there, with what the tile is taken for."""
        return bool(self.codes) and raster_type != "dem"


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
        heights: What heights refer to: a vertical CRS, or the 3D geographic CRS with the ellipsoid that they are above,
            ``EPSG:n`` or WKT2; None where nothing tells.
        georeferencing: geotransform, gcps or rpcs.
        transform: The file's geotransform, as it is (south-up and rotated ones too).
        bounds: In ``crs``.
        bounds_4326: In EPSG:4326.
        pixel_size: Size of a pixel in units of ``crs``, (x, y), positive.
        natural: Its pixels in the target CRS; None where it has no place there, of which stage 2 tells.
        validity: How invalid pixels are told: none, nodata, mask or alpha.
        color_interpretation: Of each band, GDAL's names in lower case.
        color_table: SHA-256 of the first band's colour table; None without one.
        detection: What its own pixels say it is.
        raster_type: What it is taken for: the requested type, else the detected one until the collection is decided on.
        bit_depth: Findings; empty when the type fits the data.
        recommended: Settings that suit the type best, whatever the tier (the table of recommended settings).
        tiers: Names of the tiers the tile is compatible with.
        settings: What stage 2 will use: the requested tier, or its fallback, with the user's overrides.
        estimated_bytes: Uncompressed size, for the memory budget.
        identities: What it says of what each band shows.
        sensor: What its metadata say of the sensor, in one text.
        roles: What each band is taken for; empty until that is decided on all tiles together.
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
    heights: str | None = None
    identities: tuple[BandIdentity, ...] = ()
    sensor: str = ""
    roles: tuple[BandRole, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def band_layout(self) -> tuple[tuple[str, bool], ...]:
        """Of each band its data type, and whether it is alpha: tiles that differ in it show different things."""
        return tuple(
            (dtype, color == "alpha") for dtype, color in zip(self.dtypes, self.color_interpretation, strict=True)
        )
