"""Whether tiles make one mosaic: do bands, types, nodata, heights and colour tables agree? Pure, no GDAL."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import attrs

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.model.joining import PublishedTile
from rastercollection.model.names import item_ids
from rastercollection.model.tiers import IMAGERY
from rastercollection.model.tile import Sources, Validation
from rastercollection.ports.catalog import PublishMode, keeps_others

__all__ = [
    "ASPECTS",
    "Disagreement",
    "TileGroup",
    "compare_tiles",
    "differing_heights",
    "outside_majority",
    "profile",
    "staying",
]

_Names = tuple[list[str], list[str]]
"""Of the job's tiles and of the published ones."""


@attrs.frozen
class TileGroup:
    """Tiles that are alike in one aspect.

    Attributes:
        value: What they have in common, in words.
        blobs: The job's tiles, in the order given.
        published: Ids of items that were in the collection before.
    """

    value: str
    blobs: tuple[str, ...]
    published: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Tiles, the job's and the published ones."""
        return len(self.blobs) + len(self.published)


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


_NO_HEIGHTS = (*IMAGERY, "categorical")
"""Types whose values are no heights, whatever the CRS says of heights."""


def _heights(tile: Validation) -> str:
    return tile.heights if tile.heights and tile.raster_type not in _NO_HEIGHTS else "none"


ASPECTS: Mapping[str, Callable[[Validation], str]] = {
    "band_count": lambda tile: str(tile.band_count),
    "bands": lambda tile: ", ".join(role.common_name or "unknown" for role in tile.roles) or "unknown",
    "dtype": lambda tile: ", ".join(dict.fromkeys(tile.dtypes)),
    "raster_type": lambda tile: tile.raster_type,
    "nodata": _nodata,
    "heights": _heights,
    "color_table": lambda tile: tile.color_table[:12] if tile.color_table else "none",
}
"""What has to agree, and how each is put in words."""


def profile(tile: Validation) -> dict[str, str]:
    """Every aspect of a tile in words."""
    return {aspect: describe(tile) for aspect, describe in ASPECTS.items()}


def compare_tiles(
    validations: Sequence[Validation], published: Sequence[PublishedTile] = ()
) -> tuple[Disagreement, ...]:
    """Every aspect in which the tiles differ; empty when they make a mosaic as they are.

    The answer depends on the tiles and their order only: of two majorities of one size, the one with the earlier
    tile is taken, and published tiles are earlier than all others. What is not known of a published tile differs from
    nothing.

    Args:
        validations: Of the job.
        published: Tiles that are in the collection and that the job does not replace.
    """
    tiles = [(tile.profile, tile.item_id, True) for tile in published if tile.profile]
    tiles += [(profile(tile), tile.source.blob, False) for tile in validations]
    if not validations:
        return ()
    majority = _majority([found for found, *_ in tiles])
    disagreements = []
    for aspect in ASPECTS:
        groups: dict[str, _Names] = {}
        for found, name, is_published in tiles:
            if aspect in found:
                groups.setdefault(found[aspect], ([], []))[is_published].append(name)
        if len(groups) > 1:
            ordered = sorted(groups, key=lambda value: (value != majority[aspect], -_count(groups[value])))
            made = [TileGroup(value, tuple(groups[value][0]), tuple(groups[value][1])) for value in ordered]
            disagreements.append(Disagreement(aspect, tuple(made)))
    return tuple(disagreements)


def _majority(profiles: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    """The most frequent of those that tell every aspect, with those that say nothing else; of equals the first."""
    # Counter keeps the order of first appearance, and max takes the first of equals.
    whole = [found for found in profiles if found.keys() >= ASPECTS.keys()]
    counts = Counter([tuple([found[aspect] for aspect in ASPECTS]) for found in whole])
    for found in (one for one in profiles if not one.keys() >= ASPECTS.keys()):
        told = [(position, found[aspect]) for position, aspect in enumerate(ASPECTS) if aspect in found]
        fitting = [each for each in counts if all(each[position] == value for position, value in told)]
        counts.update(fitting[:1])
    most: tuple[str, ...] = max(counts, key=counts.__getitem__)
    return dict(zip(ASPECTS, most, strict=True))


def _count(names: _Names) -> int:
    return len(names[0]) + len(names[1])


def outside_majority(disagreements: Sequence[Disagreement]) -> frozenset[str]:
    """The job's tiles that differ from the majority in any aspect."""
    return frozenset(blob for item in disagreements for group in item.groups[1:] for blob in group.blobs)


def staying(sources: Sources, valid: Sequence[Validation], mode: PublishMode) -> Sequence[PublishedTile]:
    """What is published and still will be when the job has ended: what none of its valid tiles takes the place of."""
    names = sources.names
    blobs = [tile.source.blob for tile in valid if tile.source.blob in names]
    replaced = {item_id for blob in blobs for item_id in item_ids(names[blob], blob)}
    return [tile for tile in sources.published if tile.item_id not in replaced] if keeps_others(mode) else ()


def differing_heights(validations: Sequence[Validation]) -> tuple[Notice, ...]:
    """A notice where elevations refer to different things, or some of them to nothing that is known."""
    groups: dict[str | None, list[str]] = {}
    for tile in validations:
        if tile.raster_type == "dem":
            groups.setdefault(tile.heights, []).append(tile.source.blob)
    if len(groups) < 2:
        return ()
    from rastercollection.geo.heights import heights_label

    said = "; ".join(f"to {heights_label(heights)}: {listed(blobs)}" for heights, blobs in groups.items())
    message = (
        f"The tiles' heights do not refer to the same, and are not transformed; where tiles meet, there may be steps. "
        f"{said}. Set input_crs with heights for tiles that do not say, or make several collections."
    )
    return (Notice(code="HEIGHTS_DIFFER", message=message),)
