"""An uncompressed image between reading and encoding, which GDAL reads in place through a VRT document."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import attrs
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import DatasetReader, DatasetWriter
from rasterio.windows import Window

from rastercollection.rasters.gdal_types import GDAL_TYPES
from rastercollection.rasters.pixels.in_memory import bear_with_no_georeference
from rastercollection.rasters.pixels.packed_mask import PackedMask
from rastercollection.rasters.pixels.validity import Valid, any_band
from rastercollection.rasters.pixels.windows import Array, ValidityMap, iterate_windows, window_steps
from rastercollection.rasters.pixels.workspace import Pixels, PixelsInMemory, Workspace

__all__ = [
    "RasterBuffer",
    "ValidPixels",
    "add_scales",
    "add_table",
    "add_text",
    "open_buffer",
    "opened_buffer",
    "reading_buffers",
    "repeat_band_tags",
    "set_georeference",
]

_AT_ONCE = 2**22
_READS_BUFFERS = {"GDAL_MEM_ENABLE_OPEN": "YES", "VRT_ALLOW_MEM_DRIVER": "YES"}
"""Arrays of this process in VRT documents: set while a buffer is open, and no longer."""
_BAND = re.compile(r'(?s)<VRTRasterBand [^>]*band="(\d+)".*?</VRTRasterBand>')
_BAND_TAGS = re.compile(r"(?s)(<VRTRasterBand [^>]*>\s*<Metadata)(>.*?</Metadata>)")
"""Those of the default domain, which GDAL writes first."""


@attrs.define(kw_only=True)
class ValidPixels:
    """Which pixels were read or written as valid.

    Attributes:
        counts: Valid pixels of each band.
        map: Valid pixels by coarse cell.
        steps: Rows and columns of the windows.
        differs: Bands disagree on which pixels are valid.
        misread: Values do not tell all readers which pixels are valid: only a mask does.
        half_transparent: Pixels that an alpha band makes so, where a mask takes its place.
    """

    counts: NDArray[np.int64]
    map: ValidityMap
    steps: tuple[int, int]
    differs: bool = False
    misread: bool = False
    half_transparent: int = 0

    @classmethod
    def of(cls, count: int, width: int, height: int, steps: tuple[int, int]) -> ValidPixels:
        return cls(counts=np.zeros(count, np.int64), map=ValidityMap.of(width, height), steps=steps)

    def add(self, window: Window, valid: Valid) -> None:
        """Count a window; ``valid`` as in :mod:`~rastercollection.rasters.pixels.validity`."""
        if valid is None:
            self.counts += window.width * window.height
        else:
            sums = np.count_nonzero(valid, axis=(1, 2))
            self.counts += np.broadcast_to(sums, self.counts.shape)
        self.map.add(window, any_band(valid))

    @property
    def has_invalid(self) -> bool:
        """Whether any pixel of any band is invalid."""
        return bool((self.counts < self.map.width * self.map.height).any())


class RasterBuffer:
    """Pixels that are filled window by window, and a mask from the first pixel on that needs one.

    Attributes:
        pixels: ``(bands, rows, columns)``.
        georeference: What rasterio needs to know of its place: crs and transform, gcps or rpcs.
        nodata: As declared to GDAL.
    """

    def __init__(self, workspace: Workspace, shape: tuple[int, int, int], dtype: np.dtype, **georeference: Any) -> None:
        self._workspace = workspace
        self.pixels = workspace.new_pixels(shape, dtype)
        self.georeference = georeference
        self.nodata: float | None = None
        self._mask: PackedMask | None = None
        self._shown_masks: list[Pixels] = []
        self._giving = threading.Lock()
        self._documents: list[Path] = []

    @property
    def count(self) -> int:
        return self.pixels.shape[0]

    @property
    def height(self) -> int:
        return self.pixels.shape[1]

    @property
    def width(self) -> int:
        return self.pixels.shape[2]

    @property
    def dtype(self) -> np.dtype:
        return self.pixels.dtype

    @property
    def has_mask(self) -> bool:
        return self._mask is not None

    def in_place(self, window: Window) -> Array | None:
        """``(bands, rows, columns)`` of the buffer itself, to be filled and handed to :meth:`write`; None on disk."""
        return self.pixels.data[:, *window.toslices()] if isinstance(self.pixels, PixelsInMemory) else None

    def write(self, window: Window, data: Array, mask: NDArray[np.bool_] | None = None) -> None:
        """Write all bands of a window.

        Args:
            window: Where.
            data: ``(bands, rows, columns)``; nothing is copied where it is what :meth:`in_place` gave.
            mask: ``(rows, columns)``, False where the pixels of all bands are invalid; None where all are valid, or
                the values tell.
        """
        self.pixels.write(window, data)
        if mask is not None:
            self.give_mask()
        if mask is not None and self._mask is not None:
            self._mask.write(window, mask)

    def give_mask(self) -> None:
        """Have a mask from now on, also if no pixel turns out to need it."""
        with self._giving:
            if self._mask is None:
                self._mask = PackedMask(self._workspace, self.height, self.width)

    def drop_mask(self) -> None:
        """Have no mask any more: the values tell."""
        for pixels in self._shown_masks:
            pixels.discard()
        if self._mask is not None:
            self._mask.discard()
        self._mask, self._shown_masks = None, []

    def read(self, window: Window) -> Array:
        """``(bands, rows, columns)``; not to be written to."""
        return self.pixels.read(window)

    def read_mask(self, window: Window) -> NDArray[np.bool_] | None:
        """``(1, rows, columns)``, True where valid; None without a mask."""
        return None if self._mask is None else self._mask.read(window)

    def release_before(self, row: int) -> None:
        """Free what lies above a row, of pixels and mask, as far as that can be: nobody, nor GDAL, reads it again."""
        for pixels in (self.pixels, *self._shown_masks):
            pixels.release(row)
        if self._mask is not None:
            self._mask.release(row)

    def discard(self) -> None:
        """Free everything."""
        self.pixels.discard()
        for pixels in self._shown_masks:
            pixels.discard()
        if self._mask is not None:
            self._mask.discard()
        for path in self._documents:
            path.unlink()

    def as_document(self, *, masked: bool = True, overviews: Sequence[Path] = ()) -> Path:
        """Write a VRT document that shows the buffer as it is now; it goes with the buffer.

        Args:
            masked: With what tells invalid pixels, its mask or nodata value.
            overviews: Documents of smaller buffers of the same image.
        """
        mask, nodata = (self._shown_mask(), self.nodata) if masked else (None, None)
        return self._described(_document(self.pixels, mask, nodata, overviews))

    def mask_document(self) -> Path:
        """Write a VRT document whose one band is the mask as it is now: 255 where valid, else 0."""
        shown = self._shown_mask()
        assert shown is not None
        return self._described(_document(shown, None, None, ()))

    def _shown_mask(self) -> Pixels | None:
        """The mask as GDAL can read it, a byte a pixel; None without one."""
        if self._mask is None:
            return None
        shown = self._workspace.new_pixels((1, self.height, self.width), np.dtype(np.uint8))
        self._shown_masks.append(shown)
        for window in iterate_windows(self.width, self.height, window_steps(self.width, self.height, 1, _AT_ONCE)):
            shown.write(window, self._mask.read(window) * np.uint8(255))
        return shown

    def _described(self, document: str) -> Path:
        path = self._workspace.new_path(".vrt")
        self._documents.append(path)
        path.write_text(document)
        if self.georeference:
            with open_buffer(path, "r+") as dataset:
                set_georeference(dataset, **self.georeference)
        return path


@contextlib.contextmanager
def reading_buffers() -> Iterator[None]:
    """Let GDAL read arrays of this process, for as long as it takes."""
    bear_with_no_georeference()
    with rasterio.Env(**_READS_BUFFERS):
        yield


@contextlib.contextmanager
def open_buffer(path: Path, mode: str = "r") -> Iterator[Any]:
    """A buffer as GDAL sees it, by its document."""
    with reading_buffers(), _opened(path, mode) as dataset:
        _touch(dataset)
        yield dataset


def opened_buffer(path: Path) -> Any:
    """The same to read, open until it is closed, which any thread may do; only this thread may read it.

    GDAL has one handle of a raw file for all datasets that a thread opens: two of them must not be read at once.
    """
    with reading_buffers():
        dataset = _opened(path, "r")
        _touch(dataset)
    return dataset


def _opened(path: Path, mode: str) -> Any:
    # rasterio.open would put one more environment around it
    if mode == "r":
        return DatasetReader(path, driver=["VRT"], sharing=False)
    return DatasetWriter(path, mode, driver="VRT", sharing=False)


def _touch(dataset: Any) -> None:
    # the permission holds for this thread, and GDAL opens arrays when they are first read, in whichever
    first = Window(0, 0, 1, 1)
    dataset.read(window=first)
    dataset.read_masks(1, window=first)


def add_text(path: Path, domain: str, text: str) -> None:
    """Give a buffer's document a metadata domain that is one text, letter by letter: GDAL would reformat XML.

    Nothing may be written to it by GDAL afterwards.
    """
    key, _, value = text.partition("=")
    item = f"<MDI key={quoteattr(key)}>{escape(value)}</MDI>"
    before, end, after = _content(path).rpartition("</VRTDataset>")
    _rewrite(path, f"{before}<Metadata domain={quoteattr(domain)}>{item}</Metadata>{end}{after}")


def add_table(path: Path, band: int, table: str) -> None:
    """Give a band of a buffer's document an attribute table, which GDAL writes into a GeoTIFF from 3.12 on.

    Nothing may be written to it by GDAL afterwards.
    """
    content = _content(path)
    start = re.search(rf'<VRTRasterBand [^>]*band="{band}"[^>]*>', content)
    if start is not None:
        _rewrite(path, f"{content[: start.end()]}{table}{content[start.end() :]}")


def add_scales(path: Path, scales: Sequence[float], offsets: Sequence[float]) -> None:
    """Give the bands of a buffer's document scales and offsets to the last digit: GDAL writes but 16 into it.

    Nothing may be written to it by GDAL afterwards.
    """
    numbers = {"Scale": scales, "Offset": offsets}

    def exact(band: re.Match[str]) -> str:
        number, text = int(band[1]), band[0]
        for name, values in numbers.items() if number else ():
            text = re.sub(rf"<{name}>[^<]*</{name}>", f"<{name}>{values[number - 1]!r}</{name}>", text)
        return text

    _rewrite(path, _BAND.sub(exact, _content(path)))


def _content(path: Path) -> str:
    return path.read_bytes().decode()


def _rewrite(path: Path, content: str) -> None:
    """Write a document, with carriage returns as they are: files of text would lose them."""
    path.write_bytes(content.encode())


def repeat_band_tags(path: Path) -> None:
    """Have bands' default tags in one more domain of a buffer's document, whose name becomes the empty one in a TIFF.

    Told to copy all domains, GDAL's GeoTIFF driver (3.10 to 3.12 at least) leaves out the bands' default one, whose
    name is empty. From names it leaves out control characters, which XML cannot hold. Nothing may be written to the
    document by GDAL afterwards.
    """
    _rewrite(path, _BAND_TAGS.sub(r'\1\2<Metadata domain="&#1;"\2', _content(path)))


def set_georeference(dataset: Any, *, crs: CRS, gcps: Sequence[Any] = (), **others: Any) -> None:
    """Have a dataset that is open for writing say where its pixels lie, as a buffer's ``georeference`` has it."""
    if gcps:
        dataset.gcps = (list(gcps), crs)
        return
    dataset.crs = crs
    for name, value in others.items():
        setattr(dataset, name, value)


