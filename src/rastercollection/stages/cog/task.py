"""The task of stage 2: one validated tile becomes one published COG, or a forecast of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import attrs
import pyproj
from affine import Affine
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from rastercollection.core.machine import process_memory
from rastercollection.core.models import Notify
from rastercollection.core.workflow import TaskContext
from rastercollection.geo.crs import name_crs
from rastercollection.geo.geographic import geographic_bounds
from rastercollection.geo.types import Bounds
from rastercollection.model.cog import Cog
from rastercollection.model.output import Output
from rastercollection.model.tile import SourceFile
from rastercollection.model.tile_forecast import TileForecast
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import ObjectInfo
from rastercollection.rasters.cost import predict
from rastercollection.rasters.gdal_crs import from_rasterio, to_rasterio
from rastercollection.rasters.gdal_errors import error_text
from rastercollection.rasters.grid.footprint import footprint
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import process_bytes
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.source.opening import SourceDataset, open_source
from rastercollection.rasters.writing.facts import checksum, color_entries, zoom_range
from rastercollection.rasters.writing.metadata import kept_tags
from rastercollection.rasters.writing.thumbnail import draw
from rastercollection.stages.cog.acquisition import Acquisition, find_acquisition
from rastercollection.stages.cog.convert import Conversion, convert
from rastercollection.stages.cog.copying.byte_copy import copy_bytes, local_copy, look_at, why_not
from rastercollection.stages.cog.prepare import ConversionSpec, Prepared, load_of, prepare
from rastercollection.stages.cog.stage import CogParameters
from rastercollection.stages.resources import Resources

__all__ = ["forecast", "make_cog"]


def make_cog(parameters: CogParameters, context: TaskContext) -> Cog:
    """Convert one validated tile into a COG, check it, publish it with a thumbnail, and tell all about it.

    The COG appears in the store only after every check has passed. Running the task again replaces it by an equal one.

    Raises:
        TileError: The tile cannot be read, placed or kept whole.
        TaskError: It could not be written, or what was written did not pass a check.
    """
    started = time.monotonic()
    task = _Task(parameters=parameters, resources=Resources.of(context.resources))
    with task.opened(context.notice) as dataset:
        prepared = prepare(dataset, task.spec, context.notice)
        times = task.acquisition(dataset)
        for notice in times.notices:
            context.notice(notice.code, notice.message)
        published = _Finish(task=task, context=context, times=times).copied_or_converted(dataset, prepared)
    return attrs.evolve(published, seconds=time.monotonic() - started, notices=tuple(context.notices))


def forecast(parameters: CogParameters, context: TaskContext) -> TileForecast:
    """What :func:`make_cog` would take and give, by the decisions that it takes itself before it reads a pixel.

    Raises:
        TileError, TaskError: As the conversion would raise before it reads a pixel.
    """
    task = _Task(parameters=parameters, resources=Resources.of(context.resources))
    with task.opened(context.notice) as dataset:
        prepared = prepare(dataset, task.spec, context.notice)
    validation, load = parameters.validation, load_of(prepared, asked=parameters.in_memory)
    read = validation.estimated_bytes + load.image_bytes
    load = attrs.evolve(load, process_bytes=process_bytes(task.resources.limits, read))
    found = predict(load, prepared.settings, classes=validation.raster_type == "categorical")
    return TileForecast(
        blob=validation.source.blob,
        output_blob=parameters.output_blob,
        shape=load.shape,
        resampled=prepared.plan.reprojected,
        compression=prepared.settings.compression,
        in_memory=load.in_memory,
        bytes_out=found.bytes_out,
        most_bytes_out=found.most_bytes_out,
        peak_memory=found.peak_memory,
        temporary_disk=found.temporary_disk,
    )


@attrs.frozen(kw_only=True)
class _Task:
    """What a task is about, and what it works with."""

    parameters: CogParameters
    resources: Resources

    @property
    def source(self) -> SourceFile:
        return self.parameters.validation.source

    @property
    def spec(self) -> ConversionSpec:
        validation = self.parameters.validation
        return ConversionSpec(
            blob=validation.source.blob,
            settings=validation.settings,
            raster_type=validation.raster_type,
            source_crs=to_rasterio(validation.crs),
            georeferencing=validation.georeferencing,
            target_crs=to_rasterio(self.parameters.target_crs),
            grid=self.parameters.grid,
            max_pixels=self.parameters.policy.max_pixels,
            limits=self.resources.limits,
        )

    def opened(self, notify: Notify) -> AbstractContextManager[SourceDataset]:
        return open_source(self.resources.storage, self.source, self.parameters.policy, self.resources.limits, notify)

    def acquisition(self, dataset: DatasetReader) -> Acquisition:
        tags: dict[str, str] = {}
        for domain in ("IMAGERY", "IMD", *dataset.tag_namespaces(), ""):
            tags |= {key: str(value) for key, value in dataset.tags(ns=domain or None).items()}
        asked, source = self.parameters, self.source
        return find_acquisition(asked.datetime, asked.datetime_pattern, source.blob, tags, source.modified)


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
            source = task.source
            with local_copy(task.resources.storage, source, dataset, task.resources.limits.scratch) as path:
                found = look_at(prepared, path)
                if isinstance(found, Conversion):
                    return self._published(found, lambda url: copy_bytes(task.resources.storage, source, url), None)
            because = found
        with _workspace(task, prepared) as workspace:
            made = convert(prepared, workspace)
            return self._published(made, lambda url: task.resources.storage.put(str(made.path), url), because)

    def _published(self, made: Conversion, put: Callable[[str], ObjectInfo], because: str | None) -> Cog:
        cog = _described(self.task, made, self.times)
        cog = attrs.evolve(cog, copied=because is None, converted_because=because)
        picture = _picture(made, cog, self.context)
        return _publish(self.task, put, cog, picture)


@contextlib.contextmanager
def _workspace(task: _Task, prepared: Prepared) -> Iterator[Workspace]:
    """Room for the intermediates: in RAM if it was asked for or if they fit, else on disk; the COG on disk always."""
    load = load_of(prepared, asked=task.parameters.in_memory)
    needed = predict(load, prepared.settings).temporary_disk
    with Workspace.open(task.resources.limits.scratch, in_memory=load.in_memory, needed=needed) as workspace:
        yield workspace


def _described(task: _Task, made: Conversion, times: Acquisition) -> Cog:
    """All but what only publishing tells."""
    grid, validation, (minzoom, maxzoom) = made.grid, task.parameters.validation, zoom_range(made.grid)
    return Cog(
        item_id=task.parameters.item_id,
        source_blob=validation.source.blob,
        source_container=task.parameters.source_container,
        output_blob=task.parameters.output_blob,
        output_container=task.parameters.output_container,
        href="",
        settings=made.settings,
        source_crs=validation.crs,
        target_crs=name_crs(_pyproj(grid)),
        reprojected=made.reprojected,
        transform=tuple(grid.transform)[:6],
        shape=(grid.height, grid.width),
        bounds=grid.bounds,
        bounds_4326=_bounds_4326(grid),
        footprint=_footprint(made),
        projjson=_projjson(grid),
        size=made.path.stat().st_size,
        checksum=checksum(made.path),
        header_size=made.header_size,
        overview_levels=made.overview_levels,
        raster_type=validation.raster_type,
        validity=made.validity,
        bands=made.bands,
        color_table=color_entries(made.metadata.color_table, made.bands[0].nodata),
        minzoom=minzoom,
        maxzoom=maxzoom,
        thumbnail=None,
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
        picture = draw(made.path, cog.raster_type, made.statistics, cog.color_table)
    except (RasterioError, CPLE_BaseError, ValueError) as error:
        context.notice("THUMBNAIL_SKIPPED", f"{cog.source_blob}: no thumbnail could be drawn: {error_text(error)}")
        return None
    if picture is None:
        context.notice("THUMBNAIL_SKIPPED", f"{cog.source_blob}: there is nothing to be seen in it.")
    return picture


def _publish(task: _Task, put: Callable[[str], ObjectInfo], cog: Cog, picture: bytes | None) -> Cog:
    storage = task.resources.storage
    url = join(task.parameters.output_container, task.parameters.output_blob)
    info = put(url)
    outputs = [Output(url=url, size=info.size, version=info.version)]
    thumbnail = None
    if picture is not None:
        picture_url = join(
            task.parameters.output_container, f"{task.parameters.output_blob.removesuffix('.tif')}_thumbnail.png"
        )
        written = storage.write(picture_url, picture)
        outputs.append(Output(url=picture_url, size=written.size, version=written.version))
        thumbnail = storage.public_url(picture_url)
    return attrs.evolve(cog, href=storage.public_url(url), thumbnail=thumbnail, outputs=tuple(outputs))
