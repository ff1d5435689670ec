"""The task ``validate_raster``: one source raster in, one :class:`~rastercollection.model.tile.Validation` out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rastercollection.core.records import from_dict, to_dict
from rastercollection.core.workflow import TaskContext
from rastercollection.errors import TileError
from rastercollection.geo.crs import name_crs
from rastercollection.model.cog import CogSettings
from rastercollection.model.tiers import Tier, choose_settings, compatible_tiers, recommend
from rastercollection.model.tile import BitDepthFinding, SourceFile, Validation
from rastercollection.rasters.gdal_crs import to_rasterio
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import natural_grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source.opening import SourceDataset, SourcePolicy, open_source
from rastercollection.stages.validate.bands import DeclaredBands
from rastercollection.stages.validate.bitdepth import CRITICAL, bit_depth_findings, bytes_of
from rastercollection.stages.validate.claim import settle_type
from rastercollection.stages.validate.declarations import (
    color_table_digest,
    declared_bands,
    declared_nodata,
    validity_kind,
)
from rastercollection.stages.validate.detect import detect_type
from rastercollection.stages.validate.georeference import georeference
from rastercollection.stages.validate.sample import take_sample

__all__ = ["validate_raster"]


def validate_raster(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Validate one source raster.

    Reads its declarations and a bounded sample of its pixels. Every pixel is read by stage 2, where damage that the
    sample does not meet comes to light.

    Args:
        parameters: ``source`` (a SourceFile), ``input_crs``, ``target_crs``, ``raster_type``, ``tier`` and ``tiers``
            (Tiers), ``jpeg_quality``, ``compression``, ``compression_level``, ``warp_resampling``,
            ``overview_resampling``, ``strict``, ``policy`` (a SourcePolicy).
        context: With ``storage`` and ``limits`` in its resources.

    Returns:
        A Validation, as a dict.

    Raises:
        TileError: The tile is at fault; the code says how.
        TaskError: ``SOURCE_UNAVAILABLE``, retryable, or ``CRS_INVALID`` for the request's CRS.
    """
    source = from_dict(SourceFile, parameters["source"])
    policy = from_dict(SourcePolicy, parameters["policy"])
    limits: Limits = context.resources.get("limits") or Limits()
    with open_source(context.resources["storage"], source, policy, limits, context.notice) as dataset:
        validation = _validate(dataset, source, parameters, context)
    # what GDAL warned of is known only now that the dataset is closed
    return {
        **to_dict(validation),
        "notices": [{"code": item.code, "message": item.message} for item in context.notices],
    }


def _validate(
    dataset: SourceDataset, source: SourceFile, parameters: Mapping[str, Any], context: TaskContext
) -> Validation:
    place = georeference(dataset, parameters["input_crs"], context.notice)
    layout, sample = declared_bands(dataset), take_sample(dataset)
    findings = bit_depth_findings(sample, layout.dtypes)
    _report(source.blob, findings, strict=bool(parameters["strict"]), context=context)
    detection = detect_type(layout, sample)
    raster_type = settle_type(source.blob, parameters["raster_type"], layout, detection, sample, context.notice)
    settings = _settings(source.blob, raster_type, layout, parameters, context)
    crs = name_crs(place.reference.crs)
    placement = Placement.of(dataset, to_rasterio(crs), place.kind)
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
        georeferencing=place.kind,
        transform=place.transform,
        bounds=place.bounds,
        bounds_4326=place.bounds_4326,
        pixel_size=place.pixel_size,
        natural=natural_grid(placement, to_rasterio(parameters["target_crs"])),
        validity=validity_kind(dataset),
        color_interpretation=layout.colors,
        color_table=color_table_digest(dataset),
        detection=detection,
        raster_type=raster_type,
        bit_depth=findings,
        recommended=recommend(raster_type, parameters["jpeg_quality"]),
        tiers=_tiers(layout, parameters),
        settings=settings,
        estimated_bytes=dataset.width * dataset.height * sum(bytes_of(dtype) for dtype in layout.dtypes),
    )


def _tiers(layout: DeclaredBands, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    tiers = [from_dict(Tier, item) for item in parameters["tiers"]]
    return compatible_tiers({tier.name: tier for tier in tiers}, layout.dtypes, layout.colors)


def _settings(
    blob: str, raster_type: str, layout: DeclaredBands, parameters: Mapping[str, Any], context: TaskContext
) -> CogSettings:
    settings, fallbacks = choose_settings(
        from_dict(Tier, parameters["tier"]),
        raster_type,
        layout.dtypes,
        layout.colors,
        jpeg_quality=parameters["jpeg_quality"],
        compression=parameters["compression"],
        level=parameters["compression_level"],
        warp_resampling=parameters["warp_resampling"],
        overview_resampling=parameters["overview_resampling"],
    )
    for notice in fallbacks:
        context.notice(notice.code, f"{blob}: {notice.message}")
    return settings


def _report(blob: str, findings: tuple[BitDepthFinding, ...], *, strict: bool, context: TaskContext) -> None:
    """Tell the user what the data types waste; in strict mode, 64-bit and complex ones are refused."""
    for finding in findings:
        better = f" {finding.recommended} would do and save {finding.saving_percent:g}%." if finding.recommended else ""
        if strict and finding.severity == CRITICAL:
            raise TileError(
                f"{blob} is {finding.dtype}: {finding.reason}.{better}",
                "Convert it to a smaller type, or set strict=False.",
                "DTYPE_UNSUITED",
            )
        context.notice("BIT_DEPTH", f"{blob} is {finding.dtype}: {finding.severity}, {finding.reason}.{better}")
