"""What tiles of one structure (data types, alpha) are together, where each by itself tells one thing or nothing. Pure.

Tiles that are clearly of one kind decide; those that show little are taken for the same. Classes among quantities stay
what they are, for whoever compares the tiles to tell. Where whole numbers may be flags and nothing speaks clearly
against it, no tile is given a kernel that makes values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import attrs

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.model.evidence import PixelEvidence, Subject, Verdict, judge, pooled
from rastercollection.model.tile import TYPE_OF, Validation

__all__ = ["Ruling", "rule_on_bands", "rule_on_four", "rule_on_one"]

_CLEAR = ("terrain", "quantity")
_IF_CLASSES = "set raster_type='categorical' if they are classes"
_IF_QUANTITY = "warp_resampling='bilinear' and overview_resampling='average' if they are a quantity or a picture"


@attrs.frozen(kw_only=True)
class Ruling:
    """What is ruled for some tiles.

    Attributes:
        blobs: The tiles.
        raster_type: What they are taken for; None where that stays.
        keeps_values: No kernel may make values that are not there.
        notice: What to tell of it.
        is_of_kernels: The notice is about kernels only, and idle where the user has ordered them.
    """

    blobs: tuple[str, ...]
    raster_type: str | None
    keeps_values: bool
    notice: Notice | None = None
    is_of_kernels: bool = False


_Kind = Literal["clear", "classes", "doubtful", "weak"]


def _kind(tile: Validation) -> _Kind:
    """Whether a tile is clearly a quantity, classes, may hold flags and is no quantity, or shows neither."""
    found = tile.detection
    if tile.raster_type == "categorical":
        return "classes"
    if found.content in _CLEAR:
        return "clear"
    is_sharp = found.pixels is not None and found.pixels.is_sharp
    return "doubtful" if found.content == "codes" and (found.subject == "classes" or is_sharp) else "weak"


def rule_on_one(tiles: Sequence[Validation]) -> Iterator[Ruling]:
    """Rule on tiles of one band, beside alpha; of whatever else there is, nothing is said."""
    found: dict[_Kind, list[Validation]] = {"clear": [], "classes": [], "doubtful": [], "weak": []}
    for tile in tiles:
        if tile.detection.content or tile.raster_type == "categorical":
            found[_kind(tile)].append(tile)
    clear, classes, unclear = found["clear"], found["classes"], found["doubtful"] + found["weak"]
    if not clear and not classes:
        yield from _together(unclear)
    elif len(classes) > len(clear):
        yield from _joining(unclear, "categorical", len(classes))
        yield from _quantities(clear, ())
    elif found["doubtful"]:
        yield from _kept(clear + unclear, found["doubtful"], _most(clear))
    else:
        yield from _quantities(clear, found["weak"])


def _together(tiles: Sequence[Validation]) -> Iterator[Ruling]:
    """No tile is clear by itself: what all of them show together, else the harmless choice."""
    if not tiles:
        return
    verdict = _verdict(tiles)
    if verdict.content in ("codes", "little") or any(_kind(tile) == "doubtful" for tile in tiles):
        yield from _kept(tiles, tiles)
    else:
        raster_type = TYPE_OF[verdict.content]
        notice = Notice(
            code="RASTER_TYPE_OF_COLLECTION",
            message=f"No tile shows by itself what it is; all together ({len(tiles)}) are taken for {raster_type} "
            f"({'; '.join(verdict.reasons)}). If they are not, {_IF_CLASSES}, or give another raster_type.",
        )
        yield _ruling(tiles, raster_type, keeps_values=verdict.content == "classes", notice=notice)


def _kept(tiles: Sequence[Validation], because: Sequence[Validation], raster_type: str = "unknown") -> Iterator[Ruling]:
    """The harmless choice for all of them: no kernel makes values."""
    if _pooled(tiles).distinct < 2:  # nothing is at stake
        return
    reasons = _verdict(because).reasons
    notice = Notice(
        code="RASTER_TYPE_UNCLEAR",
        message=f"Nothing shows clearly what is in {_named(because)} ({'; '.join(reasons)}). So that no value appears "
        f"that was not there, all tiles ({len(tiles)}) are warped by nearest, and their overviews made by nearest: "
        f"{_IF_CLASSES}, {_IF_QUANTITY}.",
    )
    yield _ruling(tiles, raster_type, keeps_values=True, notice=notice, is_of_kernels=True)


def _quantities(clear: Sequence[Validation], weak: Sequence[Validation]) -> Iterator[Ruling]:
    """Terrain or another quantity: as the clear ones are, or all of them together where they are not of one kind."""
    if not clear:
        return
    contents = {tile.detection.content for tile in clear}
    subjects = {tile.detection.subject for tile in clear} & {"terrain", "quantity"}
    if len(contents) > 1 and len(subjects) > 1:  # they are said to be different things
        return
    raster_type = clear[0].raster_type
    if len(contents) > 1:
        verdict = _verdict((*clear, *weak))
        raster_type = TYPE_OF[verdict.content] if verdict.content in _CLEAR else _most(clear)
    others = [tile for tile in clear if tile.raster_type != raster_type]
    yield from _joining([*others, *weak], raster_type, len(clear) - len(others))
    if contents == {"terrain"} and all(tile.detection.confidence == "low" for tile in clear):
        yield _hardly_terrain(clear)


def _hardly_terrain(tiles: Sequence[Validation]) -> Ruling:
    notice = Notice(
        code="RASTER_TYPE_UNCLEAR",
        message=f"{_named(tiles)}: taken for dem, though not as smooth as terrain mostly is "
        f"({'; '.join(_verdict(tiles).reasons)}), which decides how they are drawn; bilinear and average suit any "
        "quantity. Set raster_type='dem' if they are heights, or give files or bands a name or a unit that says what "
        "they are.",
    )
    return _ruling(tiles, "dem", keeps_values=False, notice=notice)


def _joining(tiles: Sequence[Validation], raster_type: str, alike: int) -> Iterator[Ruling]:
    """Tiles that are taken for what so many others are."""
    if not tiles:
        return
    as_others = f"as the other {alike} are" if alike else "by what all of them show together"
    named = raster_type if raster_type != "unknown" else "a picture or another quantity"
    notice = Notice(
        code="RASTER_TYPE_OF_COLLECTION",
        message=f"{_named(tiles)}: taken for {named}, {as_others}, though their own pixels do not show it. "
        "If they are something else, make a collection of their own for them, or set raster_type.",
    )
    yield _ruling(tiles, raster_type, keeps_values=raster_type == "categorical", notice=notice)


def rule_on_four(tiles: Sequence[Validation]) -> Iterator[Ruling]:
    """Rule on tiles of four bands, the last of which is not named: one with many values is no alpha in any of them."""
    guessed = [
        tile for tile in tiles if tile.raster_type in ("nir", "rgba") and tile.detection.confidence != "very_high"
    ]
    infrared = [tile for tile in guessed if tile.raster_type == "nir"]
    clear = [tile for tile in infrared if tile.detection.confidence == "high"]
    raster_type = "nir" if clear or len(infrared) == len(guessed) else "rgba"
    others = [tile for tile in guessed if tile.raster_type != raster_type]
    yield from _joining(others, raster_type, len(guessed) - len(others))


def rule_on_bands(tiles: Sequence[Validation]) -> Iterator[Ruling]:
    """Rule on tiles of several bands, some of which may hold flags: no kernel may make values in those."""
    several = [tile for tile in tiles if not tile.detection.content and tile.band_count > 1]
    found = Counter(number for tile in several for number in tile.detection.codes)
    against = Counter(number for tile in several for number in tile.detection.quantities)
    codes = sorted(number for number, times in found.items() if times >= against[number])
    if codes:
        yield _ruling(several, None, keeps_values=True, notice=_of_flags(codes, len(several)), is_of_kernels=True)
    elif found:
        odd = [tile for tile in several if tile.detection.codes]
        notice = Notice(
            code="RASTER_TYPE_OF_COLLECTION",
            message=f"{_named(odd)}: band {_numbers(found)} looks like flags there, but not in most tiles, and is "
            "taken for a quantity. If it holds flags, set warp_resampling='nearest' and overview_resampling='nearest'.",
        )
        yield _ruling(odd, None, keeps_values=False, notice=notice, is_of_kernels=True)


def _of_flags(bands: Sequence[int], tiles: int) -> Notice:
    return Notice(
        code="FLAG_BANDS",
        message=f"Band {_numbers(bands)} may hold flags or classes. All bands of all {tiles} tiles are warped by "
        "nearest, and their overviews made by nearest, so that no value appears that was not there: set "
        "warp_resampling and overview_resampling if they are quantities, or make a collection of its own for them.",
    )


def _numbers(bands: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(bands)))


def _pooled(tiles: Sequence[Validation]) -> PixelEvidence:
    return pooled([tile.detection.pixels for tile in tiles if tile.detection.pixels is not None])


def _verdict(tiles: Sequence[Validation]) -> Verdict:
    """What tiles are together; names count where all that say something say the same."""
    said: set[Subject] = {tile.detection.subject for tile in tiles if tile.detection.subject}
    return judge(_pooled(tiles), tiles[0].dtypes[0], said.pop() if len(said) == 1 else "")


def _most(tiles: Sequence[Validation]) -> str:
    types = [tile.raster_type for tile in tiles]
    return max(types, key=types.count)


def _named(tiles: Sequence[Validation]) -> str:
    return listed(tile.source.blob for tile in tiles)


def _ruling(
    tiles: Sequence[Validation],
    raster_type: str | None,
    *,
    keeps_values: bool,
    notice: Notice,
    is_of_kernels: bool = False,
) -> Ruling:
    return Ruling(
        blobs=tuple(tile.source.blob for tile in tiles),
        raster_type=raster_type,
        keeps_values=keeps_values,
        notice=notice,
        is_of_kernels=is_of_kernels,
    )