def _document(pixels: Pixels, mask: Pixels | None, nodata: float | None, overviews: Sequence[Path]) -> str:
    """The VRT document of a buffer; see GDAL's description of the format."""
    count, height, width = pixels.shape
    declared = "" if nodata is None else f"<NoDataValue>{nodata!r}</NoDataValue>"
    bands = [_band(pixels, band, declared, overviews) for band in range(count)]
    if mask is not None:
        bands.append(f"<MaskBand>{_band(mask, 0, '', (), number=0)}</MaskBand>")
    return f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{"".join(bands)}</VRTDataset>'


def _band(pixels: Pixels, band: int, nodata: str, overviews: Sequence[Path], number: int | None = None) -> str:
    smaller = "".join(
        f'<Overview><SourceFilename relativeToVRT="0">{escape(str(path))}</SourceFilename>'
        f"<SourceBand>{band + 1}</SourceBand></Overview>"
        for path in overviews
    )
    kind, source = _in_memory(pixels, band) if isinstance(pixels, PixelsInMemory) else _on_disk(pixels, band)
    attributes = f'dataType="{GDAL_TYPES[pixels.dtype.name]}" band="{band + 1 if number is None else number}"{kind}'
    return f"<VRTRasterBand {attributes}>{nodata}{source}{smaller}</VRTRasterBand>"


