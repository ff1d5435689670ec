"""Whether compressed blocks of a source are whole, by the checksums that their format has.

Most checksums are looked at by those who decode: by LERC, by HDF5, by the PNG library as a rule. GDAL's TIFF library
comes to that of a DEFLATE block only where it decodes the block as a whole and the block holds no more than it should:
not of a tile that reaches below the last row, not of one that damage makes longer, and of none where it has no
libdeflate. To those of LZMA and of PNG's chunks it comes at times. So all of a local file are looked at here.

ZSTD, LZW, WEBP, JPEG, JPEG 2000 and packed bits, as TIFF holds them, have no checksum: damage that decodes is not seen.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import zlib
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType

import attrs
import numpy as np
import rasterio
from isal import isal_zlib
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from rastercollection.errors import TileError
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.gdal_env import is_remote
from rastercollection.rasters.gdal_errors import GDAL_ERRORS
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source import tiff
from rastercollection.rasters.source.inspection import paged
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.rasters.source.tiff import Directory, Reader

__all__ = ["Content", "check_blocks", "check_checksums", "has_checksums"]

_DEFLATE, _LZMA = (8, 32946), (34925,)
_AT_ONCE = 2**20
_BLOCKS_AT_ONCE = 64
_LZMA_MEMORY = 2**28
_SLACK = 2**16
_PNG = b"\x89PNG\r\n\x1a\n"
_PROBE_SIDE = 16


@attrs.frozen(kw_only=True)
class Content:
    """The bytes of a file.

    Attributes:
        size: How many.
        read: Gives ranges of them, many small ones well; from one thread.
        fetch: Gives larger ones, from any thread.
    """

    size: int
    read: Reader
    fetch: Reader

    @classmethod
    def of_file(cls, path: str | Path) -> Content:
        """Of a local file."""

        def read(start: int, end: int) -> bytes:
            with open(path, "rb") as file:
                file.seek(start)
                return file.read(end - start)

        return cls(size=Path(path).stat().st_size, read=read, fetch=read)


@attrs.frozen(kw_only=True)
class _Block:
    directory: Directory
    number: int
    start: int
    end: int


def check_blocks(dataset: SourceDataset, storage: StorageBackend, source: SourceFile, limits: Limits) -> None:
    """Make sure that a source and its mask are whole, where they have checksums that reading them passes over.

    Args:
        dataset: Open.
        storage, source, limits: As it was opened with.

    Raises:
        TileError: ``FILE_UNREADABLE``, with the block.
        BackendError: The store failed.
    """
    path, blob, threads = dataset.gdal_path, dataset.blob, limits.gdal_threads
    pages = [int(name) - 1 for name in dataset.chosen.taken if name.isdecimal()] or [0]
    if is_remote(path):
        fetch = partial(storage.read, source.url)
        read = paged(storage, source.url)
        content = Content(size=source.size, read=read, fetch=fetch)
        check_checksums(content, blob, threads=threads, pages=pages, every_block=False)
        return
    check_checksums(Content.of_file(path), blob, threads=threads, pages=pages)
    mask = f"{path}.msk"
    if os.path.isfile(mask):
        check_checksums(Content.of_file(mask), f"The mask of {blob}", threads=threads)


def check_checksums(
    content: Content,
    blob: str,
    *,
    threads: int,
    pages: Container[int] = (0,),
    overviews: bool = False,
    every_block: bool = True,
) -> None:
    """Make sure that the checksums of a file hold that nobody looks at while its pixels are read.

    Args:
        content: Of the file.
        blob: Name of the tile.
        threads: To fetch and decode in.
        pages: Positions of those images of a TIFF that are read; masks are.
        overviews: Those of overviews and of their masks are looked at instead: nobody decodes them.
        every_block: Else just those of DEFLATE blocks that GDAL does not come to: on a server, each is a request.

    Raises:
        TileError: ``FILE_UNREADABLE``, with the block.
    """
    head = content.read(0, min(len(_PNG), content.size))
    if head == _PNG:
        _check_png(content.read, content.size, blob)
    if not tiff.is_tiff(head[:4]):
        return
    blocks = _blocks(content.read, content.size, pages, overviews=overviews, every_block=every_block)
    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="rastercollection-checksums") as pool:
        while batch := list(itertools.islice(blocks, _BLOCKS_AT_ONCE)):
            each = pool.map if len(batch) > 1 else map
            for block, whole in zip(batch, each(partial(_is_whole, content.fetch), batch), strict=True):
                if not whole:
                    raise _broken(block, blob)


def has_checksums(content: Content, *, overviews: bool = False) -> bool:
    """Whether every block of a file is tiled DEFLATE, so that all of it is whole once its checksums hold.

    Args:
        content: Of the file, a TIFF.
        overviews: The blocks of overviews and of their masks instead.
    """
    looked_at = [found for found in tiff.directories(content.read, content.size) if found.is_reduced == overviews]
    return all(found.tiled and found.fill_order == 1 and found.compression in _DEFLATE for found in looked_at)


def _blocks(read: Reader, size: int, pages: Container[int], *, overviews: bool, every_block: bool) -> Iterator[_Block]:
    """Blocks with a checksum that is to be looked at; what is wrong with tables is found, and told, by others."""
    with contextlib.suppress(tiff.MalformedTiffError, tiff.TruncatedTiffError):
        for number, directory in enumerate(tiff.directories(read, size)):
            if directory.fill_order != 1 or directory.compression not in (*_DEFLATE, *_LZMA):
                continue
            if number not in pages and not (directory.is_mask or directory.is_reduced):
                continue
            if directory.is_reduced != overviews:
                continue
            for block in range(directory.blocks) if every_block else _unchecked(directory):
                start, end = tiff.block_range(read, size, directory, block)
                if end > start:
                    yield _Block(directory=directory, number=block, start=start, end=end)


def _unchecked(directory: Directory) -> range | list[int]:
    """Numbers of the blocks whose checksums nobody looks at while pixels are read."""
    if directory.is_reduced or directory.compression not in _DEFLATE or not _gdal_checks_blocks():
        return range(directory.blocks)
    rows = directory.block[0]
    if not directory.tiled or directory.height % rows == 0:
        return []
    last = directory.height // rows
    return [block for block in range(directory.blocks) if directory.place_of(block)[2] == last]


def _is_whole(fetch: Reader, block: _Block) -> bool:
    content, stored = fetch(block.start, block.end), block.directory.stored_block_bytes
    most = stored + _SLACK
    if block.directory.compression in _DEFLATE:
        # of an image, GDAL tells what is too short where it needs the rest; overviews that are whole, nobody decodes
        least = stored if block.directory.tiled and block.directory.is_reduced else 0
        # zlib, which takes twice as long, has the last word
        return _inflates(isal_zlib, content, least, most) or _inflates(zlib, content, least, most)
    return _unpacks(content, most)


def _inflates(library: ModuleType, content: bytes, least: int, most: int) -> bool:
    """Whether a zlib stream comes to its end after ``least`` to ``most`` bytes, and matches its Adler-32."""
    decoder, found = library.decompressobj(), 0
    try:
        while not decoder.eof and found <= most:
            data = decoder.decompress(content, _AT_ONCE)
            content, found = decoder.unconsumed_tail, found + len(data)
            if not data and not content and not decoder.eof:
                return False
    except library.error:
        return False
    return bool(decoder.eof) and found >= least


def _unpacks(content: bytes, most: int) -> bool:
    """The same of an xz stream and its checks; True where this Python has no LZMA."""
    try:
        import lzma
    except ImportError:
        return True
    decoder, found = lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY), 0
    try:
        while not decoder.eof and found <= most:
            data = decoder.decompress(content, _AT_ONCE)
            content, found = b"", found + len(data)
            if not data and decoder.needs_input and not decoder.eof:
                return False
    except lzma.LZMAError:
        return False
    return True


def _broken(block: _Block, blob: str) -> TileError:
    directory = block.directory
    band, column, row = directory.place_of(block.number)
    rows, columns = directory.block
    left, top = column * columns, row * rows
    right, bottom = min(left + columns, directory.width) - 1, min(top + rows, directory.height) - 1
    what = ("the mask of an overview" if directory.is_mask else "an overview") if directory.is_reduced else "its mask"
    where = f" of {what}" if directory.is_reduced or directory.is_mask else ""
    return _damaged(
        f"{blob}: the checksum of a block{where} does not match its content (band {band}, block {column}, {row}: "
        f"columns {left}–{right}, rows {top}–{bottom}; bytes {block.start:,} to {block.end:,}).",
        {"band": band, "block": [column, row], "column": left, "row": top},
    )


def _damaged(message: str, details: dict[str, object]) -> TileError:
    return TileError(message, "The file is damaged: get a new copy of it.", "FILE_UNREADABLE", details=details)


def _check_png(read: Reader, size: int, blob: str) -> None:
    """CRC-32 of each chunk, its name included."""
    at = len(_PNG)
    while at + 12 <= size:
        head = read(at, at + 8)
        end = at + 12 + int.from_bytes(head[:4], "big")
        if end > size:
            return  # it is truncated, which its decoder tells
        crc = zlib.crc32(head[4:])
        for start in range(at + 8, end - 4, _AT_ONCE):
            crc = zlib.crc32(read(start, min(start + _AT_ONCE, end - 4)), crc)
        if crc != int.from_bytes(read(end - 4, end), "big"):
            name = head[4:].decode("ascii", "replace")
            raise _damaged(
                f"{blob}: the checksum of its {name} chunk at byte {at:,} does not match its content.",
                {"chunk": name, "byte": at},
            )
        at = end


@functools.cache
def _gdal_checks_blocks() -> bool:
    """Whether this GDAL notices a wrong checksum of a DEFLATE block that it decodes as a whole."""
    with ThreadPoolExecutor(1) as pool:  # in a thread, whose warnings nobody collects
        return pool.submit(_probe).result()


def _probe() -> bool:
    profile = {"width": _PROBE_SIDE, "height": _PROBE_SIDE, "count": 1, "dtype": "uint8", "tiled": True}
    place = {"transform": from_origin(0, 0, 2, 2), "blockxsize": _PROBE_SIDE, "blockysize": _PROBE_SIDE}
    with MemoryFile(ext=".tif") as memory:
        with memory.open(driver="GTiff", compress="DEFLATE", **profile, **place) as image:
            image.write(np.arange(_PROBE_SIDE**2, dtype=np.uint8).reshape(1, _PROBE_SIDE, _PROBE_SIDE))
        content = bytearray(memory.read())
    read: Reader = lambda start, end: bytes(content[start:end])  # noqa: E731
    _, end = tiff.block_range(read, len(content), next(tiff.directories(read, len(content))), 0)
    content[end - 1] ^= 1
    try:
        with MemoryFile(bytes(content), ext=".tif") as memory, rasterio.open(memory.name) as image:
            image.read()
    except GDAL_ERRORS:
        return True
    return False
