"""Which COGs an overview is made of, and how it holds their pixels: as most of them do. Pure, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from rastercollection.model.cog import Cog, CogFile, CogSettings
from rastercollection.rasters.pixels.validity import PixelLayout, Validity, choose_layout
from rastercollection.rasters.writing.encode import suited

__all__ = ["Structure", "find_structure"]

_KEEPS_VALUES = ("nearest", "mode")


@attrs.frozen(kw_only=True)
class Structure:
    """What the overview has in common with its COGs.

    Attributes:
        cogs: Those whose bands, data types and colours are those of most, in the mosaic's order.
        left_out: The others.
        layout: How pixels and their validity are held.
        settings: How it is written.
        raster_type: As validated.
        keeps_values: Pixels are classes or indexes: no value may appear that no COG has.
    """

    cogs: tuple[Cog, ...]
    left_out: tuple[Cog, ...]
    layout: PixelLayout
    settings: CogSettings
    raster_type: str
    keeps_values: bool


def find_structure(cogs: Sequence[Cog]) -> Structure:
    """The structure of most COGs; the first one's wins a tie.

    Invalid pixels are told as the COGs tell them where all do it in one way, else by a mask. Where the COGs have no
    invalid pixels, the overview has some all the same, between and around them: NaN in floats, a mask in all else.
    """
    kinds = [_kind(cog.file) for cog in cogs]
    usual = Counter(kinds).most_common(1)[0][0]
    taken = [cog for cog, kind in zip(cogs, kinds, strict=True) if kind == usual]
    files = [cog.file for cog in taken]
    first = files[0]
    dtype = np.result_type(*(np.dtype(band.dtype) for band in first.bands))
    classes = first.raster_type == "categorical" or first.color_table is not None
    settings = _settings(files, [cog.file for cog in cogs], classes=classes)
    keeps_values = classes or settings.overview_resampling in _KEEPS_VALUES
    return Structure(
        cogs=tuple(taken),
        left_out=tuple(cog for cog, kind in zip(cogs, kinds, strict=True) if kind != usual),
        layout=choose_layout(_validity(files), dtype, settings),
        settings=settings,
        raster_type=first.raster_type,
        keeps_values=keeps_values,
    )


def _settings(taken: Sequence[CogFile], cogs: Sequence[CogFile], *, classes: bool) -> CogSettings:
    """Those of the first of the COGs that are taken of which they are known.

    They are not known of COGs that were published before. Those of another kind of COG are made to suit; where another
    job has published all COGs of this one in the meantime, there are none.
    """
    own = next((cog.settings for cog in taken if cog.settings.compression), None)
    if own is not None:
        return own
    lossless = attrs.evolve(taken[0].settings, compression="DEFLATE", level=6)
    known = next((cog.settings for cog in cogs if cog.settings.compression), lossless)
    resampling = "mode" if classes else "average"
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


def _kind(cog: CogFile) -> Any:
    colors = tuple((band.dtype, band.color_interpretation) for band in cog.bands)
    table = tuple(sorted(cog.color_table.items())) if cog.color_table else None
    return colors, table, cog.raster_type == "categorical"


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
