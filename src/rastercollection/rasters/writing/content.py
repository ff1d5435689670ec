"""Reading a finished COG back and comparing it with what it was written from."""

from __future__ import annotations

import math
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import attrs
import numpy as np
from isal import isal_zlib
from rasterio.io import DatasetReader
from rasterio.windows import Window

from rastercollection.model.receipt import FidelityCheck
from rastercollection.rasters.crew import Crew
from rastercollection.rasters.pixels.validity import PixelLayout, Valid, Validity
from rastercollection.rasters.pixels.windows import Array, iterate_windows
from rastercollection.rasters.writing.image_encoder import Watch
from rastercollection.rasters.writing.reading_back import open_cog

__all__ = ["Content", "ExactContent", "ExpectedContent", "Look", "compared_of", "differing"]

_LEAST_PSNR = 10.0
"""Random colours, which JPEG's subsampled chroma cannot hold, come to 13 dB."""
_EVERY = 4
"""One of so many blocks is decoded where pixels were resampled."""


@attrs.define(kw_only=True)
class Content:
    """What reading a COG back has shown.

    Attributes:
        pixels: Pixels that were compared, counted in one band.
        wrong_pixels: Of those, the ones in blocks that differ from what was handed to a lossless codec.
        wrong_validity: Pixels in blocks of which one is valid where it should not be, or the reverse.
        squares: Sum of squared differences, of a lossy codec, over valid pixels.
        compared: Number of values in that sum.
    """

    pixels: int = 0
    wrong_pixels: int = 0
    wrong_validity: int = 0
    squares: float = 0.0
    compared: int = 0

    def checks(self, *, exact: bool, largest: float) -> Iterator[FidelityCheck]:
        """As figures of a receipt; ``largest`` is the largest value that pixels can have."""
        yield FidelityCheck.within("wrong_validity", 0, self.wrong_validity, 0)
        if exact:
            yield FidelityCheck.within("wrong_pixels", 0, self.wrong_pixels, 0)
        elif self.compared:
            mean = self.squares / self.compared
            psnr = 10 * math.log10(largest**2 / mean) if mean else 99.0
            yield FidelityCheck.at_least("psnr_db", _LEAST_PSNR, round(psnr, 2))


Look = Callable[[Array, Valid], None]
"""Is given pixels, ``(bands, rows, columns)``, and which of them are valid."""


class ExpectedContent(Protocol):
    """What a COG was written from; the image itself need not stay."""

    @property
    def exact(self) -> bool:
        """Whether every bit of it has to come back."""

    @property
    def watch(self) -> Watch:
        """Is shown the image block by block when it is encoded."""

    def compare(self, cog: DatasetReader, look: Look | None = None, *, threads: int = 1) -> Content:
        """Read a COG back and compare it, once.

        Args:
            cog: A local file, open; where several threads read, the others open it for themselves.
            look: Is given the pixels that are read, from one thread at a time.
            threads: That read.
        """


