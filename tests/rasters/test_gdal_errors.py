"""What GDAL's messages amount to: the file's fault, the machine's, or a network's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError

from rastercollection.errors import MachineError, TaskError, TileError
from rastercollection.rasters import gdal_env
from rastercollection.rasters.gdal_errors import failure, writing
from validation_scenes import opened, write

BYTES = np.arange(60 * 40, dtype="uint8").reshape(60, 40)


@pytest.mark.parametrize(
    ("said", "kind", "code"),
    [
        ("TIFFFillTile:Read error at row 0", TileError, "FILE_UNREADABLE"),
        ("IReadBlock failed: got 10 bytes, expected 4000", TileError, "FILE_TRUNCATED"),
        ("t.tif, band 1: Out of memory allocating 800000 bytes", MachineError, "OUT_OF_MEMORY"),
        ("VSIMalloc3(): cannot allocate 90000x3x4 bytes", MachineError, "OUT_OF_MEMORY"),
        ("t.tif: Too many open files", MachineError, "NO_FILES"),
        ("Cannot open TIFF file due to missing codec 50002.", MachineError, "CODEC_MISSING"),
        ("Unsupported JPEG process: SOF type 0xc9", MachineError, "CODEC_MISSING"),
        ("HTTP response code: 503", TaskError, "SOURCE_UNAVAILABLE"),
        ("t.tif: Input/output error", TaskError, "SOURCE_UNAVAILABLE"),
        ("t.tif: Stale file handle", TaskError, "SOURCE_UNAVAILABLE"),
    ],
)
def test_who_is_at_fault(said: str, kind: type[TaskError], code: str) -> None:
    error = failure("t.tif", "reading", [said])
    assert (type(error), error.code) == (kind, code)
    assert error.settled is (kind is TileError)
    assert error.retryable is (code == "SOURCE_UNAVAILABLE")


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (RasterioIOError("_tiffWriteProc: No space left on device."), "NO_SPACE"),
        (RasterioIOError("Out of memory"), "OUT_OF_MEMORY"),
        (MemoryError(), "OUT_OF_MEMORY"),
        (OSError(122, "Disk quota exceeded"), "NO_SPACE"),
        (RasterioIOError("it is broken"), "COG_INVALID"),
    ],
)
def test_nothing_that_fails_in_writing_is_final(raised: Exception, code: str) -> None:
    with pytest.raises(TaskError) as caught, writing("t.tif", "encoding"):
        raise raised
    assert (caught.value.code, caught.value.settled, caught.value.retryable) == (code, False, False)


def test_a_driver_that_gdal_lacks_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tile.tif"
    path.write_bytes(b"some text that is nothing in particular")
    with pytest.raises(TileError), opened(path):
        pass
    there = gdal_env.installed_drivers()
    assert {"GTiff", "PNG"} < there
    monkeypatch.setattr("rastercollection.rasters.source.opening.installed_drivers", lambda: there - {"PNG"})
    with pytest.raises(MachineError, match="no driver PNG") as caught, opened(path):
        pass
    assert caught.value.code == "DRIVER_MISSING"


def test_a_codec_that_gdal_lacks_is_not_the_files_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "tile.tif", BYTES, compress="DEFLATE")
    with rasterio.open(path) as raster:
        assert raster.compression is not None
    content = path.read_bytes()
    compression = (259).to_bytes(2, "little") + (3).to_bytes(2, "little") + (1).to_bytes(4, "little")
    at = content.index(compression) + len(compression)
    path.write_bytes(content[:at] + (65432).to_bytes(2, "little") + content[at + 2 :])
    with pytest.raises(MachineError) as caught, opened(path) as dataset:
        dataset.read()
    assert caught.value.code == "CODEC_MISSING"
