"""Arrays given to the writer of COGs alone, without a source, a warp or a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.windows import Window

from rastercollection.model.cog import CogSettings
from rastercollection.rasters.grid.plan import Grid
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.source.classes import BandClasses
from rastercollection.rasters.writing.finish import CogWriter, cog_environment
from rastercollection.rasters.writing.metadata import Metadata

PLACE = Affine(10, 0, 300_000, 0, -10, 4_500_000)


def plain_metadata(bands: int) -> Metadata:
    """Of bands about which nothing is said."""
    return Metadata(
        tags={},
        band_tags=({},) * bands,
        descriptions=(None,) * bands,
        units=(None,) * bands,
        scales=(1.0,) * bands,
        offsets=(0.0,) * bands,
        colors=(ColorInterp.gray, *(ColorInterp.undefined,) * (bands - 1)),
        color_table=None,
        classes=(BandClasses(),) * bands,
        is_point=False,
        rpcs=None,
    )


@contextmanager
def writing(
    folder: Path,
    data: NDArray[Any],
    *,
    valid: NDArray[np.bool_] | None = None,
    nodata: float | None = None,
    threads: int = 1,
    in_memory: bool = True,
    **settings: Any,
) -> Iterator[tuple[CogWriter, RasterBuffer, ValidPixels]]:
    """What :meth:`CogWriter.encode` and :meth:`CogWriter.write` need, while the context lasts.

    Args:
        folder: For temporary files.
        data: ``(bands, rows, columns)``.
        valid: ``(rows, columns)``, for a mask.
        nodata: The value of invalid pixels.
        threads: That encode.
        in_memory: Whether pixels and encoded blocks are held in memory.
        settings: Of the COG, such as ``compression``.
    """
    bands, height, width = data.shape
    crs = CRS.from_epsg(32642)
    usual: dict[str, Any] = {"compression": "DEFLATE", "level": 6, "quality": None, "block_size": 128}
    with (
        cog_environment(),
        Workspace.open(Limits(scratch=str(folder)), in_memory=in_memory, needed=0) as workspace,
    ):
        layout = PixelLayout(
            kind="mask" if valid is not None else "none" if nodata is None else "nodata",
            nodata=nodata,
            bands=tuple(range(bands)),
            alpha=None,
            dtype=data.dtype,
        )
        writer = CogWriter(
            blob="tile.tif",
            grid=Grid(crs=crs, transform=PLACE, width=width, height=height),
            raster_type="auto",
            layout=layout,
            settings=CogSettings(
                tier="analysis",
                storage_class="hot",
                overview_resampling="average",
                warp_resampling="bilinear",
                **{**usual, **settings},
            ),
            metadata=plain_metadata(bands),
            crs=crs,
            heights=None,
            workspace=workspace,
            threads=threads,
        )
        buffer = RasterBuffer(workspace, data.shape, data.dtype, crs=crs, transform=PLACE)
        window = Window(0, 0, width, height)
        buffer.write(window, data, valid)
        buffer.nodata = nodata
        found = ValidPixels.of(bands, width, height, (512, 512))
        found.add(window, layout.validity.judge(data, None if valid is None else valid[np.newaxis]))
        yield writer, buffer, found
        buffer.discard()
