"""All decisions about a tile's COG, before any pixel is read."""

from __future__ import annotations

import attrs
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from rastercollection.core.models import Notify
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.model.cog import CogSettings
from rastercollection.rasters.cost import Load
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import GridPlan, plan_grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.validity import Validity, choose_layout, common_dtype
from rastercollection.rasters.writing.encode import suited
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.stages.cog.blocks import block_size
from rastercollection.stages.cog.reading import SourceRaster

__all__ = ["ConversionSpec", "Prepared", "load_of", "prepare"]


@attrs.frozen(kw_only=True)
class ConversionSpec:
    """What is to be made of a source.

    Attributes:
        blob: Name of the tile.
        settings: How the COG is written.
        raster_type: As validated.
        source_crs: CRS of the source, or the one used for want of it.
        georeferencing: geotransform, gcps or rpcs.
        target_crs: CRS of the COG.
        grid: Where its pixels may lie.
        max_pixels: Limit of the COG's width × height.
        limits: What may be used of the machine.
    """

    blob: str
    settings: CogSettings
    raster_type: str
    source_crs: CRS
    georeferencing: str
    target_crs: CRS
    grid: GridRule
    max_pixels: int
    limits: Limits


@attrs.frozen(kw_only=True)
class Prepared:
    """All decisions, before any pixel is read."""

    spec: ConversionSpec
    source: SourceRaster
    placement: Placement
    plan: GridPlan
    settings: CogSettings
    metadata: Metadata

    @property
    def only_valid(self) -> bool:
        """LERC does not keep the values of invalid pixels."""
        return self.settings.compression.startswith("LERC")

    @property
    def keeps_rpcs(self) -> bool:
        """Whether rational polynomials still hold for the COG's pixels."""
        plan = self.plan
        return self.metadata.rpcs is not None and not (plan.reprojected or plan.flip_rows or plan.flip_columns)


def prepare(dataset: DatasetReader, spec: ConversionSpec, notify: Notify) -> Prepared:
    """Decide grid, layout and settings from the source's metadata.

    Raises:
        TileError: ``REPROJECTION_FAILED`` or ``TOO_MANY_PIXELS``.
    """
    placement = Placement.of(dataset, spec.source_crs, spec.georeferencing)
    plan = plan_grid(placement, spec.target_crs, spec.grid, spec.blob, spec.max_pixels)
    validity, dtype = Validity.of(dataset, spec.raster_type), common_dtype(dataset)
    settings, notices = suited(
        spec.settings,
        dataset.dtypes,
        dtype,
        alpha=validity.alpha is not None,
        has_colors="palette" in (color.name for color in dataset.colorinterp),
        blob=spec.blob,
    )
    side = block_size(plan.grid.width, plan.grid.height, settings.block_size)
    settings = attrs.evolve(settings, block_size=side)
    layout = choose_layout(validity, dtype, settings)
    metadata = Metadata.of(dataset, layout, spec.blob)
    for notice in (*plan.notices, *notices, *metadata.notices):
        notify(notice.code, notice.message)
    if placement.rpcs is not None:
        notify(
            "RPC_WITHOUT_DEM",
            f"{spec.blob}: rectified for one elevation, {placement.elevation:.0f} m, as there is no terrain model.",
        )
    source = SourceRaster(dataset=dataset, blob=spec.blob, validity=validity, layout=layout)
    return Prepared(spec=spec, source=source, placement=placement, plan=plan, settings=settings, metadata=metadata)


def load_of(prepared: Prepared, *, asked: bool | None) -> Load:
    """What the conversion will hold at a time: in memory if that was asked for or if it fits, else on disk."""
    layout, grid, placement = prepared.source.layout, prepared.plan.grid, prepared.placement
    load = Load.of(
        source_shape=(placement.height, placement.width),
        shape=(grid.height, grid.width),
        bands=len(layout.bands),
        dtype=layout.dtype,
        reprojected=prepared.plan.reprojected,
    )
    return load.decided(asked, prepared.spec.limits.memory_bytes)
