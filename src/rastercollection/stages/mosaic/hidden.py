"""What COGs of a mosaic hide of each other, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.model.band_names import common_name, designation_in, name_in_text
from rastercollection.model.cog import Cog
from rastercollection.mosaics.overlaps import HiddenByCollar, SamePlace, hidden_by_collars, same_places
from rastercollection.stac.items import is_dated

__all__ = ["hidden_notices"]


def hidden_notices(cogs: Sequence[Cog]) -> Iterator[Notice]:
    """What to tell of COGs, in the order of the mosaic, that hide others."""
    places = same_places(cogs)
    if places:
        yield Notice(code="TILES_COVERED", message=_of_places(places, len(cogs)))
    collars = hidden_by_collars(cogs)
    if collars:
        yield Notice(code="COLLARS_HIDE_DATA", message=_of_collars(collars))


def _of_places(places: Sequence[SamePlace], count: int) -> str:
    members = [cog for place in places for cog in place.cogs]
    most = max(len(place.cogs) for place in places)
    where = "one place" if len(places) == 1 else f"{len(places)} places, up to {most} in each"
    least = round(100 * min(place.shared for place in places))
    shared = "all" if least == 100 else f"{least}% or more"
    names = listed([cog.source_blob for cog in places[0].cogs])
    return (
        f"{len(members)} of {count} tiles cover each other wholly, in {where}: they share {shared} of their footprints "
        f"({names}). A mosaic shows the first of a place, {places[0].cogs[0].source_blob} here, on top of the "
        f"others. {_why(places)}"
    )


def _why(places: Sequence[SamePlace]) -> str:
    """What such tiles are by their names and times, and what to do."""
    files = [_file_of(place.cogs) for place in places]
    if all(files):
        return f"They are rasters of one file ({files[0]}): subdatasets='bands' makes one tile of them."
    bands = [sorted(_bands_in(place.cogs)) for place in places]
    if all(bands):
        return (
            f"Their names look like those of bands ({', '.join(bands[0])}): stack the bands of a place into one file "
            "first, for instance with 'rio stack', and name them with `bands`."
        )
    times = sorted({_time(cog) for place in places for cog in place.cogs if is_dated(cog)})
    if any(len({_time(cog) for cog in place.cogs if is_dated(cog)}) > 1 for place in places):
        return (
            f"Their times differ, from {times[0]} to {times[-1]}; the newest is on top. The catalog holds them all. "
            "Make a collection of each time."
        )
    return (
        "Their times do not differ, as far as they are known, and the last by its id is on top: leave out those that "
        "are there twice, or set `datetime` or `datetime_pattern`."
    )


def _bands_in(cogs: Sequence[Cog]) -> tuple[str, ...]:
    """The words by which the names of files are told apart, where those are names of bands; else empty."""
    words = [re.split(r"[^A-Za-z0-9]+", PurePosixPath(cog.source_blob).stem) for cog in cogs]
    if len({len(each) for each in words}) != 1:
        return ()
    telling = (column for column in zip(*words, strict=True) if len(set(column)) == len(cogs))
    return next((column for column in telling if all(map(_is_band, column))), ())


def _file_of(cogs: Sequence[Cog]) -> str:
    """The file that all of them are parts of; empty where there is none."""
    files = {cog.source_blob.rpartition(":")[0] for cog in cogs}
    return files.pop() if len(files) == 1 else ""


def _is_band(word: str) -> bool:
    return bool(common_name(word) or name_in_text(word) or designation_in(word))


def _time(cog: Cog) -> str:
    return cog.datetime or cog.start_datetime or cog.end_datetime or ""


def _of_collars(found: Sequence[HiddenByCollar]) -> str:
    worst = max(found, key=lambda each: each.share)
    collar = worst.above.collar
    assert collar is not None
    names = listed([each.above.source_blob for each in found])
    return (
        f"{len(found)} tiles have a border of one value that nothing marks as invalid, and hide with it what tiles "
        f"below them show ({names}). {worst.above.source_blob}: {collar.value} along {collar.edge_percent:.0f}% of its "
        f"edge, in {collar.area_percent:.0f}% of its pixels; it hides {100 * worst.share:.1f}% of "
        f"{worst.below.source_blob}. Declare the value as nodata in the files (rio edit-info --nodata {collar.value}), "
        "or give them a mask where pixels inside have it, too, and run the job again."
    )
