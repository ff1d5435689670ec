"""COGs of every type, number of bands, way to tell invalid pixels and codec, and what must be read of each."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray

from cog_scenes import UTM, Made, make_cog, texture, write_raster

Array = NDArray[Any]

DTYPES = (
    *("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float32", "float64", "complex64", "complex128"),
)
BANDS = (1, 2, 3, 4, 7)
KINDS = ("none", "nodata", "nan", "mask", "alpha", "palette")
LOSSY = ("JPEG", "WEBP")
CODECS = (
    *("NONE", "DEFLATE auto", "DEFLATE 6", "LZW", "ZSTD", "LZMA", "LERC", "LERC_DEFLATE", "LERC_ZSTD"),
    *LOSSY,
)
_OWN = ("NONE", "DEFLATE auto", "DEFLATE 6", "ZSTD")
BLOCK = 128
HEIGHT, WIDTH = 264, 320
"""Two overviews, of sizes that GDAL's own COG driver comes to, too; blocks at edges stick out."""


@attrs.frozen
class Cell:
    """One COG: the bands include alpha."""

    dtype: str
    bands: int
    kind: str
    codec: str

    def __str__(self) -> str:
        return f"{self.bands} × {self.dtype}, {self.kind}, {self.codec}"

    @property
    def compression(self) -> str:
        return self.codec.split()[0]

    @property
    def level(self) -> Any:
        word = self.codec.partition(" ")[2]
        return int(word) if word.isdecimal() else word or None

    @property
    def is_exact(self) -> bool:
        return self.codec not in LOSSY

    @property
    def is_possible(self) -> bool:
        """Whether there is such a GeoTIFF, and GDAL writes it with that codec."""
        kinds = {
            "none": True,
            "mask": True,
            "nodata": not self.dtype.startswith("complex"),
            "nan": self.dtype.startswith("float"),
            "alpha": self.dtype in ("uint8", "uint16") and self.bands in (2, 4),
            "palette": self.dtype == "uint8" and self.bands == 1 and self.is_exact,
        }
        return kinds[self.kind] and self._suits_codec

    @property
    def _suits_codec(self) -> bool:
        if self.codec == "JPEG":
            return self.dtype == "uint8" and self.bands == 3
        if self.codec == "WEBP":
            return self.dtype == "uint8" and self.bands == (4 if self.kind == "alpha" else 3)
        is_wide = self.dtype.startswith("complex") or self.dtype in ("uint64", "int64")
        return not (self.compression.startswith("LERC") and is_wide)


def every_cell() -> list[Cell]:
    """All that are possible."""
    cells = itertools.starmap(Cell, itertools.product(DTYPES, BANDS, KINDS, CODECS))
    return [cell for cell in cells if cell.is_possible]


def few_cells() -> list[Cell]:
    """Some that have between them every type, number of bands and codec with every way to tell invalid pixels.

    Codecs that are encoded here, and not by libtiff, see pixels of every width, too.
    """
    cells = every_cell()
    wanted = {pair for cell in cells for pair in _pairs(cell)}
    chosen = []
    while wanted:
        # the first of those with most pairs that are still missing: always the same
        best = max(cells, key=lambda cell: len(wanted & _pairs(cell)))
        wanted -= _pairs(best)
        chosen.append(best)
    return chosen


def _pairs(cell: Cell) -> set[tuple[str, Any, Any]]:
    found: set[tuple[str, Any, Any]] = {
        ("type and kind", cell.dtype, cell.kind),
        ("bands and kind", cell.bands, cell.kind),
    }
    if cell.codec in _OWN or cell.kind in ("none", "mask", "nan"):
        found.add(("codec and kind", cell.codec, cell.kind))
    if cell.codec in _OWN:
        found.add(("codec and width", cell.codec, (np.dtype(cell.dtype).itemsize, np.dtype(cell.dtype).kind == "f")))
    return found


def gaps() -> NDArray[np.bool_]:
    """Valid pixels: all but two whole blocks, a piece, and single pixels here and there."""
    valid = np.random.default_rng(3).random((HEIGHT, WIDTH)) > 0.004
    valid[128:256, :128] = False
    valid[:128, 256:] = False
    valid[40:90, 150:190] = False
    return valid


def pixels_of(cell: Cell) -> Array:
    """``(bands, rows, columns)``, over most of what the type holds."""
    count = cell.bands - (cell.kind == "alpha")
    if cell.kind == "palette":
        return texture(count, HEIGHT, WIDTH, "uint8").astype("uint8") // 10
    dtype = np.dtype(cell.dtype)
    if dtype.kind not in "iu":
        return texture(count, HEIGHT, WIDTH, cell.dtype)
    hills, span = texture(count, HEIGHT, WIDTH, "float64", 0, 1), np.iinfo(dtype)
    low, high = 0.8 * float(span.min) + 1, 0.8 * float(span.max)
    return (low + (high - low) * hills).astype(dtype)


def write_source(cell: Cell, folder: Path) -> Path:
    """A GeoTIFF with the cell's pixels."""
    kind = "nodata" if cell.kind == "palette" else cell.kind
    valid = None if kind == "none" else gaps()
    more: dict[str, Any] = {"photometric": "RGB"} if cell.dtype == "uint8" and cell.bands in (3, 4) else {}
    if kind == "alpha":
        more["alpha"] = "yes"
    nodata = _nodata(cell) if kind == "nodata" else None
    path = write_raster(folder / "tile.tif", pixels_of(cell), valid=valid, kind=kind, nodata=nodata, **more)
    if cell.kind == "palette":
        with rasterio.open(path, "r+") as source:
            source.write_colormap(1, {value: (value, 255 - value, 9, 255) for value in range(256)})
    return path


def _nodata(cell: Cell) -> float:
    dtype = np.dtype(cell.dtype)
    if dtype.kind == "f":
        return -9999.0
    return int(np.iinfo(dtype).min) if dtype.itemsize < 8 else 0


def write_cog(cell: Cell, source: Path, *, sparse: bool = False) -> Made:
    """By this library, with nearest neighbours for overviews."""
    return make_cog(
        source,
        UTM,
        block_size=BLOCK,
        sparse_ok=sparse,
        compression=cell.compression,
        compression_level=cell.level,
        overview_resampling="nearest",
        raster_type="categorical" if cell.kind == "palette" else "auto",
        **({"tier": "visualization"} if not cell.is_exact else {}),
    )


def write_reference(cell: Cell, source: Path, *, sparse: bool = False) -> Path:
    """The same pixels by GDAL's own COG driver."""
    path = source.with_name("reference.tif")
    level = {"LEVEL": cell.level} if isinstance(cell.level, int) else {}
    options = {"COMPRESS": cell.compression, "BLOCKSIZE": BLOCK, "OVERVIEW_RESAMPLING": "NEAREST", **level}
    options["SPARSE_OK"] = "YES" if sparse else "NO"
    if cell.compression == "JPEG":
        options["QUALITY"] = 85
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"):
        rasterio.shutil.copy(source, path, driver="COG", **options)
    return path
