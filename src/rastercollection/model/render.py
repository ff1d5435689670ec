"""How a collection may be shown: what a render is told of it, and what it answers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs

from rastercollection.model import foreign_values
from rastercollection.model.band import RasterClass
from rastercollection.model.combining import ColorTable
from rastercollection.model.value_range import Spread

__all__ = [
    "LIKE_BEFORE",
    "RENDERS",
    "RENDERS_ONLY",
    "USUAL",
    "Render",
    "RenderBand",
    "RenderDefinition",
    "Renderable",
    "color_ramp",
    "plain_renders",
]

RENDERS = (
    "how the collection is shown, the first in front: `usual`, `natural`, `color-infrared`, `ndvi`, `elevation`, "
    "`hillshade`, `classes`, `bands`, a plug-in's name, or a definition of your own (in JSON on the command line)"
)
LIKE_BEFORE = "those that the collection has been given before, else `usual`"
"""What the parameter means, and what holds unless it is given."""
RENDERS_ONLY = ("renders",)
"""Parameters that say how a collection is looked at, and nothing of what is made: no part of a job's identity."""

USUAL = "usual"
"""Among names of renders, stands for all that show the data as they are, and what is made beside them."""

Color = tuple[int, int, int, int]
_LEVELS = 256


@attrs.frozen(kw_only=True)
class RenderBand:
    """A band of a collection, as all of its tiles that are drawn together have it.

    Attributes:
        number: From 1; alpha bands are counted.
        common_name: In the words of STAC's eo extension (``red``, ``nir08``); None where nothing says which it is.
        description: The band's own, of the first tile; None without one.
        dtype: NumPy's name.
        color_interpretation: GDAL's name, lower case; ``alpha`` for a band that holds no values.
        unit: Of values times ``scale`` plus ``offset``; None where nothing tells, or tiles differ.
        scale, offset: 1 and 0 where the files have none; None where tiles differ.
        nodata: The value that stands for none; None without one, or where tiles differ.
        spread: Where the stored values of the whole collection lie; None where nothing tells.
        classes: Values that have names.
    """

    number: int
    common_name: str | None = None
    description: str | None = None
    dtype: str = "uint8"
    color_interpretation: str = "undefined"
    unit: str | None = None
    scale: float | None = 1.0
    offset: float | None = 0.0
    nodata: float | None = None
    spread: Spread | None = None
    classes: tuple[RasterClass, ...] = ()


@attrs.frozen(kw_only=True)
class Renderable:
    """What a render is told of a collection.

    Attributes:
        raster_type: What its tiles are taken for: rgb, rgba, dem, categorical, multispectral, nir, unknown.
        bands: In the order of the files.
        is_classes: Its only band holds classes.
        keeps_values: Values stand for something, and none may be made up between two of them.
        colors: Of the values of its only band, keys as text; None without a colour table.
    """

    raster_type: str
    bands: tuple[RenderBand, ...]
    is_classes: bool = False
    keeps_values: bool = False
    colors: ColorTable | None = None

    def band(self, *names: str) -> RenderBand | None:
        """The band with the first of these common names that any has; None where none has."""
        known = {band.common_name: band for band in reversed(self.bands)}
        return next((known[name] for name in names if name in known), None)


def _bands(value: int | Iterable[int]) -> Any:
    given = foreign_values.plain(value)
    return (given,) if isinstance(given, int) else _tuple(given)


def _tuple(value: Any) -> Any:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return value
    return tuple(map(foreign_values.plain, value))


def _pairs(value: Iterable[Sequence[float]]) -> Any:
    pairs = _tuple(value)
    if not isinstance(pairs, tuple):
        return pairs
    if len(pairs) == 2 and all(isinstance(end, int | float) for end in pairs):
        return (pairs,)
    return tuple(map(_tuple, pairs))


def _colors(value: Mapping[Any, Sequence[int] | str] | None) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {_number(key): _color(color) for key, color in value.items()}


def _number(key: Any) -> Any:
    given = foreign_values.plain(key)
    return int(given) if isinstance(given, str) and re.fullmatch(r"-?\d+", given) else given


def _color(value: Any) -> Any:
    """Red, green, blue and alpha of ``#rrggbb``, ``#rrggbbaa``, or of three or four numbers."""
    if isinstance(value, str) and re.fullmatch("#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", value):
        return tuple(bytes.fromhex(value[1:].ljust(8, "f")))
    parts = _tuple(value)
    return (*parts, 255) if isinstance(parts, tuple) and len(parts) == 3 else parts


