"""The handler of stage 2: one validated tile becomes one published COG."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pyproj
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from rastercollection.core.machine import process_memory
from rastercollection.core.models import Notice
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import TaskContext
from rastercollection.geo.crs import name_crs
from rastercollection.geo.geographic import geographic_bounds
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.output import Output
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tile import Validation
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import ObjectInfo, StorageBackend
from rastercollection.rasters.cost import predict
from rastercollection.rasters.gdal_crs import from_rasterio, to_rasterio
from rastercollection.rasters.gdal_errors import error_text
from rastercollection.rasters.grid.footprint import footprint
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.source.opening import SourceDataset, open_source
from rastercollection.rasters.writing.facts import checksum, color_entries, zoom_range
from rastercollection.rasters.writing.metadata import kept_tags
from rastercollection.rasters.writing.thumbnail import draw
from rastercollection.stages.cog.acquisition import Acquisition, find_acquisition
from rastercollection.stages.cog.convert import Conversion, convert
from rastercollection.stages.cog.copying.byte_copy import copy_bytes, local_copy, look_at, why_not
from rastercollection.stages.cog.prepare import ConversionSpec, Prepared, load_of, prepare

__all__ = ["create_cog"]


def create_cog(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Convert one validated tile into a COG, check it, publish it with a thumbnail, and tell all about it.

    The COG appears in the store only after every check has passed. Running the task again replaces it by an equal one.

    Args:
        parameters: validation, source_container, output_container, output_blob, item_id, target_crs, grid
            (the tile's own when absent), in_memory, datetime, datetime_pattern, policy.
        context: With storage and limits among its resources.

    Returns:
        A :class:`~rastercollection.model.cog.Cog` as a dict.

    Raises:
        TileError: The tile cannot be read, placed or kept whole.
        TaskError: It could not be written, or what was written did not pass a check.
    """
    started = time.monotonic()
    task = _Task.of(parameters, context)
    source = task.validation.source
    with open_source(task.storage, source, task.policy, task.limits, context.notice) as dataset:
        prepared = prepare(dataset, task.spec, context.notice)
        times = task.acquisition(dataset)
        for notice in times.notices:
            context.notice(notice.code, notice.message)
        published = _Finish(task=task, context=context, times=times).copied_or_converted(dataset, prepared)
    notices = tuple(Notice(code=notice.code, message=notice.message) for notice in context.notices)
    return to_dict(attrs.evolve(published, seconds=time.monotonic() - started, notices=notices))


@attrs.frozen(kw_only=True)
class _Task:
    """The handler's parameters and resources, typed."""

    validation: Validation
    source_container: str
    output_container: str
    output_blob: str
    item_id: str
    target_crs: str
    grid: GridRule
    in_memory: bool | None
    datetime: str | None
    datetime_pattern: str | None
    policy: SourcePolicy
    storage: StorageBackend
    limits: Limits

    @classmethod
    def of(cls, parameters: Mapping[str, Any], context: TaskContext) -> _Task:
        policy = dict(parameters["policy"])
        policy["drivers"] = tuple(policy.get("drivers", SourcePolicy().drivers))
        names = ("source_container", "output_container", "output_blob", "item_id", "target_crs")
        optional = ("in_memory", "datetime", "datetime_pattern")
        given: dict[str, Any] = {name: parameters[name] for name in names}
        given |= {name: parameters.get(name) for name in optional}
        return cls(
            validation=from_dict(Validation, parameters["validation"]),
            grid=from_dict(GridRule, parameters.get("grid") or {}),
            policy=SourcePolicy(**policy),
            storage=context.resources["storage"],
            limits=context.resources["limits"],
            **given,
        )

    @property
    def spec(self) -> ConversionSpec:
        validation = self.validation
        return ConversionSpec(
            blob=validation.source.blob,
            settings=validation.settings,
            raster_type=validation.raster_type,
            source_crs=to_rasterio(validation.crs),
            georeferencing=validation.georeferencing,
            target_crs=to_rasterio(self.target_crs),
            grid=self.grid,
            max_pixels=self.policy.max_pixels,
            limits=self.limits,
        )

    def acquisition(self, dataset: DatasetReader) -> Acquisition:
        tags: dict[str, str] = {}
        for domain in ("IMAGERY", "IMD", *dataset.tag_namespaces(), ""):
            tags |= {key: str(value) for key, value in dataset.tags(ns=domain or None).items()}
        source = self.validation.source
        return find_acquisition(self.datetime, self.datetime_pattern, source.blob, tags, source.modified)


@attrs.frozen(kw_only=True)
class _Finish:
    """What has to be done with a tile once everything about it is decided."""

    task: _Task
    context: TaskContext
    times: Acquisition

    def copied_or_converted(self, dataset: SourceDataset, prepared: Prepared) -> Cog:
        """The published COG: a copy of the source where that is the COG asked for."""
        task, because = self.task, why_not(dataset, prepared)
        if because is None:
            source = task.validation.source
            with local_copy(task.storage, source, dataset, task.limits.scratch) as path:
                found = look_at(prepared, path)
                if isinstance(found, Conversion):
                    return self._published(found, lambda url: copy_bytes(task.storage, source, url), None)
            because = found
        with _workspace(task, prepared) as workspace:
            made = convert(prepared, workspace)
            return self._published(made, lambda url: task.storage.put(str(made.path), url), because)

    def _published(self, made: Conversion, put: Callable[[str], ObjectInfo], because: str | None) -> Cog:
        cog = _described(self.task, made, self.times)
        cog = attrs.evolve(cog, copied=because is None, converted_because=because)
        picture = _picture(made, cog, self.context)
        return _publish(self.task, put, cog, picture)


