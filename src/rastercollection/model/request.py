"""The job's parameters: defaults, normal form, and every check that needs no look at the data."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping, Set
from typing import Any, Literal, Self

import attrs

from rastercollection.core.records import digest, jsonable
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.geo.pixel_grid import GRIDS, ZOOM_STRATEGIES
from rastercollection.model import checks
from rastercollection.model.policy import DEFAULT_DRIVERS, SourcePolicy
from rastercollection.model.tiers import (
    COMPRESSIONS,
    OVERVIEW_RESAMPLINGS,
    RASTER_TYPES,
    TIERS,
    WARP_RESAMPLINGS,
    Tier,
)
from rastercollection.ports import addresses
from rastercollection.ports.catalog import PUBLISH_MODES

__all__ = ["CollectionRequest"]

_TILE_MATRIX = "WebMercatorQuad"
_MERCATOR = "EPSG:3857"
TITILER_PROFILES = ("titiler-pgstac-3", "titiler-pgstac-2", "titiler-pgstac-1", "titiler-pgstac-1.0", "mosaicjson")
ON_MISMATCH = ("continue", "majority", "fail")
MISSING = object()


def _texts(value: Any) -> Any:
    """A single text or any sequence as a tuple; anything else is left for the checks to refuse."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else value


def _paths(value: Any) -> Any:
    """Blob names as given, each once, with ``/`` between folders."""
    names = _texts(value)
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        return names
    return tuple(dict.fromkeys(name.removeprefix("./") for name in names))


def _container(value: Any) -> Any:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    return addresses.normalise(text) if isinstance(text, str) and not addresses.container_problem(text) else text


def _folder(value: Any) -> Any:
    return (value.rstrip("/") or None) if isinstance(value, str) else value


