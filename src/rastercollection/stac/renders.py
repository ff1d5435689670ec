"""How the collection is best looked at: render definitions (STAC render extension) from type and statistics."""

from __future__ import annotations

import colorsys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.records import jsonable
from rastercollection.model.band import BandFacts
from rastercollection.model.cog import CogFile, Structure, usual_structure
from rastercollection.stac.spread import Spread, band_spread
from rastercollection.stac.terms import VISUAL

__all__ = ["collection_renders"]

Render = dict[str, Any]

DARK_BYTES = 96
"""8-bit pictures that stay below this are stretched, others are shown as they are."""

NEAR_INFRARED = {
    5: 5,  # RapidEye: blue, green, red, red edge, near infrared
    6: 4,  # Landsat 5 and 7 without thermal bands
    **dict.fromkeys(range(7, 12), 5),  # Landsat 8 and 9: coastal aerosol first
    12: 8,  # Sentinel-2, level 2A
    13: 8,  # Sentinel-2, level 1C
}
"""Number of the near infrared band by the number of bands."""

KEEPS_VALUES = ("nearest", "mode")
MOST_CLASSES = 256
COLORMAP = "viridis"
HILLSHADE_BUFFER = 3
"""Pixels around a tile that its slopes are computed from."""

GOLDEN_RATIO = 0.618033988749895


@attrs.frozen
class _View:
    """A name, a title, and the bands shown, from 1."""

    key: str
    title: str
    bands: tuple[int, ...]


def collection_renders(cogs: Sequence[CogFile], asset_key: str, drawn_as: Structure = ()) -> dict[str, Render]:
    """Renders by name; ``visual`` is always among them and is what links show.

    ``rescale``, where the data need it, comes from statistics over the whole collection. ``bidx`` names bands that
    every COG has. Empty when there are no COGs. A collection goes on being drawn ``drawn_as`` it was published, while
    any COG has that structure.
    """
    if not cogs:
        return {}
    structure = usual_structure(cogs, drawn_as)
    usual = [cog for cog in cogs if cog.structure == structure]
    if _is_classes(usual[0]):
        common = {**_common(cogs, asset_key, (1,)), "resampling": "nearest"}
        return {VISUAL: {"title": "Classes", **common, **_class_colors(usual)}}
    fewest = min(len(_color_bands(cog)) for cog in cogs)
    views = [view for view in _views(usual[0]) if max(view.bands) <= fewest] or [_View(VISUAL, "First band", (1,))]
    renders = {view.key: _continuous(view, cogs, usual, asset_key) for view in views}
    return {**renders, **_hillshade(cogs, asset_key)} if usual[0].raster_type == "dem" else renders


def _hillshade(cogs: Sequence[CogFile], asset_key: str) -> dict[str, Render]:
    """Slopes as a light in the north-west shows them; ``algorithm`` and ``buffer`` are TiTiler's parameters."""
    common = _common(cogs, asset_key, (1,))
    light = {"algorithm": "hillshade", "buffer": HILLSHADE_BUFFER}
    return {"hillshade": {"title": "Hillshade", **common, "resampling": _resampling(cogs, common), **light}}


def _color_bands(cog: CogFile) -> list[BandFacts]:
    return [band for band in cog.bands if band.color_interpretation != "alpha"]


def _is_classes(cog: CogFile) -> bool:
    return len(_color_bands(cog)) == 1 and (cog.raster_type == "categorical" or cog.color_table is not None)


def _views(cog: CogFile) -> list[_View]:
    bands = _color_bands(cog)
    if len(bands) < 3:
        return [_View(VISUAL, "Elevation" if cog.raster_type == "dem" else "First band", (1,))]
    natural = _View(VISUAL, "Natural color", _red_green_blue(bands))
    infrared = _near_infrared(cog, bands)
    if infrared is None:
        return [natural]
    red, green, _ = natural.bands
    return [natural, _View("color-infrared", "Color infrared", (infrared, red, green))]


def _near_infrared(cog: CogFile, bands: Sequence[BandFacts]) -> int | None:
    """By the band's colour interpretation; without one, by the usual order of sensors with that many bands."""
    named = [number for number, band in enumerate(bands, 1) if band.color_interpretation == "nir"]
    if named:
        return named[0]
    if cog.raster_type == "nir":
        return 4 if len(bands) == 4 else None
    return NEAR_INFRARED.get(len(bands)) if cog.raster_type == "multispectral" else None


