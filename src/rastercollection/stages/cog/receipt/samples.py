"""Windows of a COG that are compared with GDAL's own default warp of the source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import numpy as np
import rasterio
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import reproject
from rasterio.windows import Window

from rastercollection.model.receipt import FidelityCheck
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.grid.outline import Axes
from rastercollection.rasters.grid.placement import Placement
from rastercollection.rasters.grid.plan import Grid, Side
from rastercollection.rasters.pixels.validity import PixelLayout, Validity
from rastercollection.rasters.pixels.windows import Array, ValidityMap
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.stages.cog.coverage import Coverage
from rastercollection.stages.cog.source_raster import SourceRaster

__all__ = ["Comparison", "compare_samples", "sample_windows"]

_SIDES = (64, 256)
_PART_OF_SIDE = 32
_ONE_IS_ENOUGH = 1024
"""Pixels along the longer side: of smaller images, one window is read."""
_FEWEST = 64
_FEWEST_ROWS = 3
_MEAN_TOLERANCE = 0.02
_SPREAD_TOLERANCE = 0.25
_RANGE_TOLERANCE = 0.25
_LOSS = 5.0
_ENDS = (1, 99)


def sample_windows(valid: ValidityMap) -> list[Window]:
    """A few windows, of a few thousandths of the pixels, each where most pixels of its part of the image are valid."""
    longest = max(valid.width, valid.height)
    side = min(max(longest // _PART_OF_SIDE, _SIDES[0]), _SIDES[1])
    across = 1 if longest <= _ONE_IS_ENOUGH else 2
    found = []
    for part in _parts(valid.width, valid.height, across):
        best = max(_candidates(part, side), key=lambda window: _count(valid, window), default=None)
        if best is not None and _count(valid, best):
            found.append(best)
    return found


def _parts(width: int, height: int, across: int) -> Iterator[Window]:
    columns, rows = -(-width // across), -(-height // across)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield Window(left, top, min(columns, width - left), min(rows, height - top))


def _candidates(part: Window, side: int) -> Iterator[Window]:
    """A few places in a part, the middle first."""
    width, height = min(side, part.width), min(side, part.height)
    for down in (0.5, 0.25, 0.75, 0.0, 1.0):
        for across in (0.5, 0.25, 0.75, 0.0, 1.0):
            left, top = int((part.width - width) * across), int((part.height - height) * down)
            yield Window(part.col_off + left, part.row_off + top, width, height)


def _count(valid: ValidityMap, window: Window) -> int:
    rows, columns = valid.steps
    down = slice(window.row_off // rows, -(-(window.row_off + window.height) // rows))
    across = slice(window.col_off // columns, -(-(window.col_off + window.width) // columns))
    return int(valid.counts[down, across].sum())


@attrs.frozen(kw_only=True)
class Comparison:
    """A finished COG and what it is compared with.

    Attributes:
        source: Open.
        side: Which part of it, where it is placed, and how it came onto the COG's grid.
        cog: Open.
        resampling: GDAL's name.
        exact: The codec is lossless.
    """

    source: SourceRaster
    side: Side
    cog: DatasetReader
    resampling: str
    exact: bool

    @property
    def placement(self) -> Placement:
        """Of the source's pixels."""
        return self.side.placement

    @property
    def grid(self) -> Grid:
        """Of the COG."""
        return self.side.plan.grid

    @property
    def layout(self) -> PixelLayout:
        """Of the COG."""
        return self.source.layout


