"""Files in memory, opened without the warning that they do not say where on Earth they are: pictures, copies, buffers.

``warnings.catch_warnings`` puts aside the filters of the whole process, and threads that do so at once undo each
other's. So the warning is ignored for good, where it is of this library's modules, which open datasets themselves:
what ``MemoryFile.open`` opens warns in the name of rasterio, as does whatever else the program has it open.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import rasterio.shutil
from numpy.typing import NDArray
from rasterio.env import ensure_env
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, DatasetWriter, MemoryFile

__all__ = ["bear_with_no_georeference", "encode_in_memory", "open_memory"]

_MODULES = r"(rastercollection\.rasters|rasterio\.warp)\b"
"""Of this library, and what rasterio itself silences: by ``catch_warnings``, which threads undo for each other."""


def bear_with_no_georeference() -> None:
    """Have datasets without a georeference that these modules open warn of nothing: validation tells what is missing.

    It is looked for every time because frameworks reset the list of filters.
    """
    pattern = re.compile(_MODULES)
    if not any(entry[2] is NotGeoreferencedWarning and entry[3] == pattern for entry in warnings.filters):
        warnings.filterwarnings("ignore", category=NotGeoreferencedWarning, module=_MODULES)


@ensure_env  # type: ignore[untyped-decorator]
def open_memory(memory: MemoryFile, driver: str) -> Any:
    """The dataset that a file in memory holds, to be closed before the file is.

    Raises:
        RasterioIOError: The driver cannot read it.
    """
    bear_with_no_georeference()
    return DatasetReader(memory.name, driver=[driver], sharing=False)


@ensure_env  # type: ignore[untyped-decorator]
def encode_in_memory(pixels: NDArray[Any], driver: str, **options: Any) -> bytes:
    """The file that a driver makes of pixels, ``(bands, rows, columns)``; some can but copy what is whole.

    Raises:
        RasterioError, CPLE_BaseError: The driver cannot write it.
    """
    bear_with_no_georeference()
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with MemoryFile(ext=".tif") as whole, MemoryFile() as made:
        with DatasetWriter(whole.name, "w", driver="GTiff", sharing=False, **shape) as dataset:
            dataset.write(pixels)
        rasterio.shutil.copy(whole.name, made.name, driver=driver, **options)
        return bytes(made.getbuffer())
