"""The library's own renders, each by its name in the registry: functions as a plug-in's are. Pure."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import Any

from rastercollection.model.band_views import COLOR_INFRARED, NATURAL_COLOR, BandView, band_views
from rastercollection.model.render import Renderable, RenderBand, RenderDefinition
from rastercollection.model.value_range import Spread

__all__ = ["bands", "classes", "color_infrared", "elevation", "hillshade", "natural", "ndvi"]

DARK_BYTES = 96
"""8-bit pictures that stay below this are stretched, others are shown as they are."""

MOST_CLASSES = 256
COLORMAP = "viridis"
HILLSHADE_BUFFER = 3
"""Pixels around a tile that its slopes are computed from."""
NDVI_RANGE = (-1.0, 1.0)
NDVI_COLORS = "rdylgn"

GOLDEN_RATIO = 0.618033988749895


def classes(collection: Renderable, /) -> RenderDefinition | None:
    """A map of classes in their colours."""
    if not collection.is_classes:
        return None
    return RenderDefinition(title="Classes", bands=(1,), resampling="nearest", **_class_colors(collection))


def natural(collection: Renderable, /) -> RenderDefinition | None:
    """Red, green and blue as such."""
    return _view(collection, NATURAL_COLOR)


def color_infrared(collection: Renderable, /) -> RenderDefinition | None:
    """Near infrared as red, red as green, green as blue: what grows is red."""
    return _view(collection, COLOR_INFRARED)


def elevation(collection: Renderable, /) -> RenderDefinition | None:
    """Heights in colours from the lowest to the highest."""
    if collection.raster_type != "dem" or collection.is_classes:
        return None
    return bands(collection)


def bands(collection: Renderable, /) -> RenderDefinition | None:
    """The first band, or three of which nothing says what they show."""
    if collection.is_classes:
        return None
    views = _views([None] * len(collection.bands), collection)
    return _continuous(views[0], collection)


def hillshade(collection: Renderable, /) -> RenderDefinition | None:
    """Slopes as a light in the north-west shows them; ``algorithm`` and ``buffer`` are TiTiler's parameters."""
    if collection.raster_type != "dem" or collection.is_classes:
        return None
    return RenderDefinition(title="Hillshade", bands=(1,), algorithm="hillshade", buffer=HILLSHADE_BUFFER)


def ndvi(collection: Renderable, /) -> RenderDefinition | None:
    """How green it is: (near infrared - red) / (near infrared + red), of values in the bands' units."""
    infrared, red = collection.band("nir", "nir08"), collection.band("red")
    if infrared is None or red is None:
        return None
    values = _in_units(infrared), _in_units(red)
    if None in values:
        return None
    return RenderDefinition(
        title="NDVI",
        expression="({0}-{1})/({0}+{1})".format(*values),
        rescale=(NDVI_RANGE,),
        colormap_name=NDVI_COLORS,
    )


def _in_units(band: RenderBand) -> str | None:
    """What stands for a band's values in an expression; None where tiles have scales of their own.

    Scales without an offset are told, too: those of the two bands may differ.
    """
    if band.scale is None or band.offset is None:
        return None
    scaled = f"b{band.number}" if band.scale == 1 else f"b{band.number}*{band.scale!r}"
    if band.offset == 0:
        return scaled
    return f"({scaled}{'-' if band.offset < 0 else '+'}{abs(band.offset)!r})"


def _views(names: Sequence[str | None], collection: Renderable) -> tuple[BandView, ...]:
    colors = [band.color_interpretation for band in collection.bands]
    return band_views(names, colors, [band.dtype for band in collection.bands], collection.raster_type)


def _view(collection: Renderable, title: str) -> RenderDefinition | None:
    views = _views([band.common_name for band in collection.bands], collection)
    return next((_continuous(view, collection) for view in views if view.title == title), None)


def _continuous(view: BandView, collection: Renderable) -> RenderDefinition:
    shown = [collection.bands[number - 1] for number in view.bands]
    is_height = len(shown) == 1 and collection.raster_type == "dem"
    return RenderDefinition(
        title=view.title,
        bands=view.bands,
        rescale=_ranges([band.spread for band in shown], collection.bands),
        colormap_name=COLORMAP if is_height else None,
    )


def _ranges(spreads: Sequence[Spread | None], every: Sequence[RenderBand]) -> tuple[tuple[float, float], ...]:
    known = [spread for spread in spreads if spread is not None]
    are_bytes = all(band.dtype == "uint8" for band in every)
    if not known:
        return ()
    if not (len(spreads) == 3 and are_bytes and max(spread.high for spread in known) >= DARK_BYTES):
        return tuple((spread or known[0]).stretch for spread in spreads)
    return ()


def _class_colors(collection: Renderable) -> dict[str, Any]:
    """The tiles' colours, of their colour table or of named classes, else a colour a value.

    A stretch where the values are too many.
    """
    band = collection.bands[0]
    if collection.colors:
        return {"colormap": collection.colors}
    told = band.classes if any(entry.color for entry in band.classes) else ()
    named = {entry.value: entry.color or _class_color(entry.value) for entry in told}
    if band.spread is None:
        return {"colormap": named} if named else {"colormap_name": COLORMAP}
    first, last = round(band.spread.minimum), round(band.spread.maximum)
    if last - first >= MOST_CLASSES:
        return {"colormap": named} if named else {"rescale": (band.spread.stretch,), "colormap_name": COLORMAP}
    return {"colormap": {value: _class_color(value - first) for value in range(first, last + 1)} | named}


def _class_color(number: int) -> tuple[int, int, int, int]:
    """Colours that neighbours in number do not share: hues a golden ratio apart."""
    red, green, blue = colorsys.hls_to_rgb(number * GOLDEN_RATIO % 1, 0.5 + 0.12 * (number % 3 - 1), 0.6)
    return round(255 * red), round(255 * green), round(255 * blue), 255
