"""What commands about rasters and published collections show, as text that is safe in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from rastercollection.cli.terminal import error_text, plural
from rastercollection.cli.wording import in_options
from rastercollection.disclosure.escaping import safe_text
from rastercollection.disclosure.listing import listed
from rastercollection.disclosure.markup import byte_count

if TYPE_CHECKING:
    from rastercollection.job.raster_info import RasterInfo
    from rastercollection.job.upkeep.collection_listing import PublishedCollection
    from rastercollection.job.upkeep.collection_push import Push
    from rastercollection.job.upkeep.collection_removal import Removal

__all__ = ["print_collection", "print_collections", "print_push", "print_raster", "print_removal"]

MOST_FILES = 40


def print_collections(found: Sequence[PublishedCollection], stream: TextIO) -> None:
    """A line for each: id, items, when, where."""
    width = max((len(one.collection_id) for one in found), default=0)
    for one in found:
        line = f"{one.collection_id:<{width}}  {plural(one.items, 'item'):>10}  {_when(one):<23}  {one.where}"
        stream.write(f"{safe_text(line)}\n")
    if not found:
        stream.write("no collections\n")


def print_collection(one: PublishedCollection, stream: TextIO) -> None:
    """All that its document tells."""
    facts = {
        "Title": one.title if one.title != one.collection_id else "",
        "Items": str(one.items),
        "When": _when(one),
        "Bounds": ", ".join(f"{edge:.6g}" for edge in one.bbox),
        "CRS": ", ".join(one.crs),
        "Type": ", ".join(one.raster_types),
        "Bands": ", ".join(one.bands),
        "Mosaic": one.mosaic or "",
        "Overview": one.overview or "",
        "STAC": one.where,
    }
    _print_facts(one.collection_id, facts, stream)


def print_raster(raster: RasterInfo, stream: TextIO) -> None:
    """What it is, and what would become of it."""
    told, forecast = raster.validation, raster.forecast
    facts = {"File": byte_count(raster.size)}
    if told is not None:
        facts |= {
            "Format": told.driver,
            "Pixels": f"{told.width:,} × {told.height:,}, {plural(told.band_count, 'band')} of {_once(told.dtypes)}",
            "Bands": ", ".join(told.color_interpretation),
            "CRS": f"{told.crs} ({told.crs_source.replace('_', ' ')}), pixels of {told.pixel_size[0]:g}",
            "Nodata": f"{told.nodata}" if told.nodata is not None else told.validity,
            "Bounds": ", ".join(f"{edge:.6g}" for edge in told.bounds_4326),
            "Type": f"{told.raster_type} ({told.detection.confidence})",
        }
    if raster.problem is None and forecast.shape is not None:
        rows, columns = forecast.shape
        change = "resampled" if forecast.resampled else "pixels kept"
        size = byte_count(forecast.bytes_out or 0)
        facts["Becomes"] = f"a COG of {columns:,} × {rows:,}, {change}, {forecast.compression}, about {size}"
    elif raster.problem is not None:
        facts["Refused"] = error_text(raster.problem)
    facts |= {f"Note {number}": f"[{one.code}] {one.message}" for number, one in enumerate(raster.notices, 1)}
    _print_facts(raster.where, facts, stream)


def print_removal(removal: Removal, stream: TextIO) -> None:
    """What goes, file by file, and what stays."""
    verb = "would be removed" if removal.is_dry_run else "removed"
    for name in removal.files[:MOST_FILES]:
        stream.write(f"{verb}: {safe_text(name)}\n")
    if len(removal.files) > MOST_FILES:
        stream.write(f"… and {len(removal.files) - MOST_FILES} more files\n")
    rest = f"{plural(removal.left, 'item')} left" if removal.left else "the whole collection"
    facts = {
        "Items": f"{len(removal.items)} {verb}, {rest}",
        "Files": f"{len(removal.files)}, {byte_count(removal.size)}",
        "STAC": removal.where,
    }
    if removal.spared:
        facts["Stays"] = f"{listed(removal.spared)}: nothing in the folder says that it is the collection's"
    _print_facts(removal.collection_id, facts, stream)


def print_push(push: Push, stream: TextIO) -> None:
    """What was copied, and whether the collection is sound there."""
    facts = {
        "Items": str(push.items),
        "Files": f"{push.copied} copied and compared, {byte_count(push.size)}; {push.found} were there",
        "Stay": f"{listed(push.kept)}, which the collection has there alone" if push.kept else "",
        "STAC": push.where,
        "Checked": "nothing is wrong" if not push.findings else "",
        **{f"Wrong {number}": finding for number, finding in enumerate(push.findings, 1)},
    }
    _print_facts(push.collection_id, facts, stream)


def _print_facts(title: str, facts: Mapping[str, str], stream: TextIO) -> None:
    lines = [title, *(f"  {name:<8}  {in_options(fact)}" for name, fact in facts.items() if fact)]
    stream.write("".join(f"{safe_text(line)}\n" for line in lines))


def _when(one: PublishedCollection) -> str:
    start, end = ((moment or "")[:10] for moment in one.interval)
    return start if start == end else f"{start or '..'}/{end or '..'}"


def _once(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(values))