@attrs.frozen(kw_only=True)
class RenderDefinition:
    """One way to show a collection. What is left out is chosen as for the library's own renders.

    Attributes:
        title: For people, as ``NDVI``.
        bands: Numbers from 1: one, or three that are shown as red, green and blue. Or there is an ``expression``.
        expression: Arithmetic on bands, which are called ``b1``, ``b2`` …, as rio-tiler takes it; one, or three with
            semicolons between them.
        rescale: For each value that is shown, the one that is drawn darkest and the one that is drawn brightest; empty
            for bytes that are shown as they are.
        colormap_name: Name of the colours, as rio-tiler has them, that a single value runs through.
        colormap: Red, green, blue and alpha, 0–255, of single values; with ``rescale`` of its 256 steps, see
            :func:`color_ramp`. In Python also ``#rrggbb``.
        color_formula: What is done to the colours in the end, as rio-tiler takes it: ``gamma RGB 1.2``.
        resampling: GDAL's name, lower case; chosen by the data unless given.
        nodata: Value that stands for none; that of the COGs, where they have one, unless given.
        minmax_zoom: First and last zoom that it is made for; empty for all. It is told, and nobody is kept to it.
        algorithm: What TiTiler makes of the values before they are coloured, as ``hillshade``; a map of its own.
        buffer: Pixels around a tile that the algorithm looks at.
    """

    title: str
    bands: tuple[int, ...] = attrs.field(default=(), converter=_bands)
    expression: str | None = None
    rescale: tuple[tuple[float, float], ...] = attrs.field(default=(), converter=_pairs)
    colormap_name: str | None = None
    colormap: Mapping[int, Color] | None = attrs.field(default=None, converter=_colors)
    color_formula: str | None = None
    resampling: str | None = None
    nodata: float | str | None = attrs.field(default=None, converter=foreign_values.plain)
    minmax_zoom: tuple[int, ...] = attrs.field(default=(), converter=_tuple)
    algorithm: str | None = None
    buffer: int | None = None

    @property
    def shown(self) -> int:
        """Number of values that are shown: 1, or 3 for red, green and blue."""
        return len([block for block in self.expression.split(";") if block]) if self.expression else len(self.bands)

    @property
    def key(self) -> str:
        """What it is called where it has no other name than its title."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")

    def to_dict(self) -> dict[str, Any]:
        """Its fields that say something, JSON-able; :class:`RenderDefinition` takes them back."""
        told = attrs.asdict(self, filter=lambda _, value: value not in (None, (), {}))
        if self.colormap:
            told["colormap"] = {str(value): list(color) for value, color in self.colormap.items()}
        return {name: _plain(value) for name, value in told.items()}


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def plain_renders(renders: Iterable[str | RenderDefinition] | None) -> list[Any] | None:
    """Names and definitions, JSON-able."""
    return None if renders is None else [one if isinstance(one, str) else one.to_dict() for one in renders]


@runtime_checkable
class Render(Protocol):
    """A way to show collections; a plug-in is a function, or an object that can be called."""

    def __call__(self, collection: Renderable, /) -> RenderDefinition | None:
        """How this collection is shown; None where it cannot be shown this way.

        The answer follows from ``collection`` alone: it is asked for again whenever the collection is published or
        checked, in other processes too.
        """
        ...


def color_ramp(*colors: str | Sequence[int]) -> Mapping[int, Color]:
    """Colours that values run through, from the lowest to the highest, as 256 steps.

    Args:
        colors: At least two, evenly spaced: ``#rrggbb``, ``#rrggbbaa``, or three or four numbers from 0 to 255.
    """
    stops = [_color(color) for color in colors]
    if len(stops) < 2 or not all(isinstance(stop, tuple) and len(stop) == 4 for stop in stops):
        raise ValueError("a ramp needs two colours or more, each #rrggbb or three or four numbers")
    return {level: _between(stops, level / (_LEVELS - 1) * (len(stops) - 1)) for level in range(_LEVELS)}


def _between(stops: Sequence[Color], place: float) -> Color:
    first = min(int(place), len(stops) - 2)
    share = place - first
    one, other = stops[first], stops[first + 1]
    red, green, blue, alpha = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue, alpha
