"""Parameters that are right each for itself and wrong together."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from rastercollection.errors import RequestProblem
from rastercollection.model import checks
from rastercollection.model.parameters import problems, shown
from rastercollection.model.tiers import LEVELS

if TYPE_CHECKING:
    from rastercollection.model.request import CollectionRequest

__all__ = ["MERCATOR", "TILE_MATRIX", "all_problems"]

TILE_MATRIX = "WebMercatorQuad"
MERCATOR = "EPSG:3857"


def all_problems(request: CollectionRequest) -> list[RequestProblem]:
    """Everything wrong with a request, field by field and then across fields."""
    found = problems(request)
    wrong = {problem.parameter for problem in found}
    found += _of_the_grid(request, wrong)
    return found if wrong & {"tiers", "output_tier", "compression"} else found + _of_the_codec(request, wrong)


def _of_the_grid(request: CollectionRequest, wrong: Set[str]) -> list[RequestProblem]:
    """What goes with WebMercatorQuad only, and what does not go with it."""
    found: dict[str, str] = {}
    if request.grid == TILE_MATRIX:
        if request.target_crs is not None and "target_crs" not in wrong and not _is_mercator(request.target_crs):
            found["target_crs"] = f"must be {MERCATOR}, or left out, with grid='{TILE_MATRIX}'"
        if request.resolution is not None:
            found["resolution"] = f"has no meaning with grid='{TILE_MATRIX}', whose zooms have theirs"
    elif request.zoom_strategy != "auto":
        found["zoom_strategy"] = f"has a meaning with grid='{TILE_MATRIX}' only"
    return [
        RequestProblem(name, shown(getattr(request, name)), allowed)
        for name, allowed in found.items()
        if not wrong & {name, "grid"}
    ]


def _of_the_codec(request: CollectionRequest, wrong: Set[str]) -> list[RequestProblem]:
    """A tier that there is not, and a level that its compression has not."""
    found: list[RequestProblem] = []
    tiers = request.all_tiers
    if request.output_tier not in tiers:
        found.append(
            RequestProblem("output_tier", repr(request.output_tier), checks.one_of(tuple(tiers))(request.output_tier))
        )
    codec = request.compression or (request.output_tier in tiers and request.tier.compression) or "DEFLATE"
    levels = LEVELS.get(codec)
    level = request.compression_level if "compression_level" not in wrong else None
    if not checks.goes_with(level, levels):
        allowed = f"must be from {levels[0]} to {levels[1]}" if levels else "has no meaning"
        found.append(RequestProblem("compression_level", repr(level), f"{allowed} with {codec}"))
    return found


def _is_mercator(value: str) -> bool:
    from rastercollection.geo.crs import parse_crs, same_crs

    return same_crs(parse_crs(value), parse_crs(MERCATOR))
