"""How the collection is best looked at: render definitions (STAC render extension) from type and statistics."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from typing import Any

from rastercollection.core.records import jsonable
from rastercollection.model.band_views import BandView
from rastercollection.model.cog import CogFile, Structure
from rastercollection.model.combining import ColorTable
from rastercollection.model.drawing import Drawing
from rastercollection.model.look import Look
from rastercollection.stac.spread import Spread, band_spread
from rastercollection.stac.terms import VISUAL

__all__ = ["collection_renders", "look_of"]

Render = dict[str, Any]

_BYTES = (0, 255)
DARK_BYTES = 96
"""8-bit pictures that stay below this are stretched, others are shown as they are."""

MOST_CLASSES = 256
COLORMAP = "viridis"
HILLSHADE_BUFFER = 3
"""Pixels around a tile that its slopes are computed from."""

GOLDEN_RATIO = 0.618033988749895


def collection_renders(cogs: Sequence[CogFile], asset_key: str, drawn_as: Structure = ()) -> dict[str, Render]:
    """Renders by name; ``visual`` is always among them and is what links show.

    ``rescale``, where the data need it, comes from statistics over the whole collection. ``bidx`` names bands that
    every COG that is drawn has; which these are :class:`~rastercollection.model.drawing.Drawing` decides. Empty when
    there are no COGs, or they hold complex numbers. A collection goes on being drawn ``drawn_as`` it was published,
    while any COG has that structure.
    """
    if not cogs:
        return {}
    drawing = Drawing.of(cogs, drawn_as)
    if drawing.is_complex:
        return {}
    usual, drawn = drawing.usual, drawing.drawn
    if drawing.is_classes:
        common = {**_common(drawn, asset_key, (1,)), **_kernels("nearest")}
        return {VISUAL: {"title": "Classes", **common, **_class_colors(usual, drawing.colors)}}
    views = drawing.views
    keys = (VISUAL, *(view.title.lower().replace(" ", "-") for view in views[1:]))
    renders = {key: _continuous(view, drawn, usual, asset_key) for key, view in zip(keys, views, strict=True)}
    return {**renders, **_hillshade(drawn, asset_key)} if usual[0].raster_type == "dem" else renders


def look_of(render: Mapping[str, Any]) -> Look:
    """What one of :func:`collection_renders` shows, for those who draw without a tile server.

    Without a render, as of complex numbers, it is the first band, or its magnitude, from its least to its most.
    """
    bands = tuple(render.get("bidx", (1,)))
    ranges = tuple((low, high) for low, high in render.get("rescale", ()))
    colors = render.get("colormap")
    return Look(
        bands=bands,
        ranges=ranges or (None,) * len(bands),
        colors={int(value): tuple(color) for value, color in colors.items()} if colors else None,
        ramp=render.get("colormap_name"),
        keeps_values=render.get("resampling") == "nearest",
    )


def _hillshade(cogs: Sequence[CogFile], asset_key: str) -> dict[str, Render]:
    """Slopes as a light in the north-west shows them; ``algorithm`` and ``buffer`` are TiTiler's parameters."""
    common = _common(cogs, asset_key, (1,))
    light = {"algorithm": "hillshade", "buffer": HILLSHADE_BUFFER}
    return {"hillshade": {"title": "Hillshade", **common, **_kernels(_resampling(cogs, common)), **light}}


def _common(cogs: Sequence[CogFile], asset_key: str, bands: Sequence[int]) -> Render:
    """Which bands to read, in two spellings: by number, as of a mosaic, and of an asset, as titiler-pgstac takes it."""
    of_asset = f"{asset_key}|{','.join(map(str, bands))}"
    common: Render = {"assets": [asset_key], "bidx": list(bands), "asset_bidx": [of_asset]}
    nodata = {repr(cog.bands[0].nodata) for cog in cogs}
    if len(nodata) == 1 and all(cog.validity == "nodata" for cog in cogs) and cogs[0].bands[0].nodata is not None:
        common["nodata"] = jsonable(cogs[0].bands[0].nodata)
    return common


def _kernels(kernel: str) -> Render:
    """How pixels are resampled: of a COG on the map's grid, and of one in another CRS, which TiTiler warps first."""
    return {"resampling": kernel, "reproject": kernel}


def _resampling(cogs: Sequence[CogFile], common: Render) -> str:
    """``bilinear`` where it is safe, which it is not where COGs keep their values, as those of flags.

    Without nodata, readers mask what lies outside by an alpha band of the data's type. For floats, interpolating in it
    overflows and everything is masked (rio-tiler 9.4).
    """
    if any(cog.settings.keeps_values for cog in cogs):
        return "nearest"
    is_whole = all("int" in band.dtype for cog in cogs for band in cog.bands)
    return "bilinear" if is_whole or "nodata" in common else "nearest"


def _continuous(view: BandView, cogs: Sequence[CogFile], usual: Sequence[CogFile], asset_key: str) -> Render:
    common = _common(cogs, asset_key, view.bands)
    render: Render = {"title": view.title, **common, **_kernels(_resampling(cogs, common))}
    spreads = [band_spread(usual, band) for band in view.bands]
    known = [spread for spread in spreads if spread is not None]
    if known and not _is_bright_picture(usual[0], known, len(view.bands)):
        render["rescale"] = [list((spread or known[0]).stretch) for spread in spreads]
    elif known and any(band.dtype != "uint8" for cog in cogs for band in cog.bands):
        render["rescale"] = [list(_BYTES) for _ in view.bands]  # tiles of a larger type would be dark
    if len(view.bands) == 1 and usual[0].raster_type == "dem":
        render["colormap_name"] = COLORMAP
    return render


def _is_bright_picture(cog: CogFile, spreads: Sequence[Spread], bands: int) -> bool:
    is_picture = bands == 3 and all(band.dtype == "uint8" for band in cog.bands)
    return is_picture and max(spread.high for spread in spreads) >= DARK_BYTES


def _class_colors(cogs: Sequence[CogFile], table: ColorTable | None) -> Render:
    """The tiles' colours, of their colour table or of named classes, else a colour a value.

    A stretch where the values are too many.
    """
    spread = band_spread(cogs, 1)
    if table:
        return {"colormap": {value: list(color) for value, color in table.items()}}
    classes = cogs[0].bands[0].classes
    named = {str(entry.value): list(entry.color or _class_color(entry.value)) for entry in classes}
    named = named if any(entry.color for entry in classes) else {}
    if spread is None:
        return {"colormap": named} if named else {"colormap_name": COLORMAP}
    first, last = round(spread.minimum), round(spread.maximum)
    if last - first >= MOST_CLASSES:
        return {"colormap": named} if named else {"rescale": [list(spread.stretch)], "colormap_name": COLORMAP}
    return {"colormap": {str(value): _class_color(value - first) for value in range(first, last + 1)} | named}


def _class_color(number: int) -> list[int]:
    """Colours that neighbours in number do not share: hues a golden ratio apart."""
    red, green, blue = colorsys.hls_to_rgb(number * GOLDEN_RATIO % 1, 0.5 + 0.12 * (number % 3 - 1), 0.6)
    return [round(255 * red), round(255 * green), round(255 * blue), 255]
