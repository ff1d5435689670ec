"""Opening a COG that lies on this machine, as whoever made it does to look at it again."""

from __future__ import annotations

from pathlib import Path

from rasterio.env import ensure_env
from rasterio.io import DatasetReader

__all__ = ["open_cog"]


@ensure_env  # type: ignore[untyped-decorator]
def open_cog(path: Path) -> DatasetReader:
    """The COG, for a ``with`` block, in GDAL's environment as it is: ``rasterio.open`` puts one around each opening.

    Blocks that were decoded stay in GDAL's cache for as long as it is open: open it once for all that looks at it.
    """
    return DatasetReader(path, driver="GTiff", sharing=False)
