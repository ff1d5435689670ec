"""Whether tiles make one mosaic: do bands, types, nodata and colour tables agree? Pure, no GDAL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import attrs

from rastercollection.model.tile import Validation

__all__ = ["ASPECTS", "Disagreement", "TileGroup", "compare_tiles", "outside_majority"]


@attrs.frozen
class TileGroup:
    """Tiles that are alike in one aspect.

    Attributes:
        value: What they have in common, in words.
        blobs: The tiles, in the order given.
    """

    value: str
    blobs: tuple[str, ...]


@attrs.frozen
class Disagreement:
    """An aspect in which tiles differ.

    Attributes:
        aspect: One of :data:`ASPECTS`.
        groups: At least two, which together hold every tile. The first is the one that the majority is in, the
            largest set of tiles that agree in *all* aspects; the others follow by size.
    """

    aspect: str
    groups: tuple[TileGroup, ...]


def _nodata(tile: Validation) -> str:
    if tile.nodata is None:
        return "none"
    number = float(tile.nodata)
    if math.isnan(number):
        return "nan"
    return str(tile.nodata if isinstance(tile.nodata, int) or not number.is_integer() else int(number))


ASPECTS: Mapping[str, Callable[[Validation], str]] = {
    "band_count": lambda tile: str(tile.band_count),
    "bands": lambda tile: ", ".join(role.common_name or "unknown" for role in tile.roles) or "unknown",
    "dtype": lambda tile: ", ".join(dict.fromkeys(tile.dtypes)),
    "raster_type": lambda tile: tile.raster_type,
    "nodata": _nodata,
    "color_table": lambda tile: tile.color_table[:12] if tile.color_table else "none",
}
"""What has to agree, and how each is put in words."""


def compare_tiles(validations: Sequence[Validation]) -> tuple[Disagreement, ...]:
    """Every aspect in which the tiles differ; empty when they make a mosaic as they are.

    The answer depends on the tiles and their order only: of two majorities of one size, the one with the earlier
    tile is taken.
    """
    profiles = [tuple(describe(tile) for describe in ASPECTS.values()) for tile in validations]
    if len(set(profiles)) < 2:
        return ()
    # Counter keeps the order of first appearance, and max takes the first of equals.
    counts = Counter(profiles)
    majority = max(counts, key=lambda profile: counts[profile])
    found = []
    for position, aspect in enumerate(ASPECTS):
        groups: dict[str, list[str]] = {}
        for tile, profile in zip(validations, profiles, strict=True):
            groups.setdefault(profile[position], []).append(tile.source.blob)
        if len(groups) > 1:
            ordered = sorted(groups, key=lambda value: (value != majority[position], -len(groups[value])))
            found.append(Disagreement(aspect, tuple(TileGroup(value, tuple(groups[value])) for value in ordered)))
    return tuple(found)


def outside_majority(disagreements: Sequence[Disagreement]) -> frozenset[str]:
    """The tiles that differ from the majority in any aspect."""
    return frozenset(blob for item in disagreements for group in item.groups[1:] for blob in group.blobs)
