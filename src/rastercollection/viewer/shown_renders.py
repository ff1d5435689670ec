"""The ways to show a collection, and the colours that values have in them. Pure, no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from rastercollection.disclosure.logs import get_logger
from rastercollection.model.look import Look
from rastercollection.rasters.reduced.painting import ramp_colors
from rastercollection.stac.renders import look_of
from rastercollection.stac.terms import VISUAL
from rastercollection.stac.tile_servers import build_urls

__all__ = ["Ramp", "ShownRender", "ramps", "renders_of"]

USUAL_RAMPS = ("gray", "viridis", "magma", "cividis", "turbo", "terrain", "rdylgn", "rdbu")
STOPS = 32

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class ShownRender:
    """One way to show a collection.

    Attributes:
        key, title: From the document.
        tiles: Template of the tiles' address, relative to the collection.
        look: How values become colours; without bands where the document names none.
        algorithm: What TiTiler makes of the values before they are coloured; empty for nothing.
    """

    key: str
    title: str
    tiles: str
    look: Look
    algorithm: str


@attrs.frozen(kw_only=True)
class Ramp:
    """Colours that a single band's values run through, ``#rrggbb``, evenly spaced from the lowest to the highest."""

    name: str
    colors: tuple[str, ...]


def renders_of(document: Mapping[str, Any], version: str) -> tuple[ShownRender, ...]:
    """``visual`` first. One that cannot be understood is left out; without any, the server's own choice is shown."""
    every = document.get("renders")
    named: Mapping[str, Any] = every if isinstance(every, dict) and every else {VISUAL: {"title": "Data"}}
    made = []
    for key in sorted(named, key=lambda name: name != VISUAL):
        try:
            made.append(_shown(str(key), named[key], version))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            log.warning("the render %r is left out: %s", key, error)
    return tuple(made) or (_shown(VISUAL, {"title": "Data"}, version),)


def _shown(key: str, render: Mapping[str, Any], version: str) -> ShownRender:
    title, algorithm = render.get("title"), render.get("algorithm")
    look = (
        look_of(render)
        if {"bidx", "expression"} & render.keys()
        else attrs.evolve(look_of(render), bands=(), ranges=())
    )
    _check(look)
    return ShownRender(
        key=key,
        title=title if isinstance(title, str) and title else key,
        tiles=build_urls("", {"v": version}, render)["tiles"].lstrip("/"),
        look=look,
        algorithm=algorithm if isinstance(algorithm, str) else "",
    )


def _check(look: Look) -> None:
    """Raise ValueError where numbers or names are something else: documents may hold anything."""
    numbers = [value for ends in look.ranges if ends is not None for value in ends]
    if not all(isinstance(band, int) and band > 0 for band in look.bands) or not all(map(math.isfinite, numbers)):
        raise ValueError("bands are numbers from 1, and ends of ranges numbers")
    if look.ramp is not None and not isinstance(look.ramp, str):
        raise ValueError("colormap_name is a name")


def ramps(renders: Iterable[ShownRender]) -> tuple[Ramp, ...]:
    """Those to choose among, and those that renders have; a name that stands for no colours is left out."""
    wanted = dict.fromkeys([*USUAL_RAMPS, *(render.look.ramp for render in renders if render.look.ramp)])
    return tuple(ramp for name in wanted if (ramp := _ramp(name)) is not None)


def _ramp(name: str) -> Ramp | None:
    try:
        colors = ramp_colors(name, STOPS)
    except Exception as error:  # noqa: BLE001 - rio-tiler has an error of its own, and others for maps of other shapes
        log.warning("the colours %r are not known: %s", name, error)
        return None
    return Ramp(name=name, colors=tuple(f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colors))
