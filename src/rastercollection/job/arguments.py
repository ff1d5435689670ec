"""The keyword arguments of the API, for type checkers and editors.

The classes' bodies follow from the fields of :class:`~rastercollection.CollectionRequest` and
:class:`~rastercollection.job.runtime.RuntimeOptions`: ``nox -s parameters`` writes them.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor as FuturesExecutor
from os import PathLike
from typing import Any, Literal, TypedDict

from rastercollection.core.events import Observer
from rastercollection.core.executor import Executor
from rastercollection.core.job_store import JobStore
from rastercollection.core.workflow import Workflow
from rastercollection.geo.pixel_grid import GridKind, ZoomStrategy
from rastercollection.model.render import RenderDefinition
from rastercollection.model.request import MismatchPolicy, TitilerProfile
from rastercollection.model.tiers import Compression, RasterType, Resampling, Tier
from rastercollection.ports.catalog import CatalogBackend, PublishMode
from rastercollection.ports.storage import StorageBackend

__all__ = ["CollectionArguments", "JobArguments", "RunArguments"]


class CollectionArguments(TypedDict, total=False):
    """What to make of the rasters, beside the parameters that are required."""

    # from here to the end of the class: written by nox -s parameters

    collection_description: str | None
    """Text of the STAC collection."""

    collection_title: str | None
    """Title of the STAC collection."""

    input_crs: str | int | Mapping[str, Any] | Any | None
    """CRS of tiles that have none; a tile whose own CRS differs is refused."""

    raster_type: RasterType
    """What the tiles show; a tile that clashes with it is refused: `auto`, `rgb`, `rgba`, `dem`, `categorical`,
    `multispectral`, `nir`."""

    bands: str | Iterable[str] | None
    """What the tiles' bands are called, in their order: common names of STAC's eo extension (`red`, `nir08`) say what
    they show, others (`B04`) name them; a tile with another number of bands is refused."""

    output_tier: str
    """Purpose of the COGs: `visualization`, `analysis`, `archive`, or the name of one of `tiers`."""

    output_container: str | PathLike[str] | None
    """Where COGs go."""

    output_folder: str | None
    """Folder below the output container."""

    mosaicjson_container: str | PathLike[str] | None
    """Where the MosaicJSON goes."""

    target_crs: str | int | Mapping[str, Any] | Any | None
    """CRS of the COGs."""

    in_memory: bool | None
    """Whether intermediates are kept in RAM, or on local disk."""

    maxzoom: int | None
    """Highest zoom of the mosaic."""

    jpeg_quality: int
    """From 1 to 100, for JPEG and WebP."""

    stac_item_id: str | None
    """Id of the STAC collection."""

    create_mosaicjson: bool
    """Whether stage 3 runs."""

    create_overview: bool
    """Whether stage 3 makes an overview of the whole collection, where low zooms need one."""

    create_stac_collection: bool
    """Whether stage 4 runs, also without stage 3."""

    mode: PublishMode
    """What becomes of tiles that the collection holds already: `upsert` replaces those that were made of the same
    sources, `delsert` whatever they were made of, and both leave the others; `insert` refuses them; `insert_ignore`
    leaves them out; after `replace` the collection holds this job's tiles and no others."""

    grid: GridKind
    """Where the COGs' pixels lie: on a `shared` grid, each on its `own`, or on `WebMercatorQuad`'s."""

    resolution: float | None
    """Size of all COGs' pixels, in units of the target CRS."""

    zoom_strategy: ZoomStrategy
    """Finest zoom of the grid `WebMercatorQuad`: the closest (`auto`), next `lower` or `upper`."""

    compression: Compression | None
    """GDAL's name of the COGs' compression: `NONE`, `DEFLATE`, `LZW`, `ZSTD`, `LZMA`, `JPEG`, `WEBP`, `LERC`,
    `LERC_DEFLATE`, `LERC_ZSTD`."""

    compression_level: int | Literal["auto"] | None
    """Of the compression; `auto` takes the cheapest encoder that makes a sample as small as the usual one does."""

    sparse_ok: bool
    """Whether blocks of nothing but nodata are left out, which some readers cannot read."""

    warp_resampling: Resampling | None
    """How pixels are resampled to another CRS or grid: `nearest`, `bilinear`, `cubic`, `cubic_spline`, `lanczos`,
    `average`, `mode`."""

    overview_resampling: Resampling | None
    """How pixels are resampled for overviews: `nearest`, `bilinear`, `cubic`, `cubic_spline`, `lanczos`, `average`,
    `mode`."""

    tiers: Sequence[Tier | Mapping[str, Any]]
    """Tiers of your own: `name`, `compression`, `level` (a number or `auto`), `storage_class`, `needs`."""

    strict: bool
    """Whether data types that waste space beyond reason (64-bit, complex) are errors."""

    on_mismatch: MismatchPolicy
    """When tiles, and those that are published, disagree in bands, data type, raster type, nodata, heights or colour
    table: `continue` with all, keep the `majority`, or `fail`."""

    datetime: str | dt.date | Sequence[dt.date | str | None] | Any | None
    """Acquisition of all tiles: a moment, day, month or year (`2019-07-14T06:00:00Z`, `2019-07`), or an interval
    `start/end`, with `..` for an open end."""

    datetime_pattern: str | None
    """Regular expression for tiles' paths, whose group is the date (two groups: start and end), or whose groups are
    named `year`, `month`, `day`, `doy`, `hour`, `minute`, `second`, `zone`."""

    require_datetime: bool
    """Whether a tile of which nothing tells when it was acquired is refused."""

    license: str
    """SPDX identifier, or `other`."""

    providers: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    """Providers, as STAC writes them."""

    keywords: str | Iterable[str]
    """Added to the STAC collection's."""

    asset_key: str
    """Key of the COG in STAC items."""

    renders: str | RenderDefinition | Mapping[str, Any] | Iterable[str | RenderDefinition | Mapping[str, Any]] | None
    """How the collection is shown, the first in front: `usual`, `natural`, `color-infrared`, `ndvi`, `elevation`,
    `hillshade`, `classes`, `bands`, a plug-in's name, or a definition of your own (in JSON on the command line)."""

    titiler_url: str | None
    """Root address of a tile server that shows the result; it is asked from here, so never take a stranger's."""

    titiler_profile: TitilerProfile | None
    """What kind of server that is, and from which version on: `titiler-pgstac-3`, `titiler-pgstac-2`,
    `titiler-pgstac-1`, `titiler-pgstac-1.0`, `mosaicjson`."""

    subdatasets: str | None
    """Which of several rasters in one file (pages of a TIFF, variables of a netCDF): the name of one, such as `t2m` or
    `2`, all as `bands` of one tile, or all as `tiles` of their own."""

    max_pixels: int
    """A tile with more is refused before anything is allocated."""

    max_bands: int
    """A tile with more is refused before anything is allocated."""

    max_block_bytes: int
    """A tile with a larger decoded block of all bands is refused."""

    drivers: str | Iterable[str]
    """GDAL drivers that may open sources."""


