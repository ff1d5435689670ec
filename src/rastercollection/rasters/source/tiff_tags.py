"""What a TIFF's tags say that GDAL passes over in silence, so that it is told before it is lost."""

from __future__ import annotations

from collections.abc import Iterator

from rastercollection.core.models import Notice
from rastercollection.rasters.source.tiff import (
    Entry,
    EntryLayout,
    MalformedTiffError,
    Reader,
    TruncatedTiffError,
    read_entries,
    read_header,
    read_values,
)

__all__ = ["unseen"]

_ORIENTATION, _EXTRA_SAMPLES, _GEO_KEYS, _GDAL_METADATA = 274, 338, 34735, 42112
_UPRIGHT, _PREMULTIPLIED, _COORDINATE_EPOCH = 1, 1, 5120
_MOST_VALUES = 4096
_LARGEST_METADATA = 2**20
_KEY_LENGTH = 4
"""Numbers of a key in the directory of geographic keys; its header has as many."""


def unseen(read: Reader, size: int, *, reads_tables: bool) -> tuple[Notice, ...]:
    """Notices, whose messages follow the name of the file.

    Args:
        read: Gives ranges of bytes.
        size: Length of the file.
        reads_tables: Whether GDAL reads attribute tables inside GeoTIFFs.
    """
    try:
        layout, start = read_header(read, size)
        entries, _ = read_entries(read, layout, start)
        return tuple(_told(read, layout, entries, reads_tables=reads_tables))
    except (MalformedTiffError, TruncatedTiffError):
        return ()  # whoever checks the structure says so


def _told(read: Reader, layout: EntryLayout, entries: dict[int, Entry], *, reads_tables: bool) -> Iterator[Notice]:
    def numbers(tag: int) -> list[int]:
        entry = entries.get(tag)
        if entry is None or not entry.count:
            return []
        return [int(n) for n in read_values(read, layout.order, layout.size, entry, 0, min(entry.count, _MOST_VALUES))]

    orientation = next(iter(numbers(_ORIENTATION)), _UPRIGHT)
    if orientation not in (0, _UPRIGHT):
        yield Notice(
            code="ORIENTATION_IGNORED",
            message=f"TIFF orientation {orientation} asks viewers to turn the picture; as in GDAL, the georeference "
            "alone tells where pixels are.",
        )
    if _PREMULTIPLIED in numbers(_EXTRA_SAMPLES):
        yield Notice(
            code="ALPHA_PREMULTIPLIED",
            message="its colours are multiplied by alpha already, which a COG does not say: where it is half "
            "transparent, readers show it too dark.",
        )
    if _COORDINATE_EPOCH in numbers(_GEO_KEYS)[_KEY_LENGTH::_KEY_LENGTH]:
        yield Notice(
            code="COORDINATE_EPOCH_DROPPED",
            message="the epoch of its coordinates is not carried over; nothing was moved.",
        )
    metadata = entries.get(_GDAL_METADATA)
    if metadata is not None and not reads_tables:
        content = read(metadata.position, metadata.position + min(metadata.count, _LARGEST_METADATA))
        if b'role="rat"' in content:
            yield Notice(
                code="ATTRIBUTES_DROPPED",
                message="the GDAL in use cannot read the attribute table in it; GDAL 3.12 can.",
            )
