"""The job's parameters as keyword arguments, for type checkers and editors.

Names and types are those of :class:`~rastercollection.CollectionRequest`, which documents and checks them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

if TYPE_CHECKING:
    from rastercollection.model.tiers import Tier

__all__ = ["CollectionParameters"]


class CollectionParameters(TypedDict, total=False):
    container_name: Required[str | PathLike[str]]
    blob_list: Required[str | Sequence[str]]
    collection_id: Required[str]
    collection_description: str | None
    input_crs: str | None
    raster_type: str
    output_tier: str
    output_container: str | PathLike[str] | None
    output_folder: str | None
    mosaicjson_container: str | PathLike[str] | None
    target_crs: str | None
    in_memory: bool | None
    maxzoom: int | None
    jpeg_quality: int
    stac_item_id: str | None
    create_mosaicjson: bool
    create_overview: bool
    create_stac_collection: bool
    mode: str
    grid: str
    resolution: float | None
    zoom_strategy: str
    compression: str | None
    compression_level: int | Literal["auto"] | None
    warp_resampling: str | None
    overview_resampling: str | None
    tiers: Sequence[Tier | Mapping[str, Any]]
    strict: bool
    on_mismatch: str
    datetime: str | None
    datetime_pattern: str | None
    license: str
    providers: Sequence[Mapping[str, Any]]
    keywords: Sequence[str]
    asset_key: str
    titiler_url: str | None
    titiler_profile: str | None
    max_pixels: int
    max_bands: int
    max_block_bytes: int
    drivers: Sequence[str]
