"""What is checked of a source before and after GDAL opens it: kind, structure, limits, references to other files."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import attrs

from rastercollection.core.models import Notice
from rastercollection.errors import ObjectNotFoundError, TaskError, TileError
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import ObjectInfo, StorageBackend
from rastercollection.rasters.source import jp2, tiff, tiff_tags
from rastercollection.rasters.source.classes import HAS_TABLES
from rastercollection.rasters.source.netcdf3 import MalformedNetcdfError, needed_bytes
from rastercollection.rasters.source.sniff import HDF5, HEAD_BYTES, Kind, sniff
from rastercollection.rasters.source.subdatasets import names_inside
from rastercollection.rasters.source.two_files import described_kind

__all__ = ["Inspection", "check_dataset", "check_reach", "check_unchanged", "inspect", "paged"]

_PAGE = 2**16
_MOST_PAGES = 64
_PNG_END = b"IEND\xae\x42\x60\x82"
_LONGEST_HEADER = 2**22
_NETCDF_ENDINGS = (".nc", ".nc2", ".nc3", ".nc4", ".cdf", ".grd")


@attrs.frozen(kw_only=True)
class Inspection:
    """What the bytes say.

    Attributes:
        driver: GDAL's usual driver for them; empty when they are of no known kind.
        as_kind: `` as a TIFF`` and the like, for messages; empty likewise.
        unseen: Notices of what GDAL passes over, whose messages follow the name of the file.
    """

    driver: str = ""
    as_kind: str = ""
    unseen: tuple[Notice, ...] = ()


def inspect(storage: StorageBackend, source: SourceFile, policy: SourcePolicy) -> Inspection:
    """Look at a source without GDAL.

    Raises:
        TileError: FILE_IS_DIRECTORY, FILE_EMPTY, FILE_TRUNCATED, FILE_UNREADABLE, DRIVER_NOT_ALLOWED, TOO_MANY_PIXELS,
            TOO_MANY_BANDS or BLOCK_TOO_LARGE.
        TaskError: FILE_NOT_FOUND; SOURCE_CHANGED, retryable.
    """
    try:
        info = storage.stat(source.url)
    except ObjectNotFoundError as error:
        raise TaskError(
            f"{source.blob}: there is no such file in the container.", "Correct blob_list.", "FILE_NOT_FOUND"
        ) from error
    _check_same(info, source)
    if info.is_folder:
        raise TileError(f"{source.blob} is a folder.", "Name the files in it, or a pattern.", "FILE_IS_DIRECTORY")
    if info.size == 0:
        raise TileError(f"{source.blob} is empty (0 bytes).", "Get a new copy of it.", "FILE_EMPTY")
    read = paged(storage, source.url)
    head = read(0, min(HEAD_BYTES, info.size))
    kind = _told_apart(sniff(head), source.file) or described_kind(storage, source.url)
    if kind is None:
        return Inspection()
    _check_kind(kind, source.blob, policy)
    unseen: tuple[Notice, ...] = ()
    if tiff.is_tiff(head):
        _check_tiff(read, info.size, source.blob, policy, all_pages=bool(source.part))
        unseen = tiff_tags.unseen(read, info.size, reads_tables=HAS_TABLES)
    _check_structure(read, head, info.size, source.blob)
    return Inspection(driver=kind.drivers[0], as_kind=f" as {kind.name}", unseen=unseen)


def check_unchanged(storage: StorageBackend, source: SourceFile) -> None:
    """That a source is still what it was when the job found it: else parts of one and another would be mixed.

    Raises:
        TaskError: ``SOURCE_CHANGED``, retryable.
    """
    try:
        info = storage.stat(source.url)
    except ObjectNotFoundError as error:
        raise _changed(source) from error
    _check_same(info, source)


def _check_same(info: ObjectInfo, source: SourceFile) -> None:
    if source.version and (info.version, info.size) != (source.version, source.size):
        raise _changed(source)


def _changed(source: SourceFile) -> TaskError:
    return TaskError(
        f"{source.blob} was replaced, or written to, while the job worked on it.",
        "Run the job again when nothing writes to it any more.",
        "SOURCE_CHANGED",
        retryable=True,
    )


def _told_apart(kind: Kind | None, blob: str) -> Kind | None:
    """HDF5 files are netCDF to GDAL only by the endings that netCDF uses."""
    if kind is HDF5 and PurePosixPath(blob).suffix.lower() not in _NETCDF_ENDINGS:
        return Kind(kind.name, HDF5.drivers[1:])
    return kind


def paged(storage: StorageBackend, url: str) -> tiff.Reader:
    """A reader that fetches small ranges a page at a time: headers are read in many small steps."""
    pages: dict[int, bytes] = {}

    def page(number: int) -> bytes:
        if number not in pages:
            if len(pages) >= _MOST_PAGES:
                del pages[next(iter(pages))]
            pages[number] = storage.read(url, number * _PAGE, (number + 1) * _PAGE)
        return pages[number]

    def read(start: int, end: int) -> bytes:
        if end - start > _PAGE:
            return storage.read(url, start, end)
        first, last = start // _PAGE, max(start, end - 1) // _PAGE
        joined = b"".join(page(number) for number in range(first, last + 1))
        return joined[start - first * _PAGE : end - first * _PAGE]

    return read


def _check_kind(kind: Kind, blob: str, policy: SourcePolicy) -> None:
    if any(driver in policy.drivers for driver in kind.drivers):
        return
    if not kind.drivers:
        hint = "Unpack it first." if "archive" in kind.name else "Check where the file comes from."
        raise TileError(f"{blob} is {kind.name}, not a raster.", hint, "DRIVER_NOT_ALLOWED")
    raise TileError(
        f"{blob} is {kind.name}; the GDAL driver {kind.drivers[0]} is not among those allowed "
        f"({', '.join(policy.drivers)}).",
        f"Convert it to GeoTIFF, or add {kind.drivers[0]!r} to drivers if you trust the file.",
        "DRIVER_NOT_ALLOWED",
    )


def _check_structure(read: tiff.Reader, head: bytes, size: int, blob: str) -> None:
    """That a PNG, JPEG 2000 or classic netCDF file is all there.

    GDAL fills up what is missing of some and says nothing, or loops over damaged headers of others.
    """
    if head.startswith(b"\x89PNG") and _PNG_END not in read(max(0, size - _PAGE), size):
        raise _truncated(blob, "its end is missing")
    if jp2.is_jp2(head):
        problem = jp2.box_problem(read, size)
        if problem:
            raise _truncated(blob, problem.text) if problem.is_truncation else _damaged(blob, problem.text)
    if head[:3] == b"CDF":
        try:
            length = needed_bytes(read(0, min(size, _LONGEST_HEADER)), is_whole_file=size <= _LONGEST_HEADER)
        except MalformedNetcdfError as error:
            raise _damaged(blob, str(error)) from error
        if length is not None and length > size:
            raise _truncated(blob, f"its variables need {length:,} bytes, the file has {size:,}")


def _truncated(blob: str, problem: str) -> TileError:
    return TileError(
        f"{blob} is truncated: {problem}.", "The copy is incomplete: get the file again.", "FILE_TRUNCATED"
    )


def _damaged(blob: str, problem: str) -> TileError:
    return TileError(f"{blob} is damaged: {problem}.", "Get a new copy of it.", "FILE_UNREADABLE")


def _check_tiff(read: tiff.Reader, size: int, blob: str, policy: SourcePolicy, *, all_pages: bool = False) -> None:
    """Limits and completeness of the image and its masks; overviews are not used and may be anything."""
    try:
        for number, directory in enumerate(tiff.directories(read, size)):
            if number > 0 and (directory.is_reduced or not (directory.is_mask or all_pages)):
                continue
            _check_size(blob, directory.width, directory.height, directory.samples, policy)
            _check_block(blob, directory.block_bytes, policy)
            missing = tiff.missing_data(read, size, directory)
            if missing:
                raise tiff.TruncatedTiffError(missing)
    except tiff.TruncatedTiffError as error:
        raise _truncated(blob, str(error)) from error
    except tiff.MalformedTiffError as error:
        raise _damaged(blob, str(error)) from error


def check_mask(storage: StorageBackend, url: str, blob: str, policy: SourcePolicy) -> None:
    """Likewise for a mask in a file of its own, a TIFF.

    Raises:
        TileError: As of :func:`inspect`.
    """
    _check_tiff(paged(storage, url), storage.stat(url).size, f"The mask of {blob}", policy)


def _check_size(blob: str, width: int, height: int, bands: int, policy: SourcePolicy) -> None:
    if width * height > policy.max_pixels:
        raise TileError(
            f"{blob} has {width:,} × {height:,} = {width * height:,} pixels; at most {policy.max_pixels:,} are "
            "accepted.",
            "Cut it into tiles, or raise max_pixels.",
            "TOO_MANY_PIXELS",
        )
    if bands > policy.max_bands:
        raise TileError(
            f"{blob} has {bands:,} bands; at most {policy.max_bands:,} are accepted.",
            "Split it, or raise max_bands.",
            "TOO_MANY_BANDS",
        )


def _check_block(blob: str, size: int, policy: SourcePolicy) -> None:
    if size > policy.max_block_bytes:
        raise TileError(
            f"{blob}: one block of it takes {size:,} bytes decoded; at most {policy.max_block_bytes:,} are accepted.",
            "Rewrite it with smaller blocks (tiled, 512 × 512), or raise max_block_bytes.",
            "BLOCK_TOO_LARGE",
        )


def check_dataset(dataset: Any, blob: str, policy: SourcePolicy) -> None:
    """Limits and contents of an open dataset; reads no pixels.

    Raises:
        TileError: NO_RASTER_BAND, TOO_MANY_PIXELS, TOO_MANY_BANDS or BLOCK_TOO_LARGE.
    """
    if dataset.count == 0:
        names = names_inside(dataset)
        holds = f"holds {len(names)} variables ({', '.join(names[:10])})" if names else "holds no raster band"
        hint = "Set `subdatasets` to the one wanted, to 'tiles' or to 'bands'." if names else "It is no raster."
        raise TileError(f"{blob} {holds}.", hint, "NO_RASTER_BAND")
    _check_size(blob, dataset.width, dataset.height, dataset.count, policy)
    rows, columns = dataset.block_shapes[0]
    shared = 1 if dataset.tags(ns="IMAGE_STRUCTURE").get("INTERLEAVE") != "PIXEL" else dataset.count
    _check_block(blob, math.prod((rows, columns, shared, _bytes_of(dataset.dtypes[0]))), policy)


def _bytes_of(dtype: str) -> int:
    digits = "".join(character for character in dtype if character.isdigit())
    return max(1, int(digits or 8) // 8)


def check_reach(dataset: Any, path: str, blob: str, *, local: bool) -> None:
    """That an open dataset leads to no files outside its folder.

    Raises:
        TaskError: ``UNSAFE_SOURCE``.
    """
    unsafe: Callable[[str], TaskError] = lambda problem: TaskError(  # noqa: E731
        f"{blob} {problem}.", "Remove the reference, or rewrite the file.", "UNSAFE_SOURCE"
    )
    overviews: Mapping[str, str] = dataset.tags(ns="OVERVIEWS")
    if overviews:
        raise unsafe("names another file as its overviews")
    folder = os.path.dirname(path)
    if local and any(os.path.dirname(os.path.abspath(name)) != folder for name in dataset.files):
        raise unsafe("leads to files outside its folder")
