"""Whether a map tile, a PNG in memory, shows something."""

from __future__ import annotations

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window

from rastercollection.rasters.gdal_errors import GDAL_ERRORS
from rastercollection.rasters.pixels.in_memory import open_memory
from rastercollection.rasters.pixels.windows import Array

__all__ = ["NotReadableError", "what_is_shown"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_SIDE = 4096
ROWS_AT_ONCE = 256
_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
}
"""Reading a whole picture in one go, GDAL returns for missing rows whatever its memory holds, without an error."""


class NotReadableError(ValueError):
    """The bytes are no PNG, or a damaged one, or one that is larger than any map tile."""


def what_is_shown(data: bytes) -> str:
    """``nothing`` if every pixel is transparent, ``one_color`` if all others look the same, else ``picture``.

    Raises:
        NotReadableError: See there.
    """
    if not data.startswith(SIGNATURE):
        raise NotReadableError("not a PNG")
    try:
        with rasterio.Env(**_OPTIONS), MemoryFile(data) as file, open_memory(file, "PNG") as png:
            return _look(png)
    except GDAL_ERRORS as error:
        raise NotReadableError("damaged PNG") from error


def _look(png: DatasetReader) -> str:
    if max(png.shape) > LARGEST_SIDE:
        raise NotReadableError(f"PNG of {png.width}×{png.height} pixels")
    first = None
    for top in range(0, png.height, ROWS_AT_ONCE):
        shown = _visible(png, Window(0, top, png.width, min(ROWS_AT_ONCE, png.height - top)))
        if first is None and shown.size:
            first = shown[:, :1]
        if first is not None and (shown != first).any():
            return "picture"
    return "nothing" if first is None else "one_color"


def _visible(png: DatasetReader, window: Window) -> Array:
    """Colours of the pixels that are not transparent; shape (bands without alpha, pixels)."""
    pixels: Array = png.read(window=window)
    if png.colorinterp[-1] is ColorInterp.alpha:
        visible: Array = pixels[:-1, pixels[-1] > 0]
    elif png.colorinterp[0] is ColorInterp.palette:
        transparent = [index for index, color in png.colormap(1).items() if not color[3]]
        visible = pixels[:, ~np.isin(pixels[0], transparent)]
    else:
        visible = pixels[:, png.dataset_mask(window=window) > 0]
    return visible
