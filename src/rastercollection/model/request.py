"""The job's parameters: each with its default, meaning and check, in one place; their normal form."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

import attrs
from attrs import field

from rastercollection.core.records import digest, jsonable
from rastercollection.errors import RequestError
from rastercollection.geo.pixel_grid import GridKind, ZoomStrategy
from rastercollection.model import checks, converters
from rastercollection.model.clashes import MERCATOR, TILE_MATRIX, all_problems
from rastercollection.model.parameter_table import ParameterTable
from rastercollection.model.parameters import documented, from_arguments, parameter, with_plain_values
from rastercollection.model.policy import DEFAULT_DRIVERS, SourcePolicy
from rastercollection.model.render import LIKE_BEFORE, RENDERS, RENDERS_ONLY, plain_renders
from rastercollection.model.tiers import TIERS, Compression, RasterType, Resampling, Tier
from rastercollection.ports import addresses
from rastercollection.ports.catalog import PublishMode

__all__ = ["CollectionRequest", "MismatchPolicy", "TitilerProfile"]

MismatchPolicy = Literal["continue", "majority", "fail"]
TitilerProfile = Literal["titiler-pgstac-3", "titiler-pgstac-2", "titiler-pgstac-1", "titiler-pgstac-1.0", "mosaicjson"]

_fine = functools.partial(parameter, group="fine")


@documented
@attrs.frozen(kw_only=True, field_transformer=with_plain_values)
class CollectionRequest(ParameterTable):
    """What to make of which rasters. Constructing it checks everything that can be told without opening anything.

    The second part refines the first. Every field but ``renders`` is part of the job's identity.
    """

    container_name: str = field(
        converter=converters.container,
        metadata=parameter(
            "where the rasters are: a folder, or an fsspec URL (`s3://bucket/prefix`)",
            checks.is_container,
            option="FOLDER",
        ),
    )
    blob_list: tuple[str, ...] = field(
        converter=attrs.Converter(converters.blobs_of, takes_self=True),  # type: ignore[misc]
        metadata=parameter(
            "the rasters, by path below the container, or patterns of paths (`*`, `?`, `[…]`, `**`)",
            checks.blobs,
            otherwise="required; on the command line all rasters, by their extension",
            option="--blob",
            metavar="NAME",
        ),
    )
    collection_id: str = field(
        metadata=parameter(
            "id of the collection: letters, digits, `-`, `_`", checks.identifier, option="--id", metavar="ID"
        )
    )
    collection_description: str = field(
        default=None,
        converter=converters.public_text_or_none,
        metadata=parameter(
            "text of the STAC collection", checks.text, otherwise="`Raster collection: {collection_id}`"
        ),
    )
    collection_title: str | None = field(
        default=None,
        converter=converters.public_text_or_none,
        metadata=parameter(
            "title of the STAC collection", checks.text, otherwise="its id and when it was acquired, in words"
        ),
    )
    input_crs: str | None = field(
        default=None,
        converter=converters.crs,
        metadata=parameter(
            "CRS of tiles that have none; a tile whose own CRS differs is refused", checks.crs, metavar="CRS"
        ),
    )
    raster_type: RasterType = field(
        default="auto", metadata=parameter("what the tiles show; a tile that clashes with it is refused")
    )
    bands: tuple[str, ...] | None = field(
        default=None,
        converter=converters.band_names,
        metadata=parameter(
            "what the tiles' bands are called, in their order: common names of STAC's eo extension (`red`, `nir08`) "
            "say what they show, others (`B04`) name them; a tile with another number of bands is refused",
            checks.is_bands,
            otherwise="from colour interpretations, descriptions and wavelengths; see [Bands](bands.md)",
            option="--bands",
            metavar="NAMES",
        ),
    )
    output_tier: str = field(
        default="analysis",
        metadata=parameter(
            "purpose of the COGs: `visualization`, `analysis`, `archive`, or the name of one of `tiers`",
            checks.text,
            metavar="TIER",
        ),
    )
    output_container: str = field(
        default=None,
        converter=converters.container_or_none,
        metadata=parameter(
            "where COGs go",
            checks.is_container,
            otherwise="the folder `cogs` beside the source container, below it a folder for each collection",
            option="--output --output-container",
            metavar="OUT",
        ),
    )
    output_folder: str | None = field(
        default=None,
        converter=converters.folder,
        metadata=parameter(
            "folder below the output container",
            checks.is_folder,
            otherwise="`collection_id` where no `output_container` is given, else none",
            metavar="NAME",
        ),
    )
    mosaicjson_container: str = field(
        default=None,
        converter=converters.container_or_none,
        metadata=parameter(
            "where the MosaicJSON goes", checks.is_container, otherwise="the output container", metavar="URL"
        ),
    )
    target_crs: str = field(
        default=None,
        converter=converters.crs,
        metadata=parameter(
            "CRS of the COGs",
            checks.crs,
            otherwise="`EPSG:4326`; `EPSG:3857` with the grid `WebMercatorQuad`",
            metavar="CRS",
        ),
    )
    in_memory: bool | None = field(
        default=None,
        metadata=parameter(
            "whether intermediates are kept in RAM, or on local disk", otherwise="from size and memory budget"
        ),
    )
    maxzoom: int | None = field(
        default=None,
        metadata=parameter(
            "highest zoom of the mosaic",
            checks.integer(0, 30),
            otherwise="from the data's resolution",
            metavar="ZOOM",
        ),
    )
    jpeg_quality: int = field(
        default=85, metadata=parameter("from 1 to 100, for JPEG and WebP", checks.integer(1, 100), metavar="Q")
    )
    stac_item_id: str = field(
        default=None,
        converter=converters.filled_in,
        metadata=parameter("id of the STAC collection", checks.identifier, otherwise="`collection_id`", metavar="ID"),
    )
    create_mosaicjson: bool = field(default=True, metadata=parameter("whether stage 3 runs"))
    create_overview: bool = field(
        default=True,
        metadata=parameter("whether stage 3 makes an overview of the whole collection, where low zooms need one"),
    )
    create_stac_collection: bool = field(default=True, metadata=parameter("whether stage 4 runs, also without stage 3"))
    mode: PublishMode = field(
        default="upsert",
        metadata=parameter(
            "what becomes of tiles that the collection holds already: `upsert` replaces those that were made of the "
            "same sources, `delsert` whatever they were made of, and both leave the others; `insert` refuses them; "
            "`insert_ignore` leaves them out; after `replace` the collection holds this job's tiles and no others"
        ),
    )

    grid: GridKind = field(
        default="shared",
        metadata=_fine("where the COGs' pixels lie: on a `shared` grid, each on its `own`, or on `WebMercatorQuad`'s"),
    )
    resolution: float | None = field(
        default=None,
        converter=converters.whole_as_float,
        metadata=_fine(
            "size of all COGs' pixels, in units of the target CRS",
            checks.positive,
            otherwise="the finest tile's; with the grid `own` each tile's",
            metavar="SIZE",
        ),
    )
    zoom_strategy: ZoomStrategy = field(
        default="auto",
        metadata=_fine("finest zoom of the grid `WebMercatorQuad`: the closest (`auto`), next `lower` or `upper`"),
    )
    compression: Compression | None = field(
        default=None, metadata=_fine("GDAL's name of the COGs' compression", otherwise="the tier's")
    )
    compression_level: int | Literal["auto"] | None = field(
        default=None,
        metadata=_fine(
            "of the compression; `auto` takes the cheapest encoder that makes a sample as small as the usual one does",
            checks.level,
            otherwise="the tier's; of DEFLATE `auto`",
        ),
    )
    sparse_ok: bool = field(
        default=False,
        metadata=_fine("whether blocks of nothing but nodata are left out, which some readers cannot read"),
    )
    warp_resampling: Resampling | None = field(
        default=None,
        metadata=_fine("how pixels are resampled to another CRS or grid", otherwise="what suits the raster type"),
    )
    overview_resampling: Resampling | None = field(
        default=None,
        metadata=_fine("how pixels are resampled for overviews", otherwise="what suits the raster type"),
    )
    tiers: tuple[Tier, ...] = field(
        default=(),
        converter=converters.tiers,
        metadata=_fine(
            "tiers of your own: `name`, `compression`, `level` (a number or `auto`), `storage_class`, `needs`",
            checks.is_tiers,
            option="--tier",
        ),
    )
    strict: bool = field(
        default=False, metadata=_fine("whether data types that waste space beyond reason (64-bit, complex) are errors")
    )
    on_mismatch: MismatchPolicy = field(
        default="continue",
        metadata=_fine(
            "when tiles, and those that are published, disagree in bands, data type, raster type, nodata, heights or "
            "colour table: `continue` with all, keep the `majority`, or `fail`"
        ),
    )
    datetime: str | None = field(
        default=None,
        converter=converters.moment,
        metadata=_fine(
            "acquisition of all tiles: a moment, day, month or year (`2019-07-14T06:00:00Z`, `2019-07`), or an "
            "interval `start/end`, with `..` for an open end",
            checks.is_datetime,
            otherwise="from time axes, tags or names",
            metavar="TIME",
        ),
    )
    datetime_pattern: str | None = field(
        default=None,
        metadata=_fine(
            "regular expression for tiles' paths, whose group is the date (two groups: start and end), or whose groups "
            "are named `year`, `month`, `day`, `doy`, `hour`, `minute`, `second`, `zone`",
            checks.pattern,
            metavar="REGEX",
        ),
    )
    require_datetime: bool = field(
        default=False, metadata=_fine("whether a tile of which nothing tells when it was acquired is refused")
    )
    license: str = field(
        default="other",
        converter=converters.public_text,
        metadata=_fine("SPDX identifier, or `other`", checks.text, metavar="NAME"),
    )
    providers: tuple[Mapping[str, Any], ...] = field(
        default=(),
        converter=converters.public_mappings,
        metadata=_fine("providers, as STAC writes them", checks.is_providers, option="--provider"),
    )
    keywords: tuple[str, ...] = field(
        default=(),
        converter=converters.public_texts,
        metadata=_fine("added to the STAC collection's", checks.is_texts, option="--keyword", metavar="WORD"),
    )
    asset_key: str = field(
        default="data", metadata=_fine("key of the COG in STAC items", checks.identifier, metavar="KEY")
    )
    renders: tuple[Any, ...] | None = field(
        default=None,
        converter=converters.renders,
        metadata=_fine(RENDERS, checks.is_renders, otherwise=LIKE_BEFORE, option="--render", metavar="NAME"),
    )
    titiler_url: str | None = field(
        default=None,
        metadata=_fine(
            "root address of a tile server that shows the result; it is asked from here, so never take a stranger's",
            checks.http,
            metavar="URL",
        ),
    )
    titiler_profile: TitilerProfile | None = field(
        default=None,
        metadata=_fine(
            "what kind of server that is, and from which version on",
            otherwise="asked of the server where the catalog is pgSTAC, else `mosaicjson`",
        ),
    )
    subdatasets: str | None = field(
        default=None,
        metadata=_fine(
            "which of several rasters in one file (pages of a TIFF, variables of a netCDF): the name of one, such as "
            "`t2m` or `2`, all as `bands` of one tile, or all as `tiles` of their own",
            checks.name_inside,
            otherwise="a TIFF's first page; of several variables none",
            metavar="NAME",
        ),
    )
    max_pixels: int = field(
        default=2_000_000_000,
        metadata=_fine("a tile with more is refused before anything is allocated", checks.integer(1)),
    )
    max_bands: int = field(
        default=256, metadata=_fine("a tile with more is refused before anything is allocated", checks.integer(1))
    )
    max_block_bytes: int = field(
        default=2**30, metadata=_fine("a tile with a larger decoded block of all bands is refused", checks.integer(1))
    )
    drivers: tuple[str, ...] = field(
        default=DEFAULT_DRIVERS,
        converter=converters.texts,
        metadata=_fine("GDAL drivers that may open sources", checks.is_drivers, option="--driver", metavar="NAME"),
    )

    def __attrs_post_init__(self) -> None:
        if found := all_problems(self):
            raise RequestError(found)
        defaults = {
            "output_folder": self.collection_id if self.output_container is None else None,
            "collection_description": f"Raster collection: {self.collection_id}",
            "output_container": self.output_container or addresses.sibling(self.container_name, "cogs"),
            "stac_item_id": self.collection_id,
            "target_crs": MERCATOR if self.grid == TILE_MATRIX else "EPSG:4326",
        }
        defaults["mosaicjson_container"] = defaults["output_container"]
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any], *, besides: Iterable[str] = ()) -> Self:
        """A request from keyword arguments of unknown quality.

        Args:
            parameters: By name.
            besides: Further names that may have been meant where one is unknown.

        Raises:
            RequestError: With every problem: unknown and missing names as well as wrong values.
        """
        return from_arguments(cls, parameters, besides=besides)

    @property
    def job_id(self) -> str:
        """SHA-256, in hexadecimal, of the normalised parameters but ``renders``, as JSON with sorted keys."""
        return digest({name: value for name, value in self.to_parameters().items() if name not in RENDERS_ONLY})

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
        return SourcePolicy(**{name: getattr(self, name) for name in attrs.fields_dict(SourcePolicy)})

    def to_parameters(self) -> dict[str, Any]:
        """The normalised parameters, JSON-able."""
        plain: dict[str, Any] = jsonable(attrs.asdict(self, filter=lambda field, _: field.name != "renders"))
        return {**plain, "renders": plain_renders(self.renders)}