def _red_green_blue(bands: Sequence[BandFacts]) -> tuple[int, int, int]:
    """By the bands' colour interpretation; without one, by the usual order of sensors with that many bands."""
    index = {band.color_interpretation: number for number, band in reversed(list(enumerate(bands, 1)))}
    if {"red", "green", "blue"} <= index.keys():
        return (index["red"], index["green"], index["blue"])
    if len(bands) >= 7:
        return (4, 3, 2)
    return (3, 2, 1) if len(bands) >= 5 else (1, 2, 3)


def _common(cogs: Sequence[CogFile], asset_key: str, bands: Sequence[int]) -> Render:
    common: Render = {"assets": [asset_key], "bidx": list(bands)}
    nodata = {repr(cog.bands[0].nodata) for cog in cogs}
    if len(nodata) == 1 and all(cog.validity == "nodata" for cog in cogs) and cogs[0].bands[0].nodata is not None:
        common["nodata"] = jsonable(cogs[0].bands[0].nodata)
    return common


def _resampling(cogs: Sequence[CogFile], common: Render) -> str:
    """``bilinear`` where it is safe, which it is not where COGs keep their values, as those of flags.

    Without nodata, readers mask what lies outside by an alpha band of the data's type. For floats, interpolating in it
    overflows and everything is masked (rio-tiler 9.4).
    """
    if any(cog.settings.overview_resampling in KEEPS_VALUES for cog in cogs):
        return "nearest"
    is_whole = all("int" in band.dtype for cog in cogs for band in cog.bands)
    return "bilinear" if is_whole or "nodata" in common else "nearest"


def _continuous(view: _View, cogs: Sequence[CogFile], usual: Sequence[CogFile], asset_key: str) -> Render:
    common = _common(cogs, asset_key, view.bands)
    render: Render = {"title": view.title, **common, "resampling": _resampling(cogs, common)}
    spreads = [band_spread(usual, band) for band in view.bands]
    known = [spread for spread in spreads if spread is not None]
    if known and not _is_bright_picture(usual[0], known, len(view.bands)):
        render["rescale"] = [list((spread or known[0]).stretch) for spread in spreads]
    if len(view.bands) == 1 and usual[0].raster_type == "dem":
        render["colormap_name"] = COLORMAP
    return render


def _is_bright_picture(cog: CogFile, spreads: Sequence[Spread], bands: int) -> bool:
    is_picture = bands == 3 and all(band.dtype == "uint8" for band in cog.bands)
    return is_picture and max(spread.high for spread in spreads) >= DARK_BYTES


def _class_colors(cogs: Sequence[CogFile]) -> Render:
    """The tiles' colours, of their colour table or of named classes, else a colour a value.

    A stretch where the values are too many.
    """
    spread = band_spread(cogs, 1)
    tables = Counter(tuple(cog.color_table.items()) for cog in cogs if cog.color_table)
    table: Mapping[str, Sequence[int]] = dict(tables.most_common(1)[0][0]) if tables else {}
    if table:
        colors = {value: list(color) for value, color in table.items() if _within(int(value), spread)}
        return {"colormap": colors or {value: list(color) for value, color in table.items()}}
    classes = cogs[0].bands[0].classes
    named = {str(entry.value): list(entry.color or _class_color(entry.value)) for entry in classes}
    named = named if any(entry.color for entry in classes) else {}
    if spread is None:
        return {"colormap": named} if named else {"colormap_name": COLORMAP}
    first, last = round(spread.minimum), round(spread.maximum)
    if last - first >= MOST_CLASSES:
        return {"colormap": named} if named else {"rescale": [list(spread.stretch)], "colormap_name": COLORMAP}
    return {"colormap": {str(value): _class_color(value - first) for value in range(first, last + 1)} | named}


def _within(value: int, spread: Spread | None) -> bool:
    return spread is None or spread.minimum <= value <= spread.maximum


def _class_color(number: int) -> list[int]:
    """Colours that neighbours in number do not share: hues a golden ratio apart."""
    red, green, blue = colorsys.hls_to_rgb(number * GOLDEN_RATIO % 1, 0.5 + 0.12 * (number % 3 - 1), 0.6)
    return [round(255 * red), round(255 * green), round(255 * blue), 255]
