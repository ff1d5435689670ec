"""One STAC Item a COG."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, overload

import pystac
from pystac.utils import datetime_to_str, str_to_datetime

from rastercollection.core.records import jsonable, to_dict
from rastercollection.geo.bounds import geometry_bounds
from rastercollection.model.band_views import is_picture_order
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.names import source_mark
from rastercollection.model.receipt import EncodingChoice, Receipt
from rastercollection.model.tiers import COLOR_PICTURES
from rastercollection.model.times.time_evidence import UNKNOWN
from rastercollection.stac import terms
from rastercollection.stac.fields import (
    image_fields,
    image_type,
    projection_code,
    software,
    thumbnail_fields,
)

__all__ = ["ItemsOnDemand", "is_dated", "item_dict", "thumbnail_assets", "to_utc"]


def item_dict(cog: Cog, collection_id: str, asset_key: str) -> dict[str, Any]:
    """The item as a dict with absolute hrefs and without links.

    Args:
        cog: The tile.
        collection_id: Id of the STAC collection.
        asset_key: Key of the COG's asset.
    """
    # no pystac.Item: it and its assets refer to each other, so that thousands stay until the collector comes by
    asset, file = cog_asset(cog), cog.file
    assets = {asset_key: asset.to_dict()}
    assets |= {key: thumbnail.to_dict() for key, thumbnail in thumbnail_assets(file).items()}
    footprint = dict(cog.footprint.items())
    return {
        "type": "Feature",
        "stac_version": pystac.get_stac_version(),
        "stac_extensions": _extensions(asset),
        "id": cog.item_id,
        "geometry": footprint,
        "bbox": list(geometry_bounds(footprint)),
        "properties": _properties(cog),
        "links": [],
        "assets": assets,
        "collection": collection_id,
    }


def thumbnail_assets(file: CogFile) -> dict[str, pystac.Asset]:
    """The asset of a COG's thumbnail by its key; empty without one."""
    if not file.thumbnail:
        return {}
    asset = pystac.Asset(
        file.thumbnail,
        title="Thumbnail",
        media_type=image_type(file.thumbnail),
        roles=[terms.THUMBNAIL],
        extra_fields=thumbnail_fields(file),
    )
    return {terms.THUMBNAIL: asset}