@attrs.define(kw_only=True)
class ExactContent:
    """Digests of the blocks of an image, taken when they are encoded.

    Attributes:
        blob: Name of the tile; it decides which blocks are compared where not all are.
        layout: How the image tells invalid pixels.
        only_valid: Values of invalid pixels need not survive the codec.
        resampled: Pixels are not those of the source: some of the blocks are compared, and of the others the mask.
        width: Of the image in pixels.
        height: Of the image in pixels.
        block_size: Side of a block in pixels.
    """

    blob: str
    layout: PixelLayout
    only_valid: bool
    resampled: bool
    width: int
    height: int
    block_size: int
    _values: dict[tuple[int, int], int] = attrs.field(factory=dict)
    _validity: dict[tuple[int, int], int] = attrs.field(factory=dict)

    exact = True

    def watch(self, window: Window, data: Array, mask: Valid) -> None:
        """Take the digests of a block, ``(bands, rows, columns)``, and its mask; from any thread."""
        place = int(window.row_off), int(window.col_off)
        if self._is_compared(window):
            valid = self.layout.validity.judge(data, mask)
            self._keep(window, data, valid)
            self._validity[place] = _digest_of_validity(valid)
        elif self.layout.kind == "mask" or mask is not None:
            self._validity[place] = _digest_of_validity(None if mask is None or mask.all() else mask)

    def compare(self, cog: DatasetReader, look: Look | None = None, *, threads: int = 1) -> Content:
        """As :meth:`ExpectedContent.compare`."""
        windows = list(iterate_windows(self.width, self.height, (self.block_size, self.block_size)))
        turn = threading.Lock()

        def in_turn(data: Array, valid: Valid) -> None:
            with turn:
                if look is not None:
                    look(data, valid)

        share = -(-len(windows) // threads)
        shares = [windows[start : start + share] for start in range(0, len(windows), share)]
        with Crew.of(min(threads, len(shares))) as crew:
            first = partial(self._compare_some, cog, shares[0], in_turn)
            others = [partial(self._compare_in, Path(cog.name), some, in_turn) for some in shares[1:]]
            found = crew.all([first, *others])
        return Content(
            pixels=sum(content.pixels for content in found),
            wrong_pixels=sum(content.wrong_pixels for content in found),
            wrong_validity=sum(content.wrong_validity for content in found),
            squares=sum(content.squares for content in found),
            compared=sum(content.compared for content in found),
        )

    def _keep(self, window: Window, data: Array, valid: Valid) -> None:
        """Keep of a block what its pixels will be compared with."""
        self._values[_place(window)] = self._digest(data, valid)

    def _compare_pixels(self, content: Content, window: Window, data: Array, valid: Valid) -> None:
        """Compare a block as it was read back with what was kept of it."""
        if self._values.get(_place(window)) != self._digest(data, valid):
            content.wrong_pixels += window.width * window.height

    def _compare_in(self, target: Path, windows: Sequence[Window], look: Look) -> Content:
        with open_cog(target) as cog:
            return self._compare_some(cog, windows, look)

    def _compare_some(self, cog: DatasetReader, windows: Sequence[Window], look: Look) -> Content:
        content, validity = Content(), Validity.of(cog)
        for window in windows:
            if self._is_compared(window):
                self._compare_block(content, cog, validity, window, look)
            elif validity.kind == "mask" or _place(window) in self._validity:
                self._compare_validity(content, window, _mask(cog, validity, window))
        return content

    def _compare_block(
        self, content: Content, cog: DatasetReader, validity: Validity, window: Window, look: Look
    ) -> None:
        data, valid, _ = validity.read(cog, window)
        content.pixels += window.width * window.height
        self._compare_validity(content, window, valid)
        self._compare_pixels(content, window, data, valid)
        look(data, valid)

    def _compare_validity(self, content: Content, window: Window, found: Valid) -> None:
        if self._validity.get(_place(window), 0) != _digest_of_validity(found):
            content.wrong_validity += window.width * window.height

    def _is_compared(self, window: Window) -> bool:
        return self._number(window) % self._every == zlib.crc32(self.blob.encode()) % self._every

    @property
    def _every(self) -> int:
        return compared_of(self.width, self.height, self.block_size, resampled=self.resampled)

    def _number(self, window: Window) -> int:
        """Of a block, from left to right and from top to bottom."""
        across = -(-self.width // self.block_size)
        return int(window.row_off) // self.block_size * across + int(window.col_off) // self.block_size

    def _digest(self, data: Array, valid: Valid) -> int:
        if self.only_valid and valid is not None:
            data = np.where(valid, data, data.dtype.type(0))
        return int(isal_zlib.crc32(np.ascontiguousarray(data).data.cast("B")))


def compared_of(width: int, height: int, block_size: int, *, resampled: bool) -> int:
    """One of how many blocks of an image is compared."""
    return _EVERY if resampled and -(-width // block_size) * -(-height // block_size) >= _EVERY else 1


def _place(window: Window) -> tuple[int, int]:
    return int(window.row_off), int(window.col_off)


def _digest_of_validity(valid: Valid) -> int:
    """0 where all pixels are valid."""
    return 0 if valid is None else int(isal_zlib.crc32(np.packbits(valid).tobytes(), valid.shape[0]))


def _mask(cog: DatasetReader, validity: Validity, window: Window) -> Valid:
    """A COG's own mask alone, which costs next to nothing to decode."""
    if validity.kind != "mask":
        return None
    found = cog.read_masks(1, window=window)[np.newaxis] > 0
    return None if found.all() else found


def differing(one: Valid, other: Valid, window: Window) -> int:
    """How many pixels of a window are valid by one only."""
    if one is None and other is None:
        return 0
    shape = (1, window.height, window.width)
    first, second = (np.ones(shape, bool) if valid is None else valid for valid in (one, other))
    return int(np.count_nonzero(first != second))