def _float(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _tiers(value: Any) -> Any:
    """User-defined tiers: Tier objects or mappings of their fields."""
    tiers = value if isinstance(value, list | tuple) else (value,)
    try:
        return tuple(Tier(**tier) if isinstance(tier, Mapping) else tier for tier in tiers)
    except TypeError:
        return tiers


def _mappings(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value


@attrs.frozen(kw_only=True)
class CollectionRequest:
    """What to make of which rasters. Constructing it checks everything that can be told without opening anything.

    The first part are the job's parameters, the second refine them. Every field is part of the job's identity.

    Attributes:
        container_name: Where the sources are: a folder, or an fsspec URL (``s3://bucket/prefix``).
        blob_list: The rasters, relative to the container; glob patterns (``*``, ``?``, ``[…]``, ``**``) are expanded.
        collection_id: Letters, digits, ``-``, ``_``.
        collection_description: Text of the STAC collection.
        input_crs: CRS of tiles that have none; a tile whose own CRS differs is refused.
        raster_type: auto, rgb, rgba, dem, categorical, multispectral or nir; a tile that clashes is refused.
        output_tier: visualization, analysis, archive, or the name of one of ``tiers``.
        output_container: Where COGs go; the source container's sibling ``cogs`` unless given.
        output_folder: Folder below the output container; none unless given.
        mosaicjson_container: Where the MosaicJSON goes; the output container unless given.
        target_crs: CRS of the COGs; EPSG:3857 with the grid WebMercatorQuad, else EPSG:4326, unless given.
        in_memory: Keep intermediates in RAM (True) or on disk (False); decided from size and budget when None.
        maxzoom: Of the mosaic; from the data's resolution when None.
        jpeg_quality: 1–100.
        stac_item_id: Id of the STAC collection; ``collection_id`` unless given.
        create_mosaicjson, create_stac_collection: Whether stages 3 and 4 run.
        create_overview: Whether stage 3 makes an overview of the whole collection for low zooms, where it needs one.
        mode: What becomes of items that the collection holds already: ``upsert`` and ``delsert`` replace those of the
            same tiles and leave the others; ``insert`` refuses tiles that are there; ``insert_ignore`` leaves such
            tiles out; ``replace``: afterwards the collection holds this job's tiles and no others.

        grid: Where the COGs' pixels lie: on one ``shared`` grid, each on its ``own``, or on that of
            ``WebMercatorQuad``.
        resolution: Size of all COGs' pixels, in units of the target CRS; the tiles' finest, or own, when None.
        zoom_strategy: Zoom of the finest tile in WebMercatorQuad: the closest (``auto``), the one ``lower`` (coarser)
            or ``upper`` (finer).
        compression: Overrides the tier's compression.
        compression_level: Overrides its level; ``auto`` tries levels on a sample of each image and takes the lowest
            that makes it at most 3% larger than the codec's usual one.
        warp_resampling: How pixels are resampled to another CRS or grid, by GDAL's name in lower case; what suits the
            raster type when None.
        overview_resampling: The same for overviews.
        tiers: More tiers, as :class:`~rastercollection.model.tiers.Tier` or dicts of its fields.
        strict: A data type that wastes space beyond reason (64-bit, complex) is an error.
        on_mismatch: When tiles disagree in bands, data type, type, nodata or colour table: ``continue`` with all,
            keep the ``majority``, or ``fail``.
        datetime: Acquisition of all tiles: RFC 3339, or an interval ``start/end``.
        datetime_pattern: Regular expression that finds the acquisition in a tile's name.
        license: SPDX identifier or ``other``.
        providers: STAC provider objects.
        keywords: Added to the collection's.
        asset_key: Key of the COG asset in items.
        titiler_url: Root address of the tile server that shows the result.
        titiler_profile: What kind of server it is, and from which version on: ``titiler-pgstac-3``, ``…-2``, ``…-1``
            (1.8 and later), ``…-1.0``, or ``mosaicjson``. When None, the server is asked where the catalog is pgSTAC,
            and is a ``mosaicjson`` one elsewhere.
        max_pixels, max_bands, max_block_bytes: A tile with more pixels or bands, or with a larger decoded block, is
            refused before anything is allocated.
        drivers: GDAL drivers that may open sources.
    """

    container_name: str = attrs.field(converter=_container)
    blob_list: tuple[str, ...] = attrs.field(converter=_paths)
    collection_id: str
    collection_description: str = None  # type: ignore[assignment]  # filled in below, never None afterwards
    input_crs: str | None = None
    raster_type: str = "auto"
    output_tier: str = "analysis"
    output_container: str = attrs.field(default=None, converter=_container)
    output_folder: str | None = attrs.field(default=None, converter=_folder)
    mosaicjson_container: str = attrs.field(default=None, converter=_container)
    target_crs: str = None  # type: ignore[assignment]  # filled in below, never None afterwards
    in_memory: bool | None = None
    maxzoom: int | None = None
    jpeg_quality: int = 85
    stac_item_id: str = None  # type: ignore[assignment]  # filled in below, never None afterwards
    create_mosaicjson: bool = True
    create_overview: bool = True
    create_stac_collection: bool = True
    mode: str = "upsert"

    grid: str = "shared"
    resolution: float | None = attrs.field(default=None, converter=_float)
    zoom_strategy: str = "auto"
    compression: str | None = None
    compression_level: int | Literal["auto"] | None = None
    warp_resampling: str | None = None
    overview_resampling: str | None = None
    tiers: tuple[Tier, ...] = attrs.field(default=(), converter=_tiers)
    strict: bool = False
    on_mismatch: str = "continue"
    datetime: str | None = None
    datetime_pattern: str | None = None
    license: str = "other"
    providers: tuple[Mapping[str, Any], ...] = attrs.field(default=(), converter=_mappings)
    keywords: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    asset_key: str = "data"
    titiler_url: str | None = None
    titiler_profile: str | None = None
    max_pixels: int = 2_000_000_000
    max_bands: int = 256
    max_block_bytes: int = 2**30
    drivers: tuple[str, ...] = attrs.field(default=DEFAULT_DRIVERS, converter=_texts)

    def __attrs_post_init__(self) -> None:
        problems = self._problems()
        if problems:
            raise RequestError(problems)
        defaults = {
            "collection_description": f"Raster collection: {self.collection_id}",
            "output_container": self.output_container or addresses.sibling(self.container_name, "cogs"),
            "stac_item_id": self.collection_id,
            "target_crs": _MERCATOR if self.grid == _TILE_MATRIX else "EPSG:4326",
        }
        defaults["mosaicjson_container"] = defaults["output_container"]
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Self:
        """A request from keyword arguments of unknown quality.

        Raises:
            RequestError: With every problem: unknown and missing names as well as wrong values.
        """
        fields = attrs.fields_dict(cls)
        unknown = [_unknown(name, fields) for name in parameters if name not in fields]
        missing = [
            RequestProblem(name, "nothing", "is required")
            for name, field in fields.items()
            if field.default is attrs.NOTHING and name not in parameters
        ]
        known = {name: value for name, value in parameters.items() if name in fields}
        placeholders = {problem.parameter: MISSING for problem in missing}
        try:
            request = cls(**{**placeholders, **known})
        except RequestError as error:
            found = [problem for problem in error.problems if problem.parameter not in placeholders]
            raise RequestError([*unknown, *missing, *found]) from None
        if unknown:
            raise RequestError(unknown)
        return request

    @property
    def job_id(self) -> str:
        """SHA-256, in hexadecimal, of the normalised parameters as JSON with sorted keys."""
        return digest(self.to_parameters())

    @property
    def tier(self) -> Tier:
        """The tier asked for."""
        return self.all_tiers[self.output_tier]

    @property
    def all_tiers(self) -> dict[str, Tier]:
        """Built-in tiers and the request's own, which win."""
        return {**TIERS, **{tier.name: tier for tier in self.tiers}}

    @property
    def source_policy(self) -> SourcePolicy:
        """What is accepted as a source."""
        return SourcePolicy(
            drivers=self.drivers,
            max_pixels=self.max_pixels,
            max_bands=self.max_bands,
            max_block_bytes=self.max_block_bytes,
        )

    def to_parameters(self) -> dict[str, Any]:
        """The normalised parameters, JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self))
        return plain

    def _problems(self) -> list[RequestProblem]:
        """Everything wrong, field by field and then across fields."""
        problems = []
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            allowed = _CHECKS[field.name](value)
            if allowed:
                problems.append(RequestProblem(field.name, _shown(value), allowed))
        wrong = {problem.parameter for problem in problems}
        problems += self._grid_clashes(wrong)
        return problems if wrong & {"tiers", "output_tier", "compression"} else problems + self._clashes(wrong)

    def _grid_clashes(self, wrong: Set[str]) -> list[RequestProblem]:
        """What goes with WebMercatorQuad only, and what does not go with it."""
        found: dict[str, str] = {}
        if self.grid == _TILE_MATRIX:
            if self.target_crs is not None and "target_crs" not in wrong and not _is_mercator(self.target_crs):
                found["target_crs"] = f"must be {_MERCATOR}, or left out, with grid='{_TILE_MATRIX}'"
            if self.resolution is not None:
                found["resolution"] = f"has no meaning with grid='{_TILE_MATRIX}', whose zooms have theirs"
        elif self.zoom_strategy != "auto":
            found["zoom_strategy"] = f"has a meaning with grid='{_TILE_MATRIX}' only"
        return [
            RequestProblem(name, _shown(getattr(self, name)), allowed)
            for name, allowed in found.items()
            if not wrong & {name, "grid"}
        ]

    def _clashes(self, wrong: Collection[str]) -> list[RequestProblem]:
        problems: list[RequestProblem] = []
        known = ", ".join(self.all_tiers)
        if self.output_tier not in self.all_tiers:
            problems.append(RequestProblem("output_tier", repr(self.output_tier), f"must be one of {known}"))
        codec = self.compression or (self.output_tier in self.all_tiers and self.tier.compression) or "DEFLATE"
        levels = COMPRESSIONS[codec]
        level = self.compression_level if "compression_level" not in wrong else None
        if not checks.goes_with(level, levels):
            allowed = f"must be from {levels[0]} to {levels[1]}" if levels else "has no meaning"
            problems.append(RequestProblem("compression_level", repr(level), f"{allowed} with {codec}"))
        return problems


def _shown(value: Any) -> str:
    text = "nothing" if value is MISSING else repr(value)
    return text if len(text) <= 200 else text[:197] + "…"


def _unknown(name: str, fields: Mapping[str, Any]) -> RequestProblem:
    close = difflib.get_close_matches(name, fields, n=1)
    return RequestProblem(name, "…", f"is no parameter{f'; did you mean {close[0]}?' if close else ''}")


def _is_mercator(value: str) -> bool:
    from rastercollection.geo.crs import parse_crs, same_crs

    return same_crs(parse_crs(value), parse_crs(_MERCATOR))


_CHECKS: Mapping[str, checks.Check] = {
    "container_name": checks.is_container,
    "blob_list": checks.blobs,
    "collection_id": checks.identifier,
    "collection_description": checks.text,
    "input_crs": checks.crs,
    "raster_type": checks.one_of(RASTER_TYPES),
    "output_tier": checks.text,
    "output_container": checks.is_container,
    "output_folder": checks.is_folder,
    "mosaicjson_container": checks.is_container,
    "target_crs": checks.crs,
    "in_memory": checks.boolean,
    "maxzoom": checks.integer(0, 30),
    "jpeg_quality": checks.integer(1, 100),
    "stac_item_id": checks.identifier,
    "create_mosaicjson": checks.boolean,
    "create_overview": checks.boolean,
    "create_stac_collection": checks.boolean,
    "mode": checks.one_of(PUBLISH_MODES),
    "grid": checks.one_of(GRIDS),
    "resolution": checks.positive,
    "zoom_strategy": checks.one_of(ZOOM_STRATEGIES),
    "compression": checks.one_of(tuple(COMPRESSIONS)),
    "compression_level": checks.level,
    "warp_resampling": checks.one_of(WARP_RESAMPLINGS),
    "overview_resampling": checks.one_of(OVERVIEW_RESAMPLINGS),
    "tiers": checks.is_tiers,
    "strict": checks.boolean,
    "on_mismatch": checks.one_of(ON_MISMATCH),
    "datetime": checks.is_datetime,
    "datetime_pattern": checks.pattern,
    "license": checks.text,
    "providers": checks.is_providers,
    "keywords": checks.is_texts,
    "asset_key": checks.identifier,
    "titiler_url": checks.http,
    "titiler_profile": checks.one_of(TITILER_PROFILES),
    "max_pixels": checks.integer(1),
    "max_bands": checks.integer(1),
    "max_block_bytes": checks.integer(1),
    "drivers": checks.is_texts,
}
