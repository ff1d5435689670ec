"""The job's parameters: defaults, normal form, and every check that needs no look at the data."""

from __future__ import annotations

import datetime as dt
import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Self

import attrs

from rastercollection import urls
from rastercollection.errors import RequestError, RequestProblem, TaskError
from rastercollection.rasters.policy import DEFAULT_DRIVERS
from rastercollection.rasters.profiles import (
    COMPRESSIONS,
    OVERVIEW_RESAMPLINGS,
    RASTER_TYPES,
    TIERS,
    WARP_RESAMPLINGS,
    Tier,
)
from rastercollection.records import digest, jsonable

__all__ = ["CollectionRequest"]

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
    return urls.normalise(text) if isinstance(text, str) and not urls.container_problem(text) else text


def _folder(value: Any) -> Any:
    return (value.rstrip("/") or None) if isinstance(value, str) else value


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
        target_crs: CRS of the COGs.
        in_memory: Keep intermediates in RAM (True) or on disk (False); decided from size and budget when None.
        maxzoom: Of the mosaic; from the data's resolution when None.
        jpeg_quality: 1–100.
        stac_item_id: Id of the STAC collection; ``collection_id`` unless given.
        create_mosaicjson, create_stac_collection: Whether stages 3 and 4 run.

        compression: Overrides the tier's compression.
        compression_level: Overrides its level; ``auto`` tries levels on a sample of each image and takes the lowest
            that makes it at most 5% larger than the codec's usual one.
        warp_resampling: How pixels are resampled to another CRS or grid, by GDAL's name in lower case; what suits the
            raster type when None.
        overview_resampling: The same for overviews.
        tiers: More tiers, as :class:`~rastercollection.rasters.profiles.Tier` or dicts of its fields.
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
    target_crs: str = "EPSG:4326"
    in_memory: bool | None = None
    maxzoom: int | None = None
    jpeg_quality: int = 85
    stac_item_id: str = None  # type: ignore[assignment]  # filled in below, never None afterwards
    create_mosaicjson: bool = True
    create_stac_collection: bool = True

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
            "output_container": self.output_container or urls.sibling(self.container_name, "cogs"),
            "stac_item_id": self.collection_id,
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
        return problems if wrong & {"tiers", "output_tier", "compression"} else problems + self._clashes(wrong)

    def _clashes(self, wrong: Collection[str]) -> list[RequestProblem]:
        problems: list[RequestProblem] = []
        known = ", ".join(self.all_tiers)
        if self.output_tier not in self.all_tiers:
            problems.append(RequestProblem("output_tier", repr(self.output_tier), f"must be one of {known}"))
        codec = self.compression or (self.output_tier in self.all_tiers and self.tier.compression) or "DEFLATE"
        levels = COMPRESSIONS[codec]
        level = self.compression_level if "compression_level" not in wrong else None
        if not _goes_with(level, levels):
            allowed = f"must be from {levels[0]} to {levels[1]}" if levels else "has no meaning"
            problems.append(RequestProblem("compression_level", repr(level), f"{allowed} with {codec}"))
        return problems


def _goes_with(level: int | str | None, levels: tuple[int, int] | None) -> bool:
    """Whether a codec with this range of levels can be given such a level."""
    if level is None or levels is None:
        return level is None
    return level == "auto" or (isinstance(level, int) and levels[0] <= level <= levels[1])


def _shown(value: Any) -> str:
    text = "nothing" if value is MISSING else repr(value)
    return text if len(text) <= 200 else text[:197] + "…"


def _unknown(name: str, fields: Mapping[str, Any]) -> RequestProblem:
    close = difflib.get_close_matches(name, fields, n=1)
    return RequestProblem(name, "…", f"is no parameter{f'; did you mean {close[0]}?' if close else ''}")


Check = Callable[[Any], str]
"""Says what is allowed when the value is not, and nothing when it is."""


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "must be a text that is not empty"


def _identifier(value: Any) -> str:
    ok = isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]+", value)
    return "" if ok else "must be letters, digits, - and _"


