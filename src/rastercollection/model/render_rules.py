"""What a render definition may say: by itself, and of a collection. Pure."""

from __future__ import annotations

import ast
import math
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from rastercollection.model.render import Renderable, RenderDefinition

__all__ = ["PARSING", "RESAMPLINGS", "bands_of", "definition_problem", "unfit"]

RESAMPLINGS = ("nearest", "bilinear", "cubic", "cubic_spline", "lanczos", "average", "mode", "rms")
"""What rio-tiler takes for reading as well as for warping."""
_FUNCTIONS = (
    *("abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "ceil", "cos", "cosh", "exp"),
    *("expm1", "floor", "fmod", "log", "log10", "log1p", "max", "min", "sin", "sinh", "sqrt", "tan", "tanh", "where"),
)
_NODES = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.Constant, ast.Name, ast.Call, ast.Load),
    *(ast.operator, ast.unaryop, ast.cmpop),
)
_BAND = re.compile(r"b([1-9]\d*)")
_LONGEST = 1000
PARSING = threading.Lock()
"""Held while an expression is parsed: Python 3.11 counts the depth of syntax trees for all threads together, and now
and then raises a SystemError where two are parsed at the same time."""


def definition_problem(definition: Any) -> str:
    """What keeps a definition from being one, whatever the collection; empty where nothing does."""
    if not isinstance(definition, RenderDefinition):
        return f"it is a {type(definition).__name__}, no RenderDefinition"
    found = (
        _of_text(definition),
        _of_bands(definition),
        _of_rescale(definition),
        _of_colors(definition),
        _of_the_rest(definition),
    )
    return next(filter(None, found), "")


def unfit(definition: RenderDefinition, collection: Renderable) -> str:
    """What keeps a definition from showing a collection; empty where nothing does."""
    count = len(collection.bands)
    strange = [number for number in bands_of(definition) if number > count]
    if strange:
        return f"it shows band {strange[0]} of {count}"
    alpha = [band.number for band in collection.bands if band.color_interpretation == "alpha"]
    hidden = [number for number in bands_of(definition) if number in alpha]
    return f"it shows band {hidden[0]}, which says where pixels are" if hidden else ""


def bands_of(definition: RenderDefinition) -> tuple[int, ...]:
    """Numbers of all bands that are read for it: in their order of ``bands``, else as they stand in the expression."""
    if definition.expression is None:
        return definition.bands
    return tuple(dict.fromkeys(int(number) for number in re.findall(r"\bb(\d+)\b", definition.expression)))


def _of_text(definition: RenderDefinition) -> str:
    texts = ("expression", "colormap_name", "color_formula", "resampling", "algorithm")
    if not isinstance(definition.title, str) or not definition.key:
        return "its title must be a text"
    wrong = [name for name in texts if not isinstance(getattr(definition, name), str | None)]
    return f"its {wrong[0]} must be a text" if wrong else ""


def _of_bands(definition: RenderDefinition) -> str:
    if definition.expression is not None:
        if definition.bands:
            return "it has both bands and an expression"
        problems = filter(None, map(_of_block, definition.expression.split(";")))
        wrong = "it is too long" if len(definition.expression) > _LONGEST else next(problems, "")
        if wrong:
            return f"its expression {definition.expression[:100]!r} cannot be computed: {wrong}"
    elif not isinstance(definition.bands, tuple) or not all(_is_whole(number, 1) for number in definition.bands):
        return "its bands must be numbers from 1"
    return "" if definition.shown in (1, 3) else "it must show one value, or three as red, green and blue"


def _of_block(block: str) -> str:
    """What is wrong with one expression."""
    try:
        with PARSING:
            tree = ast.parse(block.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "it is no arithmetic"
    problems = filter(None, map(_of_node, ast.walk(tree)))
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    strange = [name for name in names if not _BAND.fullmatch(name)]
    if strange:
        return f"{strange[0]} is no band: bands are called b1, b2 …"
    return next(problems, "") or ("" if names else "it names no band")


def _of_node(node: ast.AST) -> str:
    if not isinstance(node, _NODES):
        return f"{type(node).__name__} is not allowed"
    if isinstance(node, ast.Constant) and (isinstance(node.value, bool) or not isinstance(node.value, int | float)):
        return f"{node.value!r} is no number"
    if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS):
        return f"the functions are {', '.join(_FUNCTIONS)}"
    return ""


def _of_rescale(definition: RenderDefinition) -> str:
    ranges = definition.rescale
    if not isinstance(ranges, tuple) or not all(isinstance(ends, tuple) and len(ends) == 2 for ends in ranges):
        return "its rescale must be pairs of numbers"
    if not all(_is_number(end) for ends in ranges for end in ends) or any(low >= high for low, high in ranges):
        return "its rescale must be pairs of numbers, the lower first"
    if ranges and len(ranges) != definition.shown:
        return f"its rescale has {len(ranges)} pairs for {definition.shown} values"
    return ""


def _of_colors(definition: RenderDefinition) -> str:
    colors, name = definition.colormap, definition.colormap_name
    if colors is None and name is None:
        return ""
    if colors is not None and name is not None:
        return "it has both a colormap and a colormap_name"
    if definition.shown != 1:
        return "it has colours for one value, and shows three"
    if name is not None:
        return "" if re.fullmatch(r"\w+", name) else "its colormap_name must be a name"
    if not isinstance(colors, Mapping) or not colors:
        return "its colormap must have colours by value"
    return next(filter(None, _of_steps(colors, is_ramp=bool(definition.rescale))), "")


def _of_steps(colors: Mapping[Any, Any], *, is_ramp: bool) -> Iterator[str]:
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in colors):
        yield "its colormap must have colours by whole numbers"
    for value, color in colors.items():
        if not isinstance(color, tuple) or len(color) != 4 or not all(_is_whole(part, 0, 255) for part in color):
            yield f"its colormap must have four numbers from 0 to 255 of each value; of {value} it is {str(color)[:40]}"
    if is_ramp and set(colors) != set(range(256)):
        yield "its colormap must have the 256 steps from 0 to 255 of its rescale"


def _of_the_rest(definition: RenderDefinition) -> str:
    if definition.resampling is not None and definition.resampling not in RESAMPLINGS:
        return f"its resampling must be one of {', '.join(RESAMPLINGS)}"
    if definition.nodata is not None and definition.nodata != "nan" and not _is_number(definition.nodata):
        return "its nodata must be a number, or nan"
    zooms = definition.minmax_zoom
    if zooms and not (isinstance(zooms, tuple) and len(zooms) == 2 and all(_is_whole(zoom, 0, 30) for zoom in zooms)):
        return "its minmax_zoom must be two zooms"
    if definition.buffer is not None and not _is_whole(definition.buffer, 0, 256):
        return "its buffer must be a number of pixels, at most 256"
    return ""


def _is_whole(value: Any, low: int, high: int | None = None) -> bool:
    ok = isinstance(value, int) and not isinstance(value, bool) and value >= low
    return ok and (high is None or value <= high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
