"""What colours on the preview page's map stand for."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

from rastercollection.model.band import BandFacts, RasterClass
from rastercollection.model.cog import Cog
from rastercollection.model.look import Look
from rastercollection.rasters.reduced.painting import ramp_colors

__all__ = ["legend"]

MOST_CLASSES = 60
_STOPS = 16
_GREY = ((0, 0, 0), (255, 255, 255))
_CHANNELS = ("Red", "Green", "Blue")


def legend(look: Look | None, cogs: Sequence[Cog]) -> str:
    """A list of the colours: of classes, by the first tile that names them, and of values from lowest to highest.

    Args:
        look: How the map was drawn; None where only classes can be told of.
        cogs: The tiles.
    """
    classes = next((band.classes for cog in cogs for band in cog.file.bands if band.classes), ())
    if classes and (look is None or look.expression is None):
        return _classes(classes)
    if look is None:
        return ""
    if look.classes is not None:
        return _classes(_without_names(look.classes, cogs))
    if look.expression is not None:
        return _expression_entries(look)
    file = next((cog.file for cog in cogs if len(cog.file.bands) >= max(look.bands)), None)
    if file is None:
        return ""
    bands = [file.bands[band - 1] for band in look.bands]
    return _list(
        [_ramp_entry(look, _name(bands[0]), bands[0].unit)] if len(bands) == 1 else _channel_entries(look, bands)
    )


def _expression_entries(look: Look) -> str:
    blocks = str(look.expression).split(";")
    if len(look.ranges) == 1:
        return _list([_ramp_entry(look, look.label or blocks[0], None)])
    named = zip(_CHANNELS, blocks, strict=True)
    return _list([_channel_entry(look, place, channel, block, "") for place, (channel, block) in enumerate(named)])


def _classes(classes: Sequence[RasterClass]) -> str:
    return _list([*map(_class_entry, classes[:MOST_CLASSES]), *_rest(len(classes) - MOST_CLASSES)])


def _without_names(colors: Mapping[int, tuple[int, ...]], cogs: Sequence[Cog]) -> list[RasterClass]:
    """Those values that are shown and lie between the smallest and the largest of the tiles."""
    counted = [band.statistics for cog in cogs for band in cog.file.bands[:1] if band.statistics is not None]
    found = [(one.minimum, one.maximum) for one in counted if one.minimum is not None and one.maximum is not None]
    low, high = min((ends[0] for ends in found), default=-math.inf), max((ends[1] for ends in found), default=math.inf)
    return [
        RasterClass(value=value, name="", color=(red, green, blue, alpha))
        for value, (red, green, blue, alpha) in sorted(colors.items())
        if alpha > 0 and low <= value <= high
    ]


def _list(entries: Sequence[str]) -> str:
    return f'<ul class="facts legend">{"".join(entries)}</ul>\n'


def _class_entry(entry: RasterClass) -> str:
    color = entry.color[:3] if entry.color else (128, 128, 128)
    name = f" <b>{html.escape(entry.name)}</b>" if entry.name else ""
    return f'<li><i style="background:rgb{color}"></i>{entry.value}{name}</li>'


def _rest(count: int) -> list[str]:
    return [f"<li>{count:,} more</li>"] if count > 0 else []


def _ramp_entry(look: Look, name: str, unit: str | None) -> str:
    if look.steps is not None:
        colors = tuple(look.steps[255 * stop // (_STOPS - 1)][:3] for stop in range(_STOPS))
    else:
        colors = ramp_colors(look.ramp, _STOPS) if look.ramp else _GREY
    stops = ", ".join(f"rgb{color}" for color in colors)
    low, high = _ends(look, 0)
    return (
        f"<li>{html.escape(name)} <b>{low}</b> "
        f'<i class="ramp" style="background:linear-gradient(to right, {stops})"></i> '
        f"<b>{high}</b> {html.escape(unit or '')}</li>"
    )


def _channel_entries(look: Look, bands: Sequence[BandFacts]) -> list[str]:
    named = zip(_CHANNELS, bands, strict=True)
    return [
        _channel_entry(look, place, channel, _name(band), band.unit or "")
        for place, (channel, band) in enumerate(named)
    ]


def _channel_entry(look: Look, place: int, channel: str, name: str, unit: str) -> str:
    low, high = _ends(look, place)
    told = f" {html.escape(unit)}" if unit else ""
    return (
        f'<li><i style="background:{channel.lower()}"></i>{channel}: {html.escape(name)} '
        f"<b>{low} – {high}</b>{told}</li>"
    )


def _ends(look: Look, place: int) -> tuple[str, str]:
    ends = look.ranges[place]
    return ("lowest", "highest") if ends is None and look.ramp is not None else _numbers(ends or (0, 255))


def _numbers(ends: tuple[float, float]) -> tuple[str, str]:
    return f"{ends[0]:.5g}", f"{ends[1]:.5g}"


def _name(band: BandFacts) -> str:
    """By what it shows, where that is known: an item tells a colour as its description, too."""
    return band.role.common_name or band.description or band.name
