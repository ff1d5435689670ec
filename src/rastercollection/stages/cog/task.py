"""The handler of stage 2: one validated tile becomes one published COG."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from affine import Affine
from rasterio.io import DatasetReader

from rastercollection.core.machine import process_memory
from rastercollection.core.models import Notice
from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import TaskContext
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.model.cog import Cog
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tile import Validation
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import ObjectInfo, StorageBackend
from rastercollection.rasters.gdal_crs import from_rasterio, to_rasterio
from rastercollection.rasters.grid.footprint import footprint
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source.opening import SourceDataset, open_source
from rastercollection.stages.cog.acquisition import Acquisition, find_acquisition
from rastercollection.stages.cog.convert import Conversion, convert
from rastercollection.stages.cog.copying.byte_copy import copy_bytes, local_copy, look_at, why_not
from rastercollection.stages.cog.prepare import ConversionSpec, Prepared, load_of, prepare
from rastercollection.stages.publishing import draw_thumbnail, publish, room_for

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
        with room_for(load_of(prepared), prepared.settings, task.limits, task.in_memory) as workspace:
            made = convert(prepared, workspace)
            return self._published(made, lambda url: task.storage.put(str(made.path), url), because)

    def _published(self, made: Conversion, put: Callable[[str], ObjectInfo], because: str | None) -> Cog:
        cog = attrs.evolve(_described(self.task, made, self.times), copied=because is None, converted_because=because)
        if not made.valid.total:
            self.context.notice(
                "NO_VALID_PIXELS", f"{cog.source_blob}: none of its pixels is valid; its footprint is its bounds."
            )
        picture = draw_thumbnail(
            made.path,
            made.file,
            self.context,
            failed=f"{cog.source_blob}: no thumbnail could be drawn",
            empty=f"{cog.source_blob}: there is nothing to be seen in it.",
        )
        url = join(cog.output_container, cog.output_blob)
        beside = join(cog.output_container, f"{cog.output_blob.removesuffix('.tif')}_thumbnail.png")
        file, outputs = publish(self.task.storage, made.file, put, picture, url=url, picture_url=beside)
        return attrs.evolve(cog, file=file, outputs=outputs)


def _described(task: _Task, made: Conversion, times: Acquisition) -> Cog:
    """All but what only publishing tells."""
    validation = task.validation
    return Cog(
        item_id=task.item_id,
        file=made.file,
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
        tags=made.tags,
        in_memory=made.in_memory,
        level_choice=made.level_choice,
        memory_bytes=made.usage.most_memory,
        temporary_disk_bytes=made.usage.most_disk,
        process_memory_bytes=process_memory(),
        receipt=made.receipt,
        seconds=0.0,
        outputs=(),
    )


def _footprint(made: Conversion) -> Mapping[str, Any]:
    rows, columns = made.valid.steps
    cells = None if made.valid.is_full else made.valid.counts > 0
    crs = from_rasterio(made.grid.crs)
    assert crs is not None
    return footprint(cells, made.grid.transform * Affine.scale(columns, rows), made.grid.bounds, crs)