@contextlib.contextmanager
def _workspace(task: _Task, prepared: Prepared) -> Iterator[Workspace]:
    """Room for the intermediates: in RAM if it was asked for or if they fit, else on disk; the COG on disk always."""
    load = load_of(prepared)
    fits = load.needed_bytes <= task.limits.memory_bytes
    in_memory = task.in_memory if task.in_memory is not None else fits
    needed = predict(attrs.evolve(load, in_memory=in_memory), prepared.settings).temporary_disk
    with Workspace.open(task.limits.scratch, in_memory=in_memory, needed=needed) as workspace:
        yield workspace


def _described(task: _Task, made: Conversion, times: Acquisition) -> Cog:
    """All but what only publishing tells."""
    validation = task.validation
    return Cog(
        item_id=task.item_id,
        file=_file(made, validation.raster_type),
        source_blob=validation.source.blob,
        source_container=task.source_container,
        output_blob=task.output_blob,
        output_container=task.output_container,
        source_crs=validation.crs,
        reprojected=made.reprojected,
        footprint=_footprint(made),
        datetime=times.datetime,
        start_datetime=times.start,
        end_datetime=times.end,
        datetime_source=times.source,
        tags=kept_tags(made.metadata),
        in_memory=made.in_memory,
        level_choice=made.level_choice,
        memory_bytes=made.usage.most_memory,
        temporary_disk_bytes=made.usage.most_disk,
        process_memory_bytes=process_memory(),
        receipt=made.receipt,
        seconds=0.0,
        outputs=(),
    )


def _file(made: Conversion, raster_type: str) -> CogFile:
    grid, (minzoom, maxzoom) = made.grid, zoom_range(made.grid)
    return CogFile(
        href="",
        thumbnail=None,
        settings=made.settings,
        target_crs=name_crs(_pyproj(grid)),
        projjson=_projjson(grid),
        transform=tuple(grid.transform)[:6],
        shape=(grid.height, grid.width),
        bounds=grid.bounds,
        bounds_4326=_bounds_4326(grid),
        size=made.path.stat().st_size,
        checksum=checksum(made.path),
        header_size=made.header_size,
        overview_levels=made.overview_levels,
        raster_type=raster_type,
        validity=made.validity,
        bands=made.bands,
        color_table=color_entries(made.metadata.color_table, made.bands[0].nodata),
        minzoom=minzoom,
        maxzoom=maxzoom,
    )


def _projjson(grid: Grid) -> Mapping[str, Any] | None:
    crs = _pyproj(grid)
    return None if name_crs(crs).startswith("EPSG:") else crs.to_json_dict()


def _pyproj(grid: Grid) -> pyproj.CRS:
    crs = from_rasterio(grid.crs)
    assert crs is not None
    return crs


def _bounds_4326(grid: Grid) -> Bounds:
    found = geographic_bounds(_pyproj(grid), tuple(grid.transform)[:6], grid.width, grid.height)
    return found or (-180.0, -90.0, 180.0, 90.0)


def _footprint(made: Conversion) -> Mapping[str, Any]:
    rows, columns = made.valid.steps
    cells = None if made.valid.is_full else made.valid.counts > 0
    return footprint(cells, made.grid.transform * Affine.scale(columns, rows), made.grid.bounds, _pyproj(made.grid))


def _picture(made: Conversion, cog: Cog, context: TaskContext) -> bytes | None:
    """The thumbnail; a tile without one is still a tile."""
    if not made.valid.total:
        context.notice(
            "NO_VALID_PIXELS", f"{cog.source_blob}: none of its pixels is valid; its footprint is its bounds."
        )
    try:
        picture = draw(made.path, cog.file.raster_type, made.statistics, cog.file.color_table)
    except (RasterioError, CPLE_BaseError, ValueError) as error:
        context.notice("THUMBNAIL_SKIPPED", f"{cog.source_blob}: no thumbnail could be drawn: {error_text(error)}")
        return None
    if picture is None:
        context.notice("THUMBNAIL_SKIPPED", f"{cog.source_blob}: there is nothing to be seen in it.")
    return picture


def _publish(task: _Task, put: Callable[[str], ObjectInfo], cog: Cog, picture: bytes | None) -> Cog:
    storage = task.storage
    url = join(task.output_container, task.output_blob)
    info = put(url)
    outputs = [Output(url=url, size=info.size, version=info.version)]
    thumbnail = None
    if picture is not None:
        picture_url = join(task.output_container, f"{task.output_blob.removesuffix('.tif')}_thumbnail.png")
        written = storage.write(picture_url, picture)
        outputs.append(Output(url=picture_url, size=written.size, version=written.version))
        thumbnail = storage.public_url(picture_url)
    file = attrs.evolve(cog.file, href=storage.public_url(url), thumbnail=thumbnail)
    return attrs.evolve(cog, file=file, outputs=tuple(outputs))
