"""Which COGs an overview is made of, and how it holds their pixels: as most of them do. Pure, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from rastercollection.model.band import BandRole
from rastercollection.model.band_views import usual_names, usual_roles
from rastercollection.model.cog import KEEPS_VALUES, Cog, CogFile, CogSettings, Structure
from rastercollection.rasters.pixels.validity import PixelLayout, Validity, choose_layout
from rastercollection.rasters.writing.encode import suited

__all__ = ["OverviewForm", "find_form"]


@attrs.frozen(kw_only=True)
class OverviewForm:
    """What the overview has in common with its COGs.

    Attributes:
        cogs: Those whose bands, data types and colours are those of most, in the mosaic's order; whatever they show.
        left_out: The others.
        layout: How pixels and their validity are held.
        settings: How it is written.
        raster_type: That of most.
        heights: What heights refer to, where all of them say the same; else None.
        roles: What each band shows, by most of the COGs that know.
    """

    cogs: tuple[Cog, ...]
    left_out: tuple[Cog, ...]
    layout: PixelLayout
    settings: CogSettings
    raster_type: str
    heights: str | None
    roles: tuple[BandRole, ...]


def find_form(cogs: Sequence[Cog], drawn_as: Structure = ()) -> OverviewForm:
    """The form of most COGs, the first one's in a tie; of those that are drawn as the collection was, if any.

    Invalid pixels are told as the COGs tell them where all do it in one way, else by a mask. Where the COGs have no
    invalid pixels, the overview has some all the same, between and around them: NaN in floats, a mask in all else.
    """
    silent = {count: usual_names([cog.file for cog in cogs if len(cog.file.bands) == count]) for count in _counts(cogs)}
    kinds = [_kind(cog.file, silent[len(cog.file.bands)]) for cog in cogs]
    drawn = [kind for cog, kind in zip(cogs, kinds, strict=True) if cog.file.structure == drawn_as]
    usual = Counter(drawn or kinds).most_common(1)[0][0]
    taken = [cog for cog, kind in zip(cogs, kinds, strict=True) if kind == usual]
    files = [cog.file for cog in taken]
    first = files[0]
    dtype = np.result_type(*(np.dtype(band.dtype) for band in first.bands))
    settings = _settings(files, [cog.file for cog in cogs])
    return OverviewForm(
        cogs=tuple(taken),
        left_out=tuple(cog for cog, kind in zip(cogs, kinds, strict=True) if kind != usual),
        layout=choose_layout(_validity(files), dtype, settings),
        settings=settings,
        raster_type=Counter(file.raster_type for file in files).most_common(1)[0][0],
        heights=first.heights if all(file.heights == first.heights for file in files) else None,
        roles=usual_roles(files),
    )


def _settings(taken: Sequence[CogFile], cogs: Sequence[CogFile]) -> CogSettings:
    """Those of the first of the COGs that are taken of which they are known, with a kernel that suits all of them.

    They are not known of COGs that were published before. Those of another kind of COG are made to suit; where another
    job has published all COGs of this one in the meantime, there are none.
    """
    own = next((cog.settings for cog in taken if cog.settings.compression), None)
    if own is not None:
        return attrs.evolve(own, overview_resampling=_resampling(taken, own.overview_resampling))
    lossless = attrs.evolve(taken[0].settings, compression="DEFLATE", level=6)
    known = next((cog.settings for cog in cogs if cog.settings.compression), lossless)
    resampling = _resampling(taken, "average")
    dtypes = tuple(band.dtype for band in taken[0].bands)
    settings, _ = suited(
        attrs.evolve(known, overview_resampling=resampling),
        dtypes,
        np.result_type(*map(np.dtype, dtypes)),
        alpha=any(band.color_interpretation == "alpha" for band in taken[0].bands),
        has_colors=taken[0].color_table is not None,
        blob="overview",
    )
    return settings


def _resampling(taken: Sequence[CogFile], usual: str) -> str:
    """What makes no values, where any of the COGs holds classes or flags: all are drawn together."""
    if usual not in KEEPS_VALUES and any(map(_may_be_codes, taken)):
        return "mode" if all(cog.holds_codes for cog in taken) else "nearest"
    return usual


def _may_be_codes(cog: CogFile) -> bool:
    """Of a COG that was published before, no kernel is known: whole numbers of one band may be flags."""
    if cog.holds_codes or cog.settings.keeps_values:
        return True
    unsure = not cog.settings.overview_resampling and cog.raster_type == "unknown"
    return unsure and len(cog.color_bands) == 1 and "int" in cog.bands[cog.color_bands[0] - 1].dtype


def _counts(cogs: Sequence[Cog]) -> set[int]:
    return {len(cog.file.bands) for cog in cogs}


def _kind(cog: CogFile, usual: tuple[str | None, ...]) -> Any:
    """What COGs of one overview have in common; those that do not say which band is which are like most others."""
    names = tuple(band.role.common_name for band in cog.bands)
    alpha = tuple(band.color_interpretation == "alpha" for band in cog.bands)
    table = tuple(sorted(cog.color_table.items())) if cog.color_table else None
    return tuple(band.dtype for band in cog.bands), alpha, names if any(names) else usual, table


def _validity(cogs: Sequence[CogFile]) -> Validity:
    """How most of the COGs tell invalid pixels, if it is safe for all."""
    bands = cogs[0].bands
    alpha = next((i for i, band in enumerate(bands) if band.color_interpretation == "alpha"), None)
    nothing = (None,) * len(bands)
    kinds = {cog.validity for cog in cogs}
    if alpha is not None:
        return Validity(kind="alpha", nodata=nothing, alpha=alpha)
    if kinds == {"nodata"}:
        values = Counter(repr(cog.bands[0].nodata) for cog in cogs)
        usual = values.most_common(1)[0][0]
        nodata = next(cog.bands[0].nodata for cog in cogs if repr(cog.bands[0].nodata) == usual)
        return Validity(kind="nodata", nodata=(nodata,) * len(bands), alpha=None)
    return Validity(kind="none" if kinds == {"none"} else "mask", nodata=nothing, alpha=None)
