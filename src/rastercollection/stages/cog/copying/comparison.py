"""Whether a source already is the COG that was asked for, so that a copy of its bytes will do.

A copy is as faithful as can be, but it publishes whatever is in the file. So it has to be what a conversion would have
written, as far as a header tells: layout, codec, blocks, overviews, grid, CRS, validity and metadata. Levels,
qualities and the resampling of overviews cannot be told from a file; encoding it anew for their sake would gain little
with a lossless codec and lose with any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import Any

import attrs
import numpy as np
import pyproj
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.io import DatasetReader
from rio_cogeo.cogeo import cog_validate

from rastercollection.geo.crs import same_crs
from rastercollection.geo.heights import same_heights
from rastercollection.model.cog import CogSettings
from rastercollection.rasters.encoding.choosing import choose, leaves_open
from rastercollection.rasters.encoding.predictors import NO_PREDICTOR, usual_predictor
from rastercollection.rasters.encoding.sampling import sample_windows
from rastercollection.rasters.gdal_crs import from_rasterio, heights_in
from rastercollection.rasters.gdal_env import is_remote
from rastercollection.rasters.grid.placement import apply
from rastercollection.rasters.grid.plan import GridPlan
from rastercollection.rasters.pixels.validity import PixelLayout, Validity
from rastercollection.rasters.source.opening import reading
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.rasters.writing.blocks import overview_levels
from rastercollection.rasters.writing.metadata import Metadata
from rastercollection.stages.cog.copying.overview_content import why_not_the_image

__all__ = ["Asked", "why_not_as_it_is"]

_STRUCTURE = "IMAGE_STRUCTURE"
_COMPRESSIONS = {"YCbCr JPEG": "JPEG"}
_NOT_TAGS = (_STRUCTURE, "DERIVED_SUBDATASETS", "RPC")
"""Domains that GDAL makes up from what the file is."""
_SAME_PLACE = 1e-6
"""Pixels that corners may lie apart: the rounding of arithmetic."""


@attrs.frozen(kw_only=True)
class Asked:
    """What a conversion of a source would make of it.

    Attributes:
        settings: After :func:`~rastercollection.rasters.writing.encode.suited`; a level of ``auto`` is fine.
        plan: The grid.
        validity: How the source tells invalid pixels.
        layout: How its COG would.
        metadata: What its COG would say.
        heights: What heights refer to; None where nothing tells.
    """

    settings: CogSettings
    plan: GridPlan
    validity: Validity
    layout: PixelLayout
    metadata: Metadata
    heights: str | None = None


def why_not_as_it_is(dataset: SourceDataset, asked: Asked) -> str | None:
    """Why a source is not the COG that was asked for; None when a copy of its bytes is.

    Headers are read, and of a file that passes, up to four windows of pixels with their overviews, which nobody has
    looked at before. What all pixels tell is left to whoever reads them: floats that declare no nodata value
    (``layout.turns_nan``) may hold NaN, and then a conversion would declare it.

    Args:
        dataset: The source, inside its GDAL environment.
        asked: What it is compared with.

    Raises:
        TileError: FILE_UNREADABLE or FILE_TRUNCATED.
        TaskError: SOURCE_UNAVAILABLE, retryable.
    """
    checks: tuple[Callable[[SourceDataset, Asked], str | None], ...] = (
        _of_format,
        _of_grid,
        _of_codec,
        _of_bands,
        _of_validity,
        _of_metadata,
        _of_overviews,
        _of_validator,
        _of_what_overviews_show,
    )
    with reading(dataset, "looking at its structure"):
        return next(filter(None, (check(dataset, asked) for check in checks)), None)


def _of_format(dataset: SourceDataset, _: Asked) -> str | None:
    if dataset.chosen.taken or dataset.chosen.left_out:
        return "It is one of several rasters in a file, or made of them."
    if dataset.driver != "GTiff":
        return f"It is a {dataset.driver}, not a GeoTIFF."
    if dataset.tags(ns=_STRUCTURE).get("LAYOUT") != "COG":
        return "It is no COG, or was changed after it was made one."
    with _open(dataset) as whole:  # ``dataset``, which hides its overviews, hides these files, too
        others = sorted(PurePath(name).name for name in whole.files[1:])
    return f"Files beside it belong to it: {', '.join(others)}." if others else None


def _of_grid(dataset: SourceDataset, asked: Asked) -> str | None:
    plan = asked.plan
    if plan.reprojected:
        return "Its pixels are not on the grid that was asked for."
    if plan.flip_rows or plan.flip_columns:
        return "Its rows or columns run the other way."
    if (dataset.width, dataset.height) != (plan.grid.width, plan.grid.height) or not _same_place(dataset, plan):
        return "Its pixels are not on the grid that was asked for."
    if not dataset.crs:
        return "It has no CRS of its own."
    if not _same_crs(dataset.crs, plan.grid.crs, asked.heights):
        return "The CRS that it says is not exactly the one that was asked for."
    return None


def _same_place(dataset: SourceDataset, plan: GridPlan) -> bool:
    columns, rows = np.array([0.0, dataset.width]), np.array([0.0, dataset.height])
    there = apply(~plan.grid.transform, *apply(dataset.transform, columns, rows))
    return bool(np.abs(np.subtract(there, (columns, rows))).max() <= _SAME_PLACE)


def _same_crs(own: CRS, asked: CRS, heights: str | None) -> bool:
    """Whether a CRS is the other, with the same heights, and nothing more: no attached shift to another datum."""
    flat, target = from_rasterio(own), from_rasterio(asked)
    whole = pyproj.CRS.from_wkt(own.to_wkt(version="WKT2_2019"))
    plain = not any(part.is_bound for part in (whole, *whole.sub_crs_list)) and same_heights(heights_in(own), heights)
    return plain and flat is not None and target is not None and same_crs(flat, target)


def _of_codec(dataset: SourceDataset, asked: Asked) -> str | None:
    settings, structure = asked.settings, dataset.tags(ns=_STRUCTURE)
    found = structure.get("COMPRESSION", "NONE")
    found = _COMPRESSIONS.get(found, found)
    if found != settings.compression:
        return f"Its compression is {found}, not {settings.compression}."
    wanted = usual_predictor(found, asked.layout.dtype)
    predictor = int(structure.get("PREDICTOR", str(NO_PREDICTOR)))
    if predictor != wanted and (predictor != NO_PREDICTOR or _chosen_predictor(dataset, asked) != NO_PREDICTOR):
        return f"Its predictor is {predictor}, not {wanted}."
    if dataset.count > 1 and structure.get("INTERLEAVE") != "PIXEL":
        return "Its bands are stored one after the other, not pixel by pixel."
    if set(dataset.block_shapes) != {(settings.block_size, settings.block_size)}:
        rows, columns = dataset.block_shapes[0]
        return f"Its blocks are of {columns} × {rows} pixels, not {settings.block_size} × {settings.block_size}."
    return None


def _chosen_predictor(dataset: SourceDataset, asked: Asked) -> int | None:
    """The one that would be chosen for these pixels; None where none is to be chosen."""
    settings = asked.settings
    if not leaves_open(settings):
        return None
    windows = sample_windows(dataset.width, dataset.height, settings.block_size)
    bands = [band + 1 for band in asked.layout.bands]
    return choose([dataset.read(bands, window=window) for window in windows], settings, asked.layout.dtype).predictor


def _of_bands(dataset: SourceDataset, asked: Asked) -> str | None:
    layout = asked.layout
    if layout.bands != tuple(range(dataset.count)):
        return "Some of its bands would be left out."
    types = sorted(set(dataset.dtypes) - {layout.dtype.name})
    return f"It is {', '.join(types)}, and would become {layout.dtype.name}." if types else None


def _of_validity(dataset: SourceDataset, asked: Asked) -> str | None:
    layout, validity = asked.layout, asked.validity
    if layout.kind != validity.kind:
        return f"It tells invalid pixels by {validity.kind}; its COG would by {layout.kind}."
    wanted = layout.nodata if layout.kind == "nodata" else None
    for nodata in dataset.nodatavals:
        if not _equal(nodata, wanted):
            return f"It declares the nodata value {nodata}; its COG would declare {wanted}."
    return None


def _equal(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other))


def _of_metadata(dataset: SourceDataset, asked: Asked) -> str | None:
    kept = asked.metadata
    if kept.notices or dataset.has_lost_texts:
        return "Some of its metadata would be left out."
    if dataset.is_renamed:
        return "Its bands are to be called otherwise."
    with _open(dataset) as whole:  # ``dataset``, which hides secrets, would hide that they are in the file
        for band, tags in enumerate((kept.tags, *kept.band_tags)):
            for domain, key, value in _tags_of(whole, band):
                if tags.get(domain, {}).get(key) != value:
                    where = f"{domain}:{key}" if domain else key
                    return f"Its tag {where} would be left out or changed."
        told = (tuple(whole.descriptions), tuple(whole.units))
    if told != (kept.descriptions, kept.units) or any(band.has_secrets for band in kept.classes):
        return "Descriptions, units or names of its values would be changed."
    return None


def _tags_of(dataset: DatasetReader, band: int) -> Iterator[tuple[str, str, str]]:
    """Domain, key and value of all tags of the dataset (band 0) or a band; what GDAL makes up is left out."""
    for domain in ("", *(name for name in dataset.tag_namespaces(band) if name and name not in _NOT_TAGS)):
        for key, value in dataset.tags(band, ns=domain or None).items():
            if domain or key != "AREA_OR_POINT":
                yield domain, key, str(value)


def _of_overviews(dataset: SourceDataset, asked: Asked) -> str | None:
    """The overviews in the file, which ``dataset`` hides; those in files beside it do not count."""
    block = asked.settings.block_size
    with _open(dataset) as whole:
        factors = whole.overviews(1)
        if any(whole.overviews(band) != factors for band in whole.indexes):
            return "Its bands have different overviews."
    if not factors:
        return "It has no overviews." if overview_levels(dataset.width, dataset.height, block) else None
    if factors != [2 ** (level + 1) for level in range(len(factors))]:
        return f"Its overviews are not halved each time, but {', '.join(map(str, factors))} times smaller."
    for level in range(len(factors)):
        with _open(dataset, OVERVIEW_LEVEL=level) as overview:
            shape = overview.width, overview.height
            if set(overview.block_shapes) != {(block, block)}:
                return f"Its overviews have blocks of another size than {block} × {block} pixels."
            if asked.validity.kind == "mask" and MaskFlags.per_dataset not in overview.mask_flag_enums[0]:
                return "Its overviews have no mask."
    return None if max(shape) <= block else f"Its overviews end at {shape[0]} × {shape[1]} pixels."


def _open(dataset: SourceDataset, **options: Any) -> DatasetReader:
    return DatasetReader(_path(dataset), driver=["GTiff"], sharing=False, **options)


def _path(dataset: SourceDataset) -> str | PurePath:
    """A path object for local files, which rasterio takes as it is; it would interpret text."""
    return dataset.gdal_path if is_remote(dataset.gdal_path) else PurePath(dataset.gdal_path)


def _of_validator(dataset: SourceDataset, _: Asked) -> str | None:
    """rio-cogeo's strict validation, which opens the file itself, through GDAL's network file systems as well."""
    is_valid, errors, warnings = cog_validate(_path(dataset), strict=True, quiet=True)
    warnings = [] if dataset.width == 1 else warnings  # of its missing overviews
    if is_valid or not (errors or warnings):
        return None
    return f"rio-cogeo finds fault with it: {'; '.join([*errors, *warnings])}."


def _of_what_overviews_show(dataset: SourceDataset, asked: Asked) -> str | None:
    with _open(dataset) as whole:
        if not whole.overviews(1):
            return None
    with _open(dataset, OVERVIEW_LEVEL=0) as overview:
        problem = why_not_the_image(dataset, overview, asked.settings.overview_resampling)
    return f"Its overviews {problem}." if problem else None