def compare_samples(job: Comparison, windows: list[Window]) -> Iterator[FidelityCheck]:
    """Mean, spread and range of each band, over pixels that are valid in the COG and in GDAL's default warp.

    The range runs from the first to the last percentile. The mean may differ by 2% of the standard deviation, the
    standard deviation by 25%, the ends of the range by 25% of its length: at a slight reduction GDAL smoothes where
    this library does not. To each come three standard errors and, for integers, one. After a lossy codec it is five,
    and ranges are not compared. Of sources of one or two rows or columns GDAL draws too little to compare with.
    """
    if min(job.source.width, job.source.height) < _FEWEST_ROWS:
        return
    bands = job.layout.bands
    expected: list[list[Array]] = [[] for _ in bands]
    found: list[list[Array]] = [[] for _ in bands]
    with writing(job.source.blob, "comparing with GDAL's default warp"):
        validity = Validity.of(job.cog)
        for window in windows:
            data, valid, _ = validity.read(job.cog, window)
            theirs = _default_warp(job, window)
            for band in range(len(bands)):
                own = True if valid is None else valid[band if valid.shape[0] > 1 else 0]
                usable = own & ~np.ma.getmaskarray(theirs[band])
                usable &= np.isfinite(theirs.data[band]) & np.isfinite(data[band])
                expected[band].append(theirs.data[band][usable].astype(np.float64))
                found[band].append(data[band][usable].astype(np.float64))
    for band, (ours, wanted) in enumerate(zip(found, expected, strict=True)):
        if band != job.layout.alpha and ours:
            yield from _checks(f"b{band + 1}", np.concatenate(wanted), np.concatenate(ours), job)


def _default_warp(job: Comparison, window: Window) -> Any:
    """``(bands, rows, columns)``, masked, of a window."""
    bands, dataset, placement = [band + 1 for band in job.layout.bands], job.source.dataset, job.placement
    if job.source.strips or (placement.gcps and not _same_points(placement.gcps, dataset.gcps[0])):
        return _warped_part(job, window)
    if placement.transform is None:
        return _warped(job, window, bands, rpcs=placement.rpcs, **placement.warp_options)
    if (isinstance(dataset, SourceDataset) and dataset.hides_alpha) or _runs_over(job) or placement.operation:
        return _warped(job, window, bands, src_crs=placement.crs, **placement.warp_options)
    return _shown(job, window, bands)


def _placing(placement: Placement, left: int, top: int) -> dict[str, Any]:
    """How the part of a source that begins at a pixel is placed, as rasterio wants it."""
    if placement.transform is not None:
        return {"src_transform": placement.transform @ Affine.translation(left, top)}
    points = placement.gcps
    return {"gcps": [GroundControlPoint(row=p.row - top, col=p.col - left, x=p.x, y=p.y, z=p.z) for p in points]}


def _same_points(one: Sequence[GroundControlPoint], other: Sequence[GroundControlPoint]) -> bool:
    places = [[(point.row, point.col, point.x, point.y) for point in points] for points in (one, other)]
    return places[0] == places[1]


def _runs_over(job: Comparison) -> bool:
    """Whether the source lies beyond the end of its turn of the world, in another CRS than the COG."""
    if job.placement.crs == job.grid.crs:
        return False
    low, high = Axes.of(job.placement.crs).full_circle
    west, _, east, _ = job.placement.bounds()
    return west < low or east > high


def _shown(job: Comparison, window: Window, bands: list[int]) -> Any:
    """A window of the warped dataset that is no wider: GDAL looks at both ends of a row, and takes it for straight."""
    dataset, placement = job.source.dataset, job.placement
    validity = Validity.of(dataset)
    options: dict[str, Any] = {
        "src_crs": placement.crs,
        **({"src_transform": placement.transform} if placement.transform != dataset.transform else {}),
        "crs": job.grid.crs,
        "transform": job.grid.transform @ Affine.translation(window.col_off, window.row_off),
        "width": window.width,
        "height": window.height,
        "resampling": Resampling[job.resampling],
        "add_alpha": validity.alpha is None and dataset.nodata is None,
        # else a nodata value has a part in its neighbours, as long as other bands are valid there
        "UNIFIED_SRC_NODATA": "YES" if job.source.validity.unified else "NO",
    }
    if validity.alpha is not None:
        options |= {"src_nodata": None, "nodata": None}  # beside a nodata value, GDAL would not look at alpha
    with WarpedVRT(dataset, **options) as warped:
        if not options["add_alpha"]:
            return warped.read(bands, masked=True)
        *data, covered = warped.read([*bands, warped.count])  # rasterio's masked arrays leave such an alpha band aside
        return np.ma.MaskedArray(data, np.broadcast_to(covered == 0, (len(bands), *covered.shape)))


