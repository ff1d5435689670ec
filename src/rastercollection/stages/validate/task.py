"""The task of stage 1: one source raster in, one :class:`~rastercollection.model.tile.Validation` out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import attrs

from rastercollection.core.contexts import TaskContext
from rastercollection.disclosure.listing import listed
from rastercollection.errors import TaskError, TileError
from rastercollection.geo.crs import name_crs
from rastercollection.model.band_names import common_name
from rastercollection.model.cog import CogSettings
from rastercollection.model.tiers import choose_settings, compatible_tiers, recommend
from rastercollection.model.tile import BitDepthFinding, SourceFile, Validation
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.gdal_crs import to_rasterio
from rastercollection.rasters.grid.plan import natural_grid
from rastercollection.rasters.grid.turns import placed
from rastercollection.rasters.pixels.validity import Validity
from rastercollection.rasters.proj_data import usable_proj_data
from rastercollection.rasters.source.identities import band_identities
from rastercollection.rasters.source.opening import open_source
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.rasters.source.two_files import definition_beside
from rastercollection.stages.resources import Resources
from rastercollection.stages.second_look import proven
from rastercollection.stages.validate.bands import DeclaredBands
from rastercollection.stages.validate.bitdepth import CRITICAL, bit_depth_findings, bytes_of
from rastercollection.stages.validate.claim import settle_type
from rastercollection.stages.validate.declarations import (
    color_table_digest,
    declared_bands,
    declared_nodata,
    sensor_text,
)
from rastercollection.stages.validate.detect import detect_type
from rastercollection.stages.validate.georeference import Georeference, georeference
from rastercollection.stages.validate.reference import check_target_heights
from rastercollection.stages.validate.sample import Sample, take_sample
from rastercollection.stages.validate.task_parameters import ValidateParameters
from rastercollection.stages.validate.voids import undeclared_voids

__all__ = ["validate"]


def validate(parameters: ValidateParameters, context: TaskContext) -> Validation:
    """Validate one source raster.

    Reads its declarations and a bounded sample of its pixels. Every pixel is read by stage 2, where damage that the
    sample does not meet comes to light.

    Raises:
        TileError: The tile is at fault; the code says how.
        TaskError: ``SOURCE_UNAVAILABLE`` or ``SOURCE_CHANGED``, retryable, or ``CRS_INVALID`` for the request's CRS.
        MachineError: ``PROJ_DATA_UNUSABLE``.
    """
    source, resources, refused = parameters.source, Resources.of(context.resources), parameters.refused
    if refused is not None:
        raise TaskError(refused.message, refused.hint, refused.code)
    overruled = usable_proj_data()
    if overruled:
        context.notice("PROJ_DATA_IGNORED", overruled)

    def look(whole: bool) -> Validation:
        return _look(parameters, resources, context, whole=whole)

    with _helped(resources.storage, source):
        validation = proven(look, source, resources.storage, context)
    # what GDAL warned of is known only now that the dataset is closed
    return attrs.evolve(validation, notices=tuple(context.notices))


def _look(parameters: ValidateParameters, resources: Resources, context: TaskContext, *, whole: bool) -> Validation:
    source, policy = parameters.source, parameters.policy
    with open_source(resources.storage, source, policy, resources.limits, context.notice, whole=whole) as dataset:
        _report_left_out(dataset, context)
        _name_bands(dataset, parameters, context)
        identities, sensor = band_identities(dataset, is_named=bool(parameters.bands)), sensor_text(dataset)
        validation = _validate(dataset, parameters, context)
        dataset.confirm()
    return attrs.evolve(validation, identities=identities, sensor=sensor)


@contextlib.contextmanager
def _helped(storage: StorageBackend, source: SourceFile) -> Iterator[None]:
    """Name the file that would help, where a tile is refused for want of a CRS and one lies beside it."""
    try:
        yield
    except TaskError as error:
        found = definition_beside(storage, source.url) if error.code == "CRS_MISSING" else None
        if found is None:
            raise
        hint = f"{found[0]}, which GDAL does not read with this format, says {found[1]!r}: set input_crs to that CRS."
        raise TaskError(error.message, hint, error.code, details=error.details) from error


def _validate(dataset: SourceDataset, parameters: ValidateParameters, context: TaskContext) -> Validation:
    source = parameters.source
    place = _placed(dataset, parameters, context)
    layout, sample = declared_bands(dataset), take_sample(dataset)
    findings = bit_depth_findings(sample, layout.dtypes)
    _report(source.blob, sample, findings, strict=parameters.strict, context=context)
    detection = detect_type(layout, sample)
    raster_type = settle_type(source.blob, parameters.raster_type, layout, detection, sample, context.notice)
    keeps_values = detection.keeps_values(raster_type)
    settings = _settings(source.blob, raster_type, keeps_values, layout, parameters, context)
    crs, target = name_crs(place.reference.crs), to_rasterio(parameters.target_crs)
    return Validation(
        source=source,
        driver=dataset.driver,
        width=dataset.width,
        height=dataset.height,
        band_count=dataset.count,
        dtypes=layout.dtypes,
        nodata=declared_nodata(dataset, context.notice),
        crs=crs,
        crs_source=place.reference.source,
        heights=place.reference.heights,
        georeferencing=place.kind,
        transform=place.transform,
        bounds=place.bounds,
        bounds_4326=place.bounds_4326,
        pixel_size=place.pixel_size,
        natural=natural_grid(placed(dataset, to_rasterio(crs), place.kind, target), target),
        validity=Validity.of(dataset).kind,
        color_interpretation=layout.colors,
        color_table=color_table_digest(dataset),
        detection=detection,
        raster_type=raster_type,
        bit_depth=findings,
        recommended=recommend(raster_type, parameters.jpeg_quality, keeps_values=keeps_values),
        tiers=_tiers(layout, parameters),
        settings=settings,
        estimated_bytes=dataset.width * dataset.height * sum(bytes_of(dtype) for dtype in layout.dtypes),
    )


def _placed(dataset: SourceDataset, parameters: ValidateParameters, context: TaskContext) -> Georeference:
    place = georeference(dataset, parameters.input_crs, context.notice)
    check_target_heights(dataset.blob, place.reference.heights, parameters.target_crs, context.notice)
    return place


def _report_left_out(dataset: SourceDataset, context: TaskContext) -> None:
    names = dataset.chosen.left_out
    if not names or dataset.chosen.taken:
        return
    shown = listed(names)
    context.notice(
        "SUBDATASETS_LEFT_OUT",
        f"{dataset.blob} holds {len(names) + 1} rasters, of which the first is taken; left out: {shown}. To have them, "
        "set `subdatasets` to 'tiles', 'bands' or one of these.",
    )


def _name_bands(dataset: SourceDataset, parameters: ValidateParameters, context: TaskContext) -> None:
    """Have the bands called as the user says; without a word of theirs, tell where alpha is taken for data.

    Raises:
        TileError: ``BANDS_MISMATCH``.
    """
    names = parameters.bands
    if names and len(names) != dataset.count:
        raise TileError(
            f"{parameters.source.blob} has {dataset.count} bands, and `bands` names {len(names)}: {', '.join(names)}.",
            "Name every band, one that tells which pixels are valid as alpha, or make a collection of the tile's own.",
            "BANDS_MISMATCH",
        )
    if names:
        dataset.call_bands(names, tuple(map(common_name, names)))
    elif dataset.hides_alpha:
        last = dataset.descriptions[-1] or "a band of a wavelength"
        context.notice(
            "ALPHA_TAKEN_FOR_DATA",
            f"{dataset.blob}: band {dataset.count} is declared as alpha, as GDAL does with any four bytes, and called "
            f"{last!r}: it was taken for data, and makes no pixel invalid. If it is alpha, call it so in `bands`.",
        )


def _tiers(layout: DeclaredBands, parameters: ValidateParameters) -> tuple[str, ...]:
    return compatible_tiers({tier.name: tier for tier in parameters.tiers}, layout.dtypes, layout.colors)


def _settings(
    blob: str,
    raster_type: str,
    keeps_values: bool,
    layout: DeclaredBands,
    parameters: ValidateParameters,
    context: TaskContext,
) -> CogSettings:
    settings, fallbacks = choose_settings(
        parameters.tier,
        raster_type,
        layout.dtypes,
        layout.colors,
        keeps_values=keeps_values,
        jpeg_quality=parameters.jpeg_quality,
        compression=parameters.compression,
        level=parameters.compression_level,
        sparse=parameters.sparse_ok,
        warp_resampling=parameters.warp_resampling,
        overview_resampling=parameters.overview_resampling,
    )
    for notice in fallbacks:
        context.notice(notice.code, f"{blob}: {notice.message}")
    return settings


def _report(
    blob: str, sample: Sample, findings: tuple[BitDepthFinding, ...], *, strict: bool, context: TaskContext
) -> None:
    """Tell of voids, and of what data types waste; in strict mode, 64-bit and complex ones are refused."""
    for notice in undeclared_voids(blob, sample):
        context.notice(notice.code, notice.message)
    for finding in findings:
        better = f" {finding.recommended} would do and save {finding.saving_percent:g}%." if finding.recommended else ""
        if strict and finding.severity == CRITICAL:
            raise TileError(
                f"{blob} is {finding.dtype}: {finding.reason}.{better}",
                "Convert it to a smaller type, or set strict=False.",
                "DTYPE_UNSUITED",
            )
        context.notice("BIT_DEPTH", f"{blob} is {finding.dtype}: {finding.severity}, {finding.reason}.{better}")
