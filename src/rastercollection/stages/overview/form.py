"""How an overview holds the pixels of its COGs: as most of them do. Pure, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs
import numpy as np

from rastercollection.model.band import BandRole
from rastercollection.model.band_views import usual_roles
from rastercollection.model.cog import KEEPS_VALUES, Cog, CogFile, CogSettings, Structure
from rastercollection.model.combining import ColorTable
from rastercollection.model.drawing import Drawing
from rastercollection.rasters.pixels.validity import PixelLayout, Validity, choose_layout
from rastercollection.rasters.writing.codec_fit import suited

__all__ = ["OverviewForm", "find_form"]


@attrs.frozen(kw_only=True)
class OverviewForm:
    """What the overview has in common with its COGs.

    Attributes:
        cogs: All that readers can combine, in the mosaic's order; the mosaic holds the same.
        layout: How pixels and their validity are held; its bands are those of each COG that are in the overview.
        colors: Of the values; None without a colour table.
        settings: How it is written.
        raster_type: That of most.
        heights: What heights refer to, where all of them say the same; else None.
        roles: What each band shows, by most of the COGs that know.
    """

    cogs: tuple[Cog, ...]
    layout: PixelLayout
    colors: ColorTable | None
    settings: CogSettings
    raster_type: str
    heights: str | None
    roles: tuple[BandRole, ...]


def find_form(cogs: Sequence[Cog], drawn_as: Structure = ()) -> OverviewForm:
    """The form of COGs, at least one: of those that readers can combine with most, or with what was drawn before.

    Invalid pixels are told as the COGs tell them where all do it in one way, else by a mask. Where the COGs have no
    invalid pixels, the overview has some all the same, between and around them: NaN in floats, a mask in all else.
    """
    drawing = Drawing.of([cog.file for cog in cogs], drawn_as)
    files, dtype = drawing.drawn, np.dtype(drawing.dtype)
    has_alpha = all(len(file.bands) > len(file.color_bands) for file in files)
    settings = _settings(files, [cog.file for cog in cogs], dtype, has_alpha=has_alpha)
    return OverviewForm(
        cogs=tuple(cog for cog, reason in zip(cogs, drawing.reasons, strict=True) if not reason),
        layout=choose_layout(_validity(files, has_alpha=has_alpha), dtype, settings),
        colors=drawing.colors,
        settings=settings,
        raster_type=Counter(file.raster_type for file in files).most_common(1)[0][0],
        heights=files[0].heights if all(file.heights == files[0].heights for file in files) else None,
        roles=_roles(drawing, has_alpha=has_alpha),
    )


def _roles(drawing: Drawing, *, has_alpha: bool) -> tuple[BandRole, ...]:
    """What each band of the overview shows."""
    roles = usual_roles(drawing.usual)
    bands = drawing.usual[0].color_bands
    return roles if has_alpha else tuple(roles[number - 1] for number in bands)


def _settings(taken: Sequence[CogFile], cogs: Sequence[CogFile], dtype: np.dtype, *, has_alpha: bool) -> CogSettings:
    """Those of the first of the COGs that are taken of which they are known, made to suit all of them.

    They are not known of COGs that were published before. Those of another kind of COG are taken then; where another
    job has published all COGs of this one in the meantime, there are none.
    """
    own = next((cog.settings for cog in taken if cog.settings.compression), None)
    lossless = attrs.evolve(taken[0].settings, compression="DEFLATE", level="auto")
    known = own or next((cog.settings for cog in cogs if cog.settings.compression), lossless)
    resampling = _resampling(taken, own.overview_resampling if own is not None else "average")
    settings, _ = suited(
        attrs.evolve(known, overview_resampling=resampling),
        (dtype.name,) * (len(taken[0].color_bands) + has_alpha),
        dtype,
        alpha=has_alpha,
        has_colors=any(cog.color_table is not None for cog in taken),
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


def _validity(cogs: Sequence[CogFile], *, has_alpha: bool) -> Validity:
    """How most of the COGs tell invalid pixels, if it is safe for all."""
    bands = cogs[0].bands
    if has_alpha:
        alpha = next(number for number, band in enumerate(bands) if band.color_interpretation == "alpha")
        return Validity(kind="alpha", nodata=(None,) * len(bands), alpha=alpha)
    count, kinds = len(cogs[0].color_bands), {cog.validity for cog in cogs}
    dtypes = {band.dtype for cog in cogs for band in cog.bands}
    values = Counter(str(cog.bands[0].nodata) for cog in cogs)
    # what is nodata in a small type may be a value like others in a larger one
    if kinds == {"nodata"} and (len(dtypes) == 1 or len(values) == 1):
        usual = values.most_common(1)[0][0]
        nodata = next(cog.bands[0].nodata for cog in cogs if str(cog.bands[0].nodata) == usual)
        return Validity(kind="nodata", nodata=(nodata,) * count, alpha=None)
    return Validity(kind="none" if kinds == {"none"} else "mask", nodata=(None,) * count, alpha=None)