def _warped(job: Comparison, window: Window, bands: list[int], **placement: Any) -> Any:
    """The same window by window, where GDAL's warped datasets would not do.

    They leave ground control points and rational polynomials aside, go by an alpha band that is said to be none, and
    show nothing of what lies beyond the antimeridian.
    """
    out = np.zeros((len(bands) + 1, window.height, window.width), job.layout.dtype)
    reproject(
        rasterio.band(job.source.dataset, bands),
        out,
        dst_transform=job.grid.transform @ Affine.translation(window.col_off, window.row_off),
        dst_crs=job.grid.crs,
        dst_alpha=len(bands) + 1,
        resampling=Resampling[job.resampling],
        **placement,
    )
    return np.ma.MaskedArray(out[:-1], np.broadcast_to(out[-1:] == 0, out[:-1].shape))


def _warped_part(job: Comparison, window: Window) -> Any:
    """The same of what lies below the window alone: no dataset of GDAL's has columns, or points, put in order."""
    below = Coverage(placement=job.placement, grid=job.grid).extent(window)
    left, top = (max(0, math.floor(max(edge, 0.0))) for edge in (below.left, below.top))
    right = math.ceil(min(below.right, job.source.width))
    bottom = math.ceil(min(below.bottom, job.source.height))
    data, valid, _ = job.source.read(Window(left, top, max(right - left, 1), max(bottom - top, 1)))
    out = np.zeros((len(job.layout.bands) + 1, window.height, window.width), job.layout.dtype)
    shown = np.broadcast_to(True if valid is None else valid, data.shape)[list(job.layout.bands)]
    reproject(
        np.ma.MaskedArray(data[list(job.layout.bands)], ~shown),
        out,
        src_crs=job.placement.crs,
        **_placing(job.placement, left, top),
        dst_transform=job.grid.transform @ Affine.translation(window.col_off, window.row_off),
        dst_crs=job.grid.crs,
        dst_alpha=len(out),
        resampling=Resampling[job.resampling],
        **job.placement.warp_options,
    )
    return np.ma.MaskedArray(out[:-1], np.broadcast_to(out[-1:] == 0, out[:-1].shape))


def _checks(name: str, expected: Array, found: Array, job: Comparison) -> Iterator[FidelityCheck]:
    if expected.size < _FEWEST:
        return
    step = (1.0 if job.exact else _LOSS) if job.layout.dtype.kind in "iu" else 0.0
    with np.errstate(all="ignore"):
        mean, spread = float(expected.mean()), float(expected.std())
        low, high = (float(end) for end in np.percentile(expected, _ENDS))
        found_low, found_high = (float(end) for end in np.percentile(found, _ENDS))
        error = 3 * spread / math.sqrt(expected.size)
        figures = (
            ("mean", mean, float(found.mean()), _MEAN_TOLERANCE * spread + error),
            ("spread", spread, float(found.std()), _SPREAD_TOLERANCE * spread + error),
            ("percentile_1", low, found_low, _RANGE_TOLERANCE * (high - low) + error),
            ("percentile_99", high, found_high, _RANGE_TOLERANCE * (high - low) + error),
        )
        rounding = 1e-6 * max(abs(low), abs(high))
    for kind, wanted, is_, slack in figures if job.exact else figures[:2]:
        if math.isfinite(wanted) and math.isfinite(is_):
            yield FidelityCheck.within(f"{kind}_{name}", wanted, is_, slack + step + rounding)