class ItemsOnDemand(Sequence[dict[str, Any]]):
    """The items of COGs, each of which is made whenever it is asked for: 10⁵ of them would take more than a GB.

    Args:
        cogs, collection_id, asset_key: As of :func:`item_dict`.
        whole: Gives a COG with all that its item tells, where ``cogs`` have less.
    """

    def __init__(
        self,
        cogs: Sequence[Cog],
        collection_id: str,
        asset_key: str,
        *,
        whole: Callable[[Cog], Cog] = lambda cog: cog,
    ) -> None:
        self._cogs, self._whole = tuple(cogs), whole
        self._ids = collection_id, asset_key

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all items."""
        return tuple(cog.item_id for cog in self._cogs)

    def __len__(self) -> int:
        return len(self._cogs)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(index, slice):
            return [self._item(cog) for cog in self._cogs[index]]
        return self._item(self._cogs[index])

    def _item(self, cog: Cog) -> dict[str, Any]:
        return item_dict(self._whole(cog), *self._ids)


def is_dated(cog: Cog) -> bool:
    """Whether anything is known of when the tile was acquired."""
    return cog.datetime_source != UNKNOWN and bool(cog.datetime or cog.start_datetime or cog.end_datetime)


def cog_asset(cog: Cog) -> pystac.Asset:
    """The COG with its grid, bands and file facts."""
    fields: dict[str, Any] = {
        **image_fields(cog.file),
        **_for_later_runs(cog.file),
        **({terms.RECEIPT: _receipt(cog.receipt)} if cog.receipt else {}),
        **({terms.ENCODING: _encoding(cog.encoding_choice)} if cog.encoding_choice else {}),
    }
    return pystac.Asset(
        cog.file.href, title=cog.source_blob, media_type=terms.COG_TYPE, roles=_roles(cog.file), extra_fields=fields
    )


def _for_later_runs(cog: CogFile) -> dict[str, Any]:
    """What STAC has no field for and a later run needs, to make a mosaic and renders of this COG and its own.

    :func:`rastercollection.stac.published_cog.published_cog` reads it.
    """
    return {
        terms.MINZOOM: cog.minzoom,
        terms.MAXZOOM: cog.maxzoom,
        terms.OVERVIEW_LEVELS: list(cog.overview_levels),
        terms.VALIDITY: cog.validity,
        **({terms.HEIGHTS: cog.heights} if cog.heights else {}),
        **({terms.COLOR_TABLE: jsonable(cog.color_table)} if cog.color_table else {}),
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    """What was compared with the source before the COG was published."""
    published: dict[str, Any] = to_dict(receipt)
    del published["seconds"]
    return published


def _encoding(choice: EncodingChoice) -> dict[str, Any]:
    """How the COG was encoded and why, but for what only the encoder needs to tell blocks apart."""
    published: dict[str, Any] = to_dict(choice)
    del published["regimes"]
    return published


def _roles(cog: CogFile) -> list[str]:
    is_picture = cog.raster_type in COLOR_PICTURES and all(band.dtype == "uint8" for band in cog.bands)
    return [terms.DATA, terms.VISUAL] if is_picture and is_picture_order(cog.bands) else [terms.DATA]


def _extensions(asset: pystac.Asset) -> list[str]:
    fields = [*asset.extra_fields, *(name for band in asset.extra_fields["bands"] for name in band)]
    present = {prefix: any(name.startswith(prefix) for name in fields) for prefix in ("raster:", "eo:")}
    some = {
        terms.RASTER: present["raster:"],
        terms.EO: present["eo:"],
        terms.CLASSIFICATION: terms.CLASSES in fields,
    }
    return [terms.PROJECTION, *(name for name, there in some.items() if there), terms.FILE, terms.PROCESSING]


def _properties(cog: Cog) -> dict[str, Any]:
    properties: dict[str, Any] = {"title": cog.source_blob}
    if not is_dated(cog):
        properties |= {"start_datetime": terms.EARLIEST, "end_datetime": terms.EARLIEST}
    elif cog.start_datetime or cog.end_datetime:
        properties["start_datetime"] = _utc(cog.start_datetime or cog.datetime or terms.EARLIEST)
        properties["end_datetime"] = _utc(cog.end_datetime or cog.datetime or terms.LATEST)
    return {
        **properties,
        "processing:software": dict(software()),
        "processing:lineage": _lineage(cog),
        terms.DATETIME_SOURCE: cog.datetime_source,
        terms.RASTER_TYPE: cog.file.raster_type,
        terms.TIER: cog.file.settings.tier,
        terms.SOURCE: source_mark(cog.source_container, cog.source_blob),
        **({terms.PROFILE: dict(cog.profile)} if cog.profile else {}),
        "datetime": _utc(cog.datetime) if cog.datetime and is_dated(cog) else None,
    }


def to_utc(moment: str) -> dt.datetime:
    """RFC 3339 text as a time in UTC; one without an offset is in UTC."""
    parsed = str_to_datetime(moment)
    return parsed.astimezone(dt.UTC) if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)


def _utc(moment: str) -> str:
    return datetime_to_str(to_utc(moment))


def _lineage(cog: Cog) -> str:
    settings = cog.file.settings
    source, target = projection_code(cog.source_crs), projection_code(cog.file.target_crs)
    grid = f"resampled to {target or 'the target CRS'} with {settings.warp_resampling} from {source or 'its own CRS'}"
    steps = [grid] if cog.reprojected else ["kept on its grid"]
    steps.append(f"overviews by {settings.overview_resampling}")
    steps.append(f"compressed with {settings.compression}")
    return f"{cog.source_blob}: {', '.join(steps)}"
