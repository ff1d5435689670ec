"""Sources that say something beside their pixels, one thing each."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine

from cog_scenes import PLACE, texture, write_raster

SIDE = 128
CLASSES = np.add.outer(np.arange(SIDE) // 16, np.arange(SIDE) // 32).astype("uint8") % 6
"""Values 0 to 5."""
DEGREES = Affine(1e-4, 0, 10, 0, -1e-4, 50)


def table(*rows: tuple[Any, ...]) -> str:
    """An attribute table: value, name, an area, red, green and blue of each row."""
    columns = (("Value", 0, 5), ("Cover", 2, 2), ("Area_ha", 1, 0), ("R", 0, 6), ("G", 0, 7), ("B", 0, 8))
    heads = "".join(
        f'<FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>'
        for index, (name, kind, usage) in enumerate(columns)
    )
    body = "".join(
        f'<Row index="{index}">{"".join(f"<F>{cell}</F>" for cell in row)}</Row>' for index, row in enumerate(rows)
    )
    return f'<GDALRasterAttributeTable tableType="thematic">{heads}{body}</GDALRasterAttributeTable>'


WATER, BUILT = ("water", 1.5, 10, 20, 250), ("Built &amp; sealed", 2.5, 200, 20, 20)
TABLE = table((1, *WATER), (5, *BUILT))
NAMES = "<CategoryNames><Category/><Category>Open water</Category><Category>Wald</Category></CategoryNames>"


def colors(*entries: tuple[int, int, int, int]) -> str:
    listed = "".join('<Entry c1="{}" c2="{}" c3="{}" c4="{}"/>'.format(*entry) for entry in entries)
    return f"<ColorInterp>Palette</ColorInterp><ColorTable>{listed}</ColorTable>"


def described(
    path: Path,
    data: Any,
    bands: tuple[str, ...],
    driver: str,
    *,
    srs: str = "<SRS>EPSG:32642</SRS>",
    place: Affine = PLACE,
) -> Path:
    """A raster that GDAL copies from a description with XML for each band."""
    plain = write_raster(path.parent / "plain_pixels.tif", data)
    parts = [
        f'<VRTRasterBand dataType="{_NAMES[data.dtype.name]}" band="{band}">{xml}<SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{plain.name}</SourceFilename><SourceBand>{band}</SourceBand></SimpleSource>'
        "</VRTRasterBand>"
        for band, xml in enumerate(bands, 1)
    ]
    numbers = ", ".join(map(str, place.to_gdal()))
    document = path.with_suffix(".vrt")
    document.write_text(
        f'<VRTDataset rasterXSize="{data.shape[2]}" rasterYSize="{data.shape[1]}">{srs}'
        f"<GeoTransform>{numbers}</GeoTransform>{''.join(parts)}</VRTDataset>"
    )
    rasterio.shutil.copy(document, path, driver=driver)
    for left in (document, plain):
        left.unlink()
    return path


_NAMES = {"uint8": "Byte", "uint16": "UInt16", "float32": "Float32", "int16": "Int16"}


def palette_png(path: Path, table: dict[int, tuple[int, int, int, int]], data: Any = CLASSES) -> Path:
    """A PNG with a world file and without any other."""
    size = {"width": data.shape[1], "height": data.shape[0], "count": 1, "dtype": "uint8"}
    with rasterio.Env(GDAL_PAM_ENABLED="NO"), rasterio.open(path, "w", driver="PNG", **size) as png:
        png.write(data, 1)
        png.write_colormap(1, table)
    path.with_suffix(".pgw").write_text("10\n0\n0\n-10\n600005\n4599995\n")
    return path


def beside(path: Path, *bands: str) -> Path:
    """The raster with an ``.aux.xml`` that says this of its bands."""
    parts = "".join(f'<PAMRasterBand band="{band}">{xml}</PAMRasterBand>' for band, xml in enumerate(bands, 1))
    path.with_name(f"{path.name}.aux.xml").write_text(f"<PAMDataset>{parts}</PAMDataset>")
    return path


def with_tag(path: Path, tag: int, kind: int, content: bytes, count: int) -> Path:
    """A classic, little-endian TIFF with a tag more, which GDAL would not write."""
    data = path.read_bytes()
    (start,) = struct.unpack_from("<I", data, 4)
    (number,) = struct.unpack_from("<H", data, start)
    entries = [data[start + 2 + 12 * index :][:12] for index in range(number)]
    following = data[start + 2 + 12 * number :][:4]
    data += b"\0" * (len(data) % 2)
    value = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack("<I", len(data))
    data += content if len(content) > 4 else b""
    data += b"\0" * (len(data) % 2)
    entries = sorted([*entries, struct.pack("<HHI", tag, kind, count) + value], key=lambda entry: entry[:2][::-1])
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + following
    path.write_bytes(data[:4] + struct.pack("<I", len(data)) + data[8:] + directory)
    return path


def small(bands: int = 1, dtype: str = "uint8") -> Any:
    return texture(bands, SIDE, SIDE, dtype)


def with_band_masks(path: Path) -> Path:
    """Two bands, each with a mask of its own, in a file beside it."""
    write_raster(path, small(2))
    size = {"width": SIDE, "height": SIDE, "count": 2, "dtype": "uint8", "driver": "GTiff"}
    masks = np.full((2, SIDE, SIDE), 255, "uint8")
    masks[0, :40], masks[1, 90:] = 0, 0
    with rasterio.open(path.with_name(f"{path.name}.msk"), "w", **size) as raster:
        raster.update_tags(INTERNAL_MASK_FLAGS_1="0", INTERNAL_MASK_FLAGS_2="0")
        raster.write(masks)
    return path


def few_bits(path: Path) -> Path:
    """Complex numbers of two 16-bit integers, which numpy does not know."""
    size = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "complex_int16", "crs": "EPSG:32642"}
    with rasterio.open(path, "w", driver="GTiff", transform=PLACE, **size) as raster:
        raster.write(small(1, "complex64"))
    return path
