"""All decisions about a tile's COG, before any pixel is read."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import attrs
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from rastercollection.core.models import Notice, Notify
from rastercollection.geo.heights import heights_label
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.model.band import BandRole
from rastercollection.model.band_names import name_in_color
from rastercollection.model.band_roles import PICTURE
from rastercollection.model.cog import CogSettings
from rastercollection.rasters.cost import Load, predict_bytes
from rastercollection.rasters.gdal_crs import whole_crs
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import GridPlan, Side, plan_sides
from rastercollection.rasters.grid.turns import placed
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.validity import Validity, choose_layout, common_dtype
from rastercollection.rasters.writing.blocks import tiled_width
from rastercollection.rasters.writing.codec_fit import suited
from rastercollection.rasters.writing.lossy_content import kept_bytes
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.stages.cog.source_raster import SourceRaster
from rastercollection.stages.cog.warp_job import Warp

__all__ = ["ConversionSpec", "Prepared", "load_of", "prepare"]

_MATTERS = 1.0
"""Metres between the datums of source and COG."""


@attrs.frozen(kw_only=True)
class ConversionSpec:
    """What is to be made of a source.

    Attributes:
        blob: Name of the tile.
        settings: How the COG is written.
        raster_type: As validated.
        source_crs: CRS of the source, or the one used for want of it.
        heights: What heights refer to; None where nothing tells.
        georeferencing: geotransform, gcps or rpcs.
        target_crs: CRS of the COG.
        grid: Where its pixels may lie.
        max_pixels: Limit of the COG's width × height.
        limits: What may be used of the machine.
        roles: What each band of the source shows; empty where nobody asked.
    """

    blob: str
    settings: CogSettings
    raster_type: str
    source_crs: CRS
    heights: str | None
    georeferencing: str
    target_crs: CRS
    grid: GridRule
    max_pixels: int
    limits: Limits
    roles: tuple[BandRole, ...] = ()


@attrs.frozen(kw_only=True)
class Prepared:
    """All decisions, before any pixel is read.

    Attributes:
        spec: What is to be made.
        source: Of what.
        side: Which part of it, where it is placed, and its grid.
        settings: How the COG is written.
        metadata: What it says beside its pixels.
    """

    spec: ConversionSpec
    source: SourceRaster
    side: Side
    settings: CogSettings
    metadata: Metadata

    @property
    def placement(self) -> Placement:
        """Of the pixels that are read."""
        return self.side.placement

    @property
    def plan(self) -> GridPlan:
        """How they come onto the COG's grid."""
        return self.side.plan

    @property
    def only_valid(self) -> bool:
        """LERC does not keep the values of invalid pixels."""
        return self.settings.compression.startswith("LERC")

    @property
    def crs(self) -> CRS:
        """What the COG says: the grid's CRS, with what heights refer to as far as a GeoTIFF can hold it."""
        grid_crs = self.plan.grid.crs
        return whole_crs(grid_crs, self.spec.heights) or grid_crs

    @property
    def roles(self) -> tuple[BandRole, ...]:
        """What each band of the COG shows."""
        return tuple(self.spec.roles[band] for band in self.source.layout.bands) if self.spec.roles else ()

    @functools.cached_property
    def warp(self) -> Warp:
        """What is to be resampled, and how: one value, as it finds out where the source lies once."""
        return Warp(
            source=self.source,
            placement=self.placement,
            grid=self.plan.grid,
            resampling=self.settings.warp_resampling,
            threads=self.spec.limits.gdal_threads,
        )

    @property
    def keeps_rpcs(self) -> bool:
        """Whether rational polynomials still hold for the COG's pixels."""
        plan = self.plan
        return self.metadata.rpcs is not None and not (plan.reprojected or plan.flip_rows or plan.flip_columns)


def prepare(dataset: DatasetReader, spec: ConversionSpec, notify: Notify) -> tuple[Prepared, ...]:
    """Decide grid, layout and settings from the source's metadata: of one COG, or of one a side of the antimeridian.

    Raises:
        TileError: ``REPROJECTION_FAILED`` or ``TOO_MANY_PIXELS``.
    """
    placement = placed(dataset, spec.source_crs, spec.georeferencing, spec.target_crs)
    sides = plan_sides(placement, spec.target_crs, spec.grid, spec.blob, spec.max_pixels)
    validity, dtype = Validity.of(dataset, spec.raster_type), common_dtype(dataset)
    settings, notices = suited(
        spec.settings,
        dataset.dtypes,
        dtype,
        alpha=validity.alpha is not None,
        has_colors="palette" in (color.name for color in dataset.colorinterp),
        blob=spec.blob,
    )
    layout = choose_layout(validity, dtype, settings)
    metadata = Metadata.of(dataset, layout, spec.blob)
    source = SourceRaster(dataset=dataset, blob=spec.blob, validity=validity, layout=layout)
    prepared = tuple(
        Prepared(
            spec=spec,
            source=attrs.evolve(source, strips=side.placement.strips),
            side=_tiled(side, settings.block_size),
            settings=settings,
            metadata=metadata,
        )
        for side in sides
    )
    planned = [notice for side in sides for notice in side.plan.notices]
    lost = _lost_colors(metadata, settings, spec.blob)
    turned = (*_of_longitudes(placement, prepared), *_of_placement(prepared[0]))
    for notice in dict.fromkeys((*planned, *notices, *metadata.notices, *lost, *turned)):
        notify(notice.code, notice.message)
    return prepared