class RunArguments(TypedDict, total=False):
    """How jobs run."""

    # from here to the end of the class: written by nox -s parameters

    executor: Executor | FuturesExecutor | str | Any
    """Where tasks run: a name (`serial`, `thread`, `process`, `dask`, or a plug-in's), the address of a Dask scheduler;
    in Python also an executor, a `concurrent.futures` pool or a Dask client."""

    max_workers: int | None
    """Tasks at the same time."""

    memory_budget: float | str | None
    """Bytes of RAM that all workers may take together, or a text such as `500M`, `8G`."""

    worker_memory: float | str | None
    """Bytes of RAM that a worker of the executor `process` may take before it is ended and its tile fails, or a text
    such as `500M`, `8G`."""

    scratch: str | PathLike[str] | None
    """Local folder for temporary files."""

    storage: StorageBackend | str | None
    """A storage backend, or the name of one."""

    storage_options: Mapping[str, Any] | None
    """Credentials and settings, as in fsspec; they stay out of records, logs and outputs."""

    allow_private_hosts: bool
    """Whether web addresses may lead to this machine, its private network or a cloud's metadata server; not for
    addresses that come from strangers."""

    catalog: CatalogBackend | str | PathLike[str] | None
    """Where STAC goes: a folder, or the address of a pgSTAC database (`postgresql://…`); in Python also a catalog
    backend."""

    jobs: JobStore | str | PathLike[str] | None
    """Job store: `sqlite:///file.db`, the address of a PostgreSQL database (`postgresql://…`), or `memory`; in Python
    also an instance."""

    verify: Literal["quick", "checksum"]
    """What is compared of outputs of an earlier run before they are taken over: `quick` size and time, and the content
    of those up to 1 MiB and of all documents; `checksum` the content of all, for which every COG is read."""

    on_tile_error: Literal["continue", "fail"]
    """`continue` leaves a bad tile out, with its reason; `fail` ends the job at the first."""

    on_busy: Literal["wait", "take_over", "fail"]
    """Where another process runs the same job: `wait` for it and return what it made, `take_over` the job, which it
    hands over as it would end on Ctrl-C, or `fail` at once."""

    rerun: bool | str | Iterable[str] | None
    """What is done again although it was done before: `all`, `failed`, the name of a stage or of a tile; several in a
    list, in Python also `True` for all."""

    task_timeout: float | dt.timedelta | None
    """Seconds that an attempt at a tile, or at another task, may take; then it is given up."""

    stop_timeout: float | dt.timedelta | None
    """Seconds in which tasks that run may end when the job is stopped; then they are given up."""

    observers: Sequence[Observer]
    """Callables that are told of every event."""

    progress: bool | None
    """Whether progress is shown: in a notebook as bars, elsewhere as lines on standard error."""

    workflow: Workflow | None
    """A workflow of your own."""

    cancel: threading.Event | None
    """An event that, once set, from any thread, cancels: what runs is waited for, nothing more is started."""


class JobArguments(CollectionArguments, RunArguments, total=False):
    """What to make of the rasters, and how the job runs."""
