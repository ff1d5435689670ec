"""The task of stage 2: one validated tile becomes one published COG, or a forecast of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.core.machine import process_memory
from rastercollection.model.agreement import profile
from rastercollection.model.cog import Cog
from rastercollection.model.names import side_blob, side_item_id, thumbnail_name
from rastercollection.model.tile import SourceFile
from rastercollection.model.tile_forecast import TileForecast
from rastercollection.model.times.time_evidence import Acquisition
from rastercollection.ports.addresses import join
from rastercollection.ports.storage import ObjectInfo
from rastercollection.rasters.cost import predict
from rastercollection.rasters.gdal_crs import to_rasterio
from rastercollection.rasters.grid.plan import SideName
from rastercollection.rasters.limits import Limits, process_bytes
from rastercollection.rasters.pixels.validity import LARGEST_EXACT
from rastercollection.rasters.source.checksums import check_blocks
from rastercollection.rasters.source.opening import open_source
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.rasters.writing.reading_back import open_cog
from rastercollection.stages.cog.acquisition import acquisition_of
from rastercollection.stages.cog.collar import find_collar
from rastercollection.stages.cog.convert import Conversion, convert
from rastercollection.stages.cog.copying.byte_copy import copy_bytes, local_copy, look_at, why_not
from rastercollection.stages.cog.prepare import ConversionSpec, Prepared, load_of, prepare
from rastercollection.stages.cog.task_parameters import CogParameters
from rastercollection.stages.publishing import draw_thumbnail, publish, room_for
from rastercollection.stages.resources import Resources
from rastercollection.stages.second_look import proven

__all__ = ["forecast", "make_cog"]

_WHERE: Mapping[SideName, str] = {"": "on any side of", "east": "west of", "west": "east of"}
"""Where the sides, which are named by hemisphere, lie of the antimeridian."""


def make_cog(parameters: CogParameters, context: TaskContext) -> Cog:
    """Convert one validated tile into a COG, check it, publish it with a thumbnail, and tell all about it.

    The COG appears in the store only after every check has passed. Running the task again replaces it by an equal one.

    Raises:
        TileError: The tile cannot be read, placed or kept whole.
        TaskError: It could not be written, or what was written did not pass a check.
    """
    started = time.monotonic()
    task = _Task(parameters=parameters, resources=Resources.of(context.resources))

    def look(whole: bool) -> list[Cog]:
        return _made(task, context, whole=whole)

    first, *others = proven(look, task.source, task.resources.storage, context)
    return attrs.evolve(
        first,
        others=tuple(others),
        outputs=tuple(output for cog in (first, *others) for output in cog.outputs),
        seconds=time.monotonic() - started,
        notices=tuple(context.notices),
    )


def _made(task: _Task, context: TaskContext, *, whole: bool) -> list[Cog]:
    with task.opened(context, whole=whole, every_pixel=True) as dataset:
        check_blocks(dataset, task.resources.storage, task.source, task.limits)
        prepared = prepare(dataset, task.spec, context.notice)
        times = acquisition_of(dataset, task.parameters, context.notice)
        return _Finish(task=task, context=context, times=times).all_sides(dataset, prepared)


def forecast(parameters: CogParameters, context: TaskContext) -> TileForecast:
    """What :func:`make_cog` would take and give, by the decisions that it takes itself before it reads a pixel.

    Raises:
        TileError, TaskError: As the conversion would raise before it reads a pixel.
    """
    task = _Task(parameters=parameters, resources=Resources.of(context.resources))
    with task.opened(context) as dataset:
        prepared = prepare(dataset, task.spec, context.notice)
        acquisition_of(dataset, parameters, context.notice)
        dataset.confirm()
    return _together([_forecast(task, side) for side in prepared])


def _together(sides: Sequence[TileForecast]) -> TileForecast:
    """Of a tile that becomes several COGs, one after the other."""
    return attrs.evolve(
        sides[0],
        bytes_out=sum(side.bytes_out or 0 for side in sides),
        most_bytes_out=sum(side.most_bytes_out or 0 for side in sides),
        peak_memory=max(side.peak_memory or 0 for side in sides),
        temporary_disk=max(side.temporary_disk or 0 for side in sides),
    )


def _forecast(task: _Task, prepared: Prepared) -> TileForecast:
    """Of a whole tile, or of one side of it."""
    parameters, validation = task.parameters, task.parameters.validation
    load = load_of(prepared, asked=parameters.in_memory)
    read = validation.estimated_bytes + load.image_bytes
    load = attrs.evolve(load, process_bytes=process_bytes(task.limits, read))
    found = predict(load, prepared.settings, classes=validation.raster_type == "categorical")
    return TileForecast(
        blob=validation.source.blob,
        output_blob=side_blob(parameters.output_blob, prepared.side.name),
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
    def limits(self) -> Limits:
        """What it may use, with no more threads than it is worth."""
        return self.resources.limits.worth(self.parameters.validation.estimated_bytes)

    @property
    def spec(self) -> ConversionSpec:
        validation = self.parameters.validation
        return ConversionSpec(
            blob=validation.source.blob,
            settings=validation.settings,
            raster_type=validation.raster_type,
            source_crs=to_rasterio(validation.crs),
            heights=validation.heights,
            georeferencing=validation.georeferencing,
            target_crs=to_rasterio(self.parameters.target_crs),
            grid=self.parameters.grid,
            max_pixels=self.parameters.policy.max_pixels,
            limits=self.limits,
            roles=validation.roles,
        )

    @contextlib.contextmanager
    def opened(
        self, context: TaskContext, *, whole: bool = False, every_pixel: bool = False
    ) -> Iterator[SourceDataset]:
        """The source; fetched ``whole`` where an attempt to read it in place has failed."""
        asked = self.parameters
        source = open_source(
            self.resources.storage,
            self.source,
            asked.policy,
            self.limits,
            context.notice,
            whole=whole,
            every_pixel=every_pixel,
        )
        with source as dataset:
            if asked.bands:
                dataset.call_bands(asked.bands, tuple(role.common_name for role in asked.validation.roles))
            yield dataset


@attrs.frozen(kw_only=True)
class _Finish:
    """What has to be done with a tile once everything about it is decided."""

    task: _Task
    context: TaskContext
    times: Acquisition

    def all_sides(self, dataset: SourceDataset, prepared: Sequence[Prepared]) -> list[Cog]:
        """The published COGs: one, or one a side of the antimeridian on which there is anything."""
        *others, last = prepared
        found = [self._copied_or_converted(dataset, side, must_be=False) for side in others]
        made = [cog for cog in found if cog is not None]
        cog = self._copied_or_converted(dataset, last, must_be=not made)
        return made if cog is None else [*made, cog]

    def _copied_or_converted(self, dataset: SourceDataset, prepared: Prepared, *, must_be: bool) -> Cog | None:
        """The published COG: a copy of the source where that is the COG asked for.

        None where none of its pixels is valid and there need not be one.
        """
        task, because = self.task, why_not(dataset, prepared)
        if because is None:
            source, resources = task.source, task.resources
            with local_copy(resources.storage, source, dataset, task.limits, self.context.notice) as path:
                found = look_at(prepared, path)
                if isinstance(found, Conversion):
                    put = partial(copy_bytes, resources.storage, source)
                    return self._published(prepared, found, put, None)
            because = found
        load = load_of(prepared, asked=task.parameters.in_memory)
        with room_for(load, prepared.settings, task.limits, self.context) as workspace:
            made = convert(prepared, workspace)
            dataset.confirm()
            if not must_be and not made.valid.total:
                message = (
                    f"none of its pixels {_WHERE[prepared.side.name]} the antimeridian is valid: it has no COG there."
                )
                self.context.notice("NO_VALID_PIXELS", f"{task.source.blob}: {message}")
                return None
            self._tell_of_mask(prepared, made)
            self._tell_of_rounding(prepared, made)
            return self._published(prepared, made, partial(task.resources.storage.put, str(made.path)), because)

    def _tell_of_mask(self, prepared: Prepared, made: Conversion) -> None:
        source = prepared.source
        told = source.validity.transparent or not prepared.settings.is_exact
        if source.validity.kind == "nodata" and made.file.validity == "mask" and not told:
            values = ", ".join(sorted({str(value) for value in source.validity.nodata if value is not None}))
            self.context.notice(
                "NODATA_BECAME_MASK",
                f"{source.blob}: its COG tells invalid pixels by a mask, not by the nodata value {values}, which many "
                "programs would find in valid pixels, too.",
            )

    def _tell_of_rounding(self, prepared: Prepared, made: Conversion) -> None:
        resampling, dtype = made.file.settings.warp_resampling, prepared.source.layout.dtype
        if not made.reprojected or resampling == "nearest" or dtype.kind not in "iu" or dtype.itemsize < 8:
            return
        ends = [end for band in made.file.bands if (s := band.statistics) for end in (s.minimum, s.maximum)]
        if any(abs(end or 0) > LARGEST_EXACT for end in ends):
            self.context.notice(
                "VALUES_ROUNDED",
                f"{prepared.source.blob}: integers beyond 2^53 were rounded when they were resampled ({resampling}); "
                "warp_resampling='nearest' keeps them.",
            )

    def _published(
        self, prepared: Prepared, made: Conversion, put: Callable[[str], ObjectInfo], because: str | None
    ) -> Cog:
        described = _described(self.task, prepared.side.name, made, self.times)
        cog = attrs.evolve(described, copied=because is None, converted_because=because)
        for notice in made.notices:
            self.context.notice(notice.code, notice.message)
        if not made.valid.total:
            self.context.notice(
                "NO_VALID_PIXELS", f"{cog.source_blob}: none of its pixels is valid; its footprint is its bounds."
            )
        blob = cog.source_blob
        with open_cog(made.path) as dataset:
            collar = find_collar(dataset, made.file)
            picture = draw_thumbnail(
                dataset,
                made.file,
                self.context,
                failed=f"{blob}: no thumbnail could be drawn",
                empty=f"{blob}: there is nothing to be seen in it.",
            )
        url = join(cog.output_container, cog.output_blob)
        beside = join(cog.output_container, thumbnail_name(cog.output_blob))
        file, outputs = publish(self.task.resources.storage, made.file, put, picture, url=url, picture_url=beside)
        return attrs.evolve(cog, file=file, outputs=outputs, collar=collar)


def _described(task: _Task, side: SideName, made: Conversion, times: Acquisition) -> Cog:
    """All but what the file itself shows, and what only publishing tells."""
    asked, validation = task.parameters, task.parameters.validation
    return Cog(
        item_id=side_item_id(asked.item_id, validation.source.blob, side),
        file=made.file,
        source_blob=validation.source.blob,
        source_container=asked.source_container,
        output_blob=side_blob(asked.output_blob, side),
        output_container=asked.output_container,
        source_crs=validation.crs,
        reprojected=made.reprojected,
        footprint=made.footprint,
        datetime=times.datetime,
        start_datetime=times.start,
        end_datetime=times.end,
        datetime_source=times.source,
        tags=made.tags,
        in_memory=made.in_memory,
        encoding_choice=made.encoding_choice,
        memory_bytes=made.usage.most_memory,
        temporary_disk_bytes=made.usage.most_disk,
        process_memory_bytes=process_memory(),
        profile=profile(validation),
        receipt=made.receipt,
        seconds=0.0,
        outputs=(),
    )