def _tiled(side: Side, block: int) -> Side:
    """With as many columns as it takes for all readers to see that it is tiled."""
    grid = side.plan.grid
    width = tiled_width(grid.width, grid.height, block)
    return attrs.evolve(side, plan=attrs.evolve(side.plan, grid=attrs.evolve(grid, width=width)))


def _of_longitudes(placement: Placement, prepared: Sequence[Prepared]) -> Iterator[Notice]:
    """What was done to have all pixels where readers look for them."""
    dataset, blob = prepared[0].source.dataset, prepared[0].spec.blob
    if placement.transform is not None and placement.transform != dataset.transform:
        yield Notice(code="LONGITUDES_TURNED", message=f"{blob}: {_turned(placement, dataset.width)}")
    if len(prepared) > 1:
        message = (
            f"{blob}: it crosses the antimeridian, beyond which readers look for nothing in the target CRS: each side "
            "becomes a COG and an item of its own."
        )
        yield Notice(code="CROSSES_ANTIMERIDIAN", message=message)


def _turned(placement: Placement, width: int) -> str:
    """How a source of so many columns was brought to where maps show it, in words."""
    west, _, east, _ = placement.bounds()
    place = f"from {west:g} to {east:g}"
    if not placement.strips:
        return f"it is moved by a whole turn of the world, to where maps show it, {place}."
    more = placement.width - width
    told = f" {-more} of them, which repeat places, are left out." if more < 0 else ""
    told = " That across the antimeridian is there at both ends." if more > 0 else told
    return f"its columns go all around the world and are put into the order of maps, {place}.{told}"


def _of_placement(prepared: Prepared) -> Iterator[Notice]:
    """What of the way in which the source is placed its COG cannot say."""
    spec, placement, dataset = prepared.spec, prepared.placement, prepared.source.dataset
    if whole_crs(prepared.plan.grid.crs, spec.heights) is None:
        yield Notice(
            code="HEIGHTS_ONLY_IN_ITEM",
            message=f"{spec.blob}: a GeoTIFF in the target CRS cannot say that heights refer to "
            f"{heights_label(spec.heights)}; the STAC item does.",
        )
    if placement.operation is not None and placement.operation.shift > _MATTERS:
        accuracy = placement.operation.accuracy
        told = "" if accuracy is None else f", accurate to {accuracy:g} m where it is meant for"
        yield Notice(
            code="OUTSIDE_AREA_OF_OPERATION",
            message=f"{spec.blob}: it lies outside, or partly outside, of what any operation between its datum and "
            f"that of the target CRS is meant for. All of it is placed by {placement.operation.name}{told}; it may be "
            "off by metres. See whether its CRS is the right one.",
        )
    if placement.rpcs is not None:
        yield Notice(
            code="RPC_WITHOUT_DEM",
            message=f"{spec.blob}: rectified for one elevation, {placement.elevation:.0f} m, as there is no terrain "
            "model.",
        )
    elif dataset.rpcs is not None and not prepared.keeps_rpcs:
        message = f"{spec.blob}: its RPCs hold for its own pixels; those of the COG are others, and it has none."
        yield Notice(code="RPCS_DROPPED", message=message)
    points = dataset.gcps[0]
    if points:
        how = "placed it" if placement.gcps else "were not used, as it has a geotransform,"
        message = f"{spec.blob}: its {len(points)} ground control points {how} and are not in the COG."
        yield Notice(code="CONTROL_POINTS_DROPPED", message=message)


def _lost_colors(metadata: Metadata, settings: CogSettings, blob: str) -> tuple[Notice, ...]:
    """What a JPEG of three bands cannot say: it calls them red, green and blue."""
    colors = [color.name for color in metadata.colors]
    if settings.compression != "JPEG" or len(colors) != 3 or not any(map(name_in_color, colors)):
        return ()
    if tuple(colors) == PICTURE:
        return ()
    return (
        Notice(
            code="BAND_COLORS_DROPPED",
            message=f"{blob}: its bands are {', '.join(colors)}, and a JPEG calls them red, green and blue. Its item "
            "and the renders have them right, programs that open the COG alone do not: choose another output_tier or "
            "compression.",
        ),
    )


def load_of(prepared: Prepared, *, asked: bool | None) -> Load:
    """What the conversion will hold at a time: in memory if that was asked for or if it fits, else on disk."""
    layout, grid, placement = prepared.source.layout, prepared.plan.grid, prepared.placement
    shape, settings, limits = (grid.height, grid.width), prepared.settings, prepared.spec.limits
    _, most = predict_bytes(
        shape, len(layout.bands), layout.dtype, settings.compression, block_size=settings.block_size
    )
    load = Load.of(
        source_shape=(placement.height, placement.width),
        shape=shape,
        bands=len(layout.bands),
        dtype=layout.dtype,
        reprojected=prepared.plan.reprojected,
        threads=limits.gdal_threads,
        warped=tuple(prepared.warp.windows.held_rows(placement.height)) if prepared.plan.reprojected else (),
        encoded_bytes=most,
        kept_bytes=kept_bytes(settings, shape, len(layout.bands), layout.dtype, resampled=prepared.plan.reprojected),
    )
    return load.decided(asked, limits.memory_bytes)
