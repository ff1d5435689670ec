"""From an uncompressed image to encoded blocks of all levels: rows of blocks are encoded and reduced while at hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Protocol

import attrs
import numpy as np
from rasterio.windows import Window

from rastercollection.rasters.crew import Crew
from rastercollection.rasters.encoding.encoders import BlockEncoder
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer
from rastercollection.rasters.pixels.windows import Array, iterate_windows
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.writing.held_blocks import HeldBlocks
from rastercollection.rasters.writing.pyramid import Halving

__all__ = ["EncodedLevel", "ImageEncoder", "Watch"]

_Encoded = tuple[bytes, bytes]
"""A block of the image and the one of its mask; the latter is empty where there is none."""
_Piece = Callable[[], _Encoded | None]
_PART = 1024
"""Columns of an overview that are filled at once."""


@attrs.frozen(kw_only=True)
class _Strip:
    """The work of one row of blocks, and the first row of pixels that those after it need."""

    pieces: Sequence[_Piece]
    needed_after: int


class Watch(Protocol):
    """Is shown every block of the full resolution, from any thread, before its pixels are given up."""

    def __call__(self, window: Window, data: Array, mask: Array | None) -> None:
        """Look at a block, (bands, rows, columns), and its mask if it has one, (1, rows, columns), True where valid."""


@attrs.frozen(kw_only=True, eq=False)
class EncodedLevel:
    """One resolution: columns, rows, and the blocks of the image and of its mask."""

    width: int
    height: int
    image: HeldBlocks
    mask: HeldBlocks | None

    def take(self) -> Iterator[bytes]:
        """All blocks in the order in which they lie in a COG, once."""
        if self.mask is None:
            yield from self.image.take()
            return
        for pair in zip(self.image.take(), self.mask.take(), strict=True):
            yield from pair


@attrs.frozen(kw_only=True)
class ImageEncoder:
    """Encodes an image and its overviews.

    Attributes:
        workspace: For overviews and encoded blocks.
        encoder: Of blocks of pixels.
        mask_encoder: Of blocks of the mask.
        block_size: Side of a block in pixels.
        threads: That work at the same time.
        halving: Makes the next smaller level of a buffer at a decimation; nothing has been filled yet.
        fill: A block without a mask is left out where all of its pixels have this value; None if none is left out.
        watch: Is shown the full resolution; None if nobody looks.
        release: Whether pixels of the full resolution are given up once they are encoded.
    """

    workspace: Workspace
    encoder: BlockEncoder
    mask_encoder: BlockEncoder
    block_size: int
    threads: int
    halving: Callable[[RasterBuffer, int], Halving]
    fill: float | None = None
    watch: Watch | None = None
    release: bool = False

    def encode(self, image: RasterBuffer, overviews: int) -> list[EncodedLevel]:
        """Encode an image and so many overviews, which are made on the way; the image itself stays, if emptied."""
        levels, source = [], image
        with Crew.of(self.threads) as crew:
            for level in range(overviews + 1):
                halving = self.halving(source, 2**level) if level < overviews else None
                levels.append(self._level(source, halving, crew, is_whole=source is image))
                if source is not image:
                    source.discard()
                source = source if halving is None else halving.half
        return levels

    def _level(self, source: RasterBuffer, halving: Halving | None, crew: Crew, *, is_whole: bool) -> EncodedLevel:
        image = HeldBlocks(self.workspace)
        mask = HeldBlocks(self.workspace) if source.has_mask else None
        strips = [self._strip(source, rows, halving, is_whole=is_whole) for rows in self._rows(source)]
        done = crew.in_order(piece for strip in strips for piece in strip.pieces)
        for strip in strips:
            for block, mask_block in filter(None, islice(done, len(strip.pieces))):
                image.add(block)
                if mask is not None:
                    mask.add(mask_block)
            if self.release or not is_whole:
                source.release_before(strip.needed_after)
        return EncodedLevel(width=source.width, height=source.height, image=image, mask=mask)

    def _rows(self, source: RasterBuffer) -> Iterator[Window]:
        return iterate_windows(source.width, source.height, (self.block_size, source.width))

    def _strip(self, source: RasterBuffer, rows: Window, halving: Halving | None, *, is_whole: bool) -> _Strip:
        """A row of blocks: what encodes each of them, and what fills the smaller level below."""
        watch = self.watch if is_whole else None
        pieces: list[_Piece] = []
        for left in range(0, source.width, self.block_size):
            window = Window(left, rows.row_off, min(self.block_size, source.width - left), rows.height)
            pieces.append(partial(self._encoded, source, window, watch))
        if halving is not None:
            pieces += [partial(_fill, halving, part) for part in _below(halving.half, rows, source.height)]
        return _Strip(pieces=pieces, needed_after=_needed_from(halving, rows))

    def _encoded(self, source: RasterBuffer, window: Window, watch: Watch | None) -> _Encoded:
        data, mask = source.read(window), source.read_mask(window)
        if watch is not None:
            watch(window, data, mask)
        if mask is not None:
            return self.encoder.encode(data), self.mask_encoder.encode(mask)
        return b"" if self.fill is not None and _is_all(data, self.fill) else self.encoder.encode(data), b""


def _is_all(data: Array, value: float) -> bool:
    """Whether all pixels are of one value, which may be NaN."""
    if not _are(data[0, 0, 0], value):
        return False
    return bool(_are(data, value).all())


def _are(data: Any, value: float) -> Any:
    return np.isnan(data) if math.isnan(value) else data == data.dtype.type(value)


def _fill(halving: Halving, window: Window) -> None:
    halving.fill(window)


def _below(half: RasterBuffer, rows: Window, height: int) -> Iterator[Window]:
    """The windows of the smaller level that lie below a row of blocks of an image of so many rows."""
    top, end = rows.row_off // 2, rows.row_off + rows.height
    bottom = half.height if end == height else end // 2
    for left in range(0, half.width, _PART):
        yield Window(left, top, min(_PART, half.width - left), bottom - top)


def _needed_from(halving: Halving | None, rows: Window) -> int:
    """The first row that anything after a row of blocks needs."""
    end = int(rows.row_off + rows.height)
    if halving is None or end // 2 >= halving.half.height:
        return end
    return min(end, halving.first_row_needed(Window(0, end // 2, halving.half.width, 1)))