def _boolean(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be True or False"


def _integer(low: int, high: int | None = None) -> Check:
    def check(value: Any) -> str:
        ok = isinstance(value, int) and not isinstance(value, bool) and value >= low and (high is None or value <= high)
        return "" if ok else f"must be a whole number from {low}{f' to {high}' if high is not None else ''}"

    return check


def _level(value: Any) -> str:
    return "" if value == "auto" or not _integer(0, 22)(value) else "must be a whole number from 0 to 22, or auto"


def _one_of(choices: Sequence[str]) -> Check:
    def check(value: Any) -> str:
        return "" if isinstance(value, str) and value in choices else f"must be one of {', '.join(choices)}"

    return check


def _is_container(value: Any) -> str:
    return urls.container_problem(value) if isinstance(value, str) else "must be a folder or an fsspec URL"


def _is_folder(value: Any) -> str:
    if not isinstance(value, str):
        return "must be a folder name, relative to the container"
    return urls.blob_problem(value)


def _blobs(value: Any) -> str:
    if not isinstance(value, tuple) or not value:
        return "must be a list with at least one name or pattern"
    wrong = [f"{name!r} {_blob(name)}" for name in value if _blob(name)]
    return "; ".join(wrong)


def _blob(name: Any) -> str:
    return urls.blob_problem(name) if isinstance(name, str) else "must be a text"


def _crs(value: Any) -> str:
    if not isinstance(value, str):
        return "must be a CRS such as EPSG:32642, WKT or PROJJSON"
    from rastercollection.rasters.crs import parse_crs

    try:
        parse_crs(value)
    except TaskError as error:
        return f"must be a CRS: {error.message}"
    return ""


def _is_datetime(value: Any) -> str:
    allowed = "must be an RFC 3339 date and time such as 2019-07-14T06:00:00Z, or an interval start/end"
    if not isinstance(value, str):
        return allowed
    ends = value.split("/")
    if len(ends) > 2:
        return allowed
    try:
        moments = [dt.datetime.fromisoformat(end) for end in ends]
    except ValueError:
        return allowed
    utc = [moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC) for moment in moments]
    return "" if utc == sorted(utc) else "must start before it ends"


def _pattern(value: Any) -> str:
    try:
        groups = re.compile(value).groups
    except (re.error, TypeError) as error:
        return f"must be a regular expression: {error}"
    return "" if groups else "must have a group that holds the date"


def _is_tiers(value: Any) -> str:
    if not isinstance(value, tuple) or not all(isinstance(tier, Tier) for tier in value):
        return f"must be tiers, each with {', '.join(attrs.fields_dict(Tier))}"
    for tier in value:
        if tier.compression not in COMPRESSIONS:
            return f"tier {tier.name!r}: compression must be one of {', '.join(COMPRESSIONS)}"
        if tier.needs not in ("anything", "rgb_byte"):
            return f"tier {tier.name!r}: needs must be anything or rgb_byte"
        if not _goes_with(tier.level, COMPRESSIONS[tier.compression]):
            return f"tier {tier.name!r}: level {tier.level} does not go with {tier.compression}"
    return ""


def _is_providers(value: Any) -> str:
    ok = isinstance(value, tuple) and all(isinstance(item, Mapping) and item.get("name") for item in value)
    return "" if ok else "must be STAC providers: dicts with at least a name"


def _is_texts(value: Any) -> str:
    ok = isinstance(value, tuple) and all(isinstance(item, str) and item for item in value)
    return "" if ok else "must be a list of texts"


def _http(value: Any) -> str:
    ok = isinstance(value, str) and re.fullmatch(r"https?://[^\s@]+", value)
    return "" if ok else "must be an http or https address without credentials"


_CHECKS: Mapping[str, Check] = {
    "container_name": _is_container,
    "blob_list": _blobs,
    "collection_id": _identifier,
    "collection_description": _text,
    "input_crs": _crs,
    "raster_type": _one_of(RASTER_TYPES),
    "output_tier": _text,
    "output_container": _is_container,
    "output_folder": _is_folder,
    "mosaicjson_container": _is_container,
    "target_crs": _crs,
    "in_memory": _boolean,
    "maxzoom": _integer(0, 30),
    "jpeg_quality": _integer(1, 100),
    "stac_item_id": _identifier,
    "create_mosaicjson": _boolean,
    "create_stac_collection": _boolean,
    "compression": _one_of(tuple(COMPRESSIONS)),
    "compression_level": _level,
    "warp_resampling": _one_of(WARP_RESAMPLINGS),
    "overview_resampling": _one_of(OVERVIEW_RESAMPLINGS),
    "tiers": _is_tiers,
    "strict": _boolean,
    "on_mismatch": _one_of(ON_MISMATCH),
    "datetime": _is_datetime,
    "datetime_pattern": _pattern,
    "license": _text,
    "providers": _is_providers,
    "keywords": _is_texts,
    "asset_key": _identifier,
    "titiler_url": _http,
    "max_pixels": _integer(1),
    "max_bands": _integer(1),
    "max_block_bytes": _integer(1),
    "drivers": _is_texts,
}