def _in_memory(pixels: PixelsInMemory, band: int) -> tuple[str, str]:
    bands, rows, columns = pixels.shape
    array = f"DATAPOINTER={pixels.data.ctypes.data},PIXELS={columns},LINES={rows},BANDS={bands}"
    box = f'xOff="0" yOff="0" xSize="{columns}" ySize="{rows}"'
    # without SourceProperties, GDAL keeps the array open once it is
    return "", (
        f'<SimpleSource><SourceFilename relativeToVRT="0">MEM:::{array},DATATYPE={GDAL_TYPES[pixels.dtype.name]}'
        f"</SourceFilename><SourceBand>{band + 1}</SourceBand><SrcRect {box}/><DstRect {box}/></SimpleSource>"
    )


def _on_disk(pixels: Any, band: int) -> tuple[str, str]:
    _, rows, columns = pixels.shape
    pixel = pixels.dtype.itemsize
    order = "LSB" if sys.byteorder == "little" else "MSB"
    return ' subClass="VRTRawRasterBand"', (
        f'<SourceFilename relativeToVRT="1">{escape(pixels.path.name)}</SourceFilename>'
        f"<ImageOffset>{band * rows * columns * pixel}</ImageOffset><PixelOffset>{pixel}</PixelOffset>"
        f"<LineOffset>{columns * pixel}</LineOffset><ByteOrder>{order}</ByteOrder>"
    )
