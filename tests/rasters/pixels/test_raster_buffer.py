"""Buffers between reading and encoding: what is written is what GDAL reads through their documents, in place."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from rastercollection.errors import TaskError
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels, add_text, open_buffer
from rastercollection.rasters.pixels.workspace import PixelsInMemory, PixelsOnDisk, Workspace

FLOATS = ("float32", "float64", "complex64", "complex128")
UTM = CRS.from_epsg(32642)
PLACE = {"crs": UTM, "transform": from_origin(500_000, 4_000_000, 10, 10)}
WHOLE = Window(0, 0, 70, 50)


@pytest.fixture(params=[True, False], ids=["memory", "disk"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(Limits(scratch=str(tmp_path)), in_memory=request.param, needed=1) as workspace:
        yield workspace


def pixels(dtype: str = "int16") -> np.ndarray[Any, Any]:
    return np.arange(2 * 50 * 70).reshape(2, 50, 70).astype(dtype)


@pytest.mark.parametrize(
    "dtype",
    [
        "uint8",
        "int8",
        "uint16",
        "int16",
        "uint32",
        "int32",
        "uint64",
        "int64",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ],
)
def test_gdal_reads_what_was_written_window_by_window(workspace: Workspace, dtype: str) -> None:
    data = pixels(dtype)
    buffer = RasterBuffer(workspace, data.shape, data.dtype, **PLACE)
    assert (buffer.count, buffer.height, buffer.width, buffer.dtype) == (2, 50, 70, np.dtype(dtype))
    for window in (Window(0, 0, 40, 50), Window(40, 0, 30, 20), Window(40, 20, 30, 30)):
        buffer.write(window, data[:, *window.toslices()])
    assert (buffer.read(Window(5, 7, 11, 13)) == data[:, 7:20, 5:16]).all()
    with open_buffer(buffer.as_document()) as dataset:
        assert (dataset.read() == data).all()
        assert dataset.dtypes[0] == dtype
        assert (dataset.crs, dataset.transform) == (UTM, PLACE["transform"])
        assert dataset.nodata is None
        assert (dataset.read_masks() == 255).all()
    buffer.discard()
    assert list(workspace.folder.iterdir()) == []


def test_a_mask_from_the_first_pixel_on_that_needs_one(workspace: Workspace) -> None:
    data, valid = pixels(), np.ones((50, 70), bool)
    valid[30:40, 20:60] = False
    buffer = RasterBuffer(workspace, data.shape, data.dtype, **PLACE)
    buffer.write(Window(0, 0, 70, 25), data[:, :25])
    assert not buffer.has_mask
    assert buffer.read_mask(WHOLE) is None
    buffer.write(Window(0, 25, 70, 25), data[:, 25:], valid[25:])
    assert buffer.has_mask
    mask = buffer.read_mask(WHOLE)
    assert mask is not None
    assert (mask == valid).all()
    with open_buffer(buffer.as_document()) as dataset:
        assert (dataset.read_masks(1) == valid * 255).all()
    with open_buffer(buffer.as_document(masked=False)) as dataset:
        assert (dataset.read_masks(1) == 255).all()
    with open_buffer(buffer.mask_document()) as dataset:
        assert dataset.count == 1
        assert (dataset.read(1) == valid * 255).all()
    buffer.write(Window(0, 25, 70, 25), data[:, 25:])
    assert (buffer.read_mask(WHOLE) == valid).all(), "what values tell changes no mask"


def test_a_mask_that_nothing_needs(workspace: Workspace) -> None:
    buffer = RasterBuffer(workspace, (1, 50, 70), np.dtype("uint8"))
    buffer.give_mask()
    mask = buffer.read_mask(WHOLE)
    assert mask is not None
    assert mask.all()


def test_a_nodata_value_is_declared_as_it_is(workspace: Workspace) -> None:
    data = pixels("float32")
    data[0, 3, 4] = -0.1
    buffer = RasterBuffer(workspace, data.shape, data.dtype, **PLACE)
    buffer.write(WHOLE, data)
    buffer.nodata = float(np.float32(-0.1))
    with open_buffer(buffer.as_document()) as dataset:
        assert dataset.nodata == buffer.nodata
        assert np.argwhere(dataset.read_masks(1) == 0).tolist() == [[3, 4]]
    with open_buffer(buffer.as_document(masked=False)) as dataset:
        assert dataset.nodata is None


def test_smaller_buffers_are_its_overviews(workspace: Workspace) -> None:
    data = pixels("uint8")
    buffer = RasterBuffer(workspace, data.shape, data.dtype, **PLACE)
    buffer.write(WHOLE, data)
    smaller = RasterBuffer(workspace, (2, 25, 35), data.dtype)
    smaller.write(Window(0, 0, 35, 25), np.full((2, 25, 35), 9, "uint8"))
    with open_buffer(buffer.as_document(overviews=[smaller.as_document()])) as dataset:
        assert [dataset.overviews(band) for band in (1, 2)] == [[2], [2]]
        assert (dataset.read(out_shape=(2, 25, 35)) == 9).all()
        assert (dataset.read() == data).all()


def test_text_stays_letter_by_letter(workspace: Workspace) -> None:
    buffer = RasterBuffer(workspace, (1, 50, 70), np.dtype("uint8"), **PLACE)
    document = buffer.as_document()
    text = "<a b='1'>\n  <c>5 & 6 < 7</c>\n</a>"
    add_text(document, 'a "B"', f"X={text}")
    with open_buffer(document) as dataset:
        assert dataset.tags(ns='a "B"') == {"X": text}


def test_arrays_can_be_filled_in_place() -> None:
    with Workspace.open(Limits(), in_memory=True, needed=0) as workspace:
        buffer = RasterBuffer(workspace, (2, 50, 70), np.dtype("int16"))
        window = Window(10, 5, 20, 30)
        place = buffer.in_place(window)
        assert place is not None
        place[:] = 7
        buffer.write(window, place)
        assert (buffer.read(window) == 7).all()
        assert buffer.read(WHOLE).sum() == 7 * 2 * 20 * 30
        other = place.copy() + 1
        buffer.write(window, other)
        assert (buffer.read(window) == 8).all()
    with Workspace.open(Limits(), in_memory=False, needed=0) as workspace:
        assert RasterBuffer(workspace, (1, 5, 5), np.dtype("int16")).in_place(Window(0, 0, 5, 5)) is None


def test_room_is_accounted_for(workspace: Workspace) -> None:
    first = workspace.new_pixels((2, 30, 40), np.dtype("int16"))
    second = workspace.new_pixels((1, 10, 10), np.dtype("float64"))
    taken, kind = 2 * 30 * 40 * 2 + 800, PixelsInMemory if workspace.in_memory else PixelsOnDisk
    assert isinstance(first, kind)
    usage = workspace.usage
    if workspace.in_memory:
        assert usage.memory == 0, "pages are taken when they are written"
        first.write(Window(0, 0, 7, 12), np.ones((2, 12, 7), "int16"))
        first.write(Window(7, 6, 7, 6), np.ones((2, 6, 7), "int16"))
        assert usage.memory == 2 * 12 * 40 * 2, "whole rows count"
    first.write(Window(0, 0, 40, 30), np.ones((2, 30, 40), "int16"))
    second.write(Window(0, 0, 10, 10), np.ones((1, 10, 10)))
    assert (usage.memory, usage.disk) == ((taken, 0) if workspace.in_memory else (0, taken))
    if not workspace.in_memory:
        assert sum(path.stat().st_size for path in workspace.folder.iterdir()) == taken
    first.discard()
    assert usage.memory + usage.disk == 800
    second.discard()
    assert (usage.memory, usage.disk, usage.most_memory + usage.most_disk) == (0, 0, taken)
    assert list(workspace.folder.iterdir()) == []


def test_released_rows_are_gone_and_the_others_stay(workspace: Workspace) -> None:
    data = np.random.default_rng(0).integers(1, 255, (3, 90, 1000), "uint8")
    mask = data[0] < 250
    buffer = RasterBuffer(workspace, data.shape, data.dtype)
    buffer.write(Window(0, 0, 1000, 90), data, mask)
    with open_buffer(buffer.as_document()) as dataset:
        for row in (7, 30, 20, 61):
            buffer.release_before(row)
        left = Window(0, 61, 1000, 29)
        assert (dataset.read(window=left) == data[:, 61:]).all()
        assert (dataset.dataset_mask(window=left) == mask[61:] * np.uint8(255)).all()
        if workspace.in_memory:
            assert (dataset.read(window=Window(0, 5, 1000, 50)) == 0xA5).all(), "where the tests spoil what is released"
    assert (buffer.read(left) == data[:, 61:]).all()
    with pytest.raises(AssertionError, match="released"):
        buffer.read(Window(0, 60, 1000, 1))
    usage = workspace.usage
    row_bytes = 3 * 1000 + 1000 + 125  # pixels, the mask as GDAL reads it, and as it is held
    if workspace.in_memory:
        assert usage.memory == 29 * row_bytes
    buffer.release_before(1000)
    buffer.discard()
    assert (usage.memory, usage.disk, usage.most_memory + usage.most_disk) == (0, 0, 90 * row_bytes)


RELEASES = """
import numpy as np
from rasterio.windows import Window
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.workspace import Workspace

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

with Workspace.open(Limits(), in_memory=True, needed=0) as workspace:
    pixels = workspace.new_pixels((3, 4000, 5001), np.dtype("uint8"))
    before = resident()
    pixels.write(Window(0, 0, 5001, 4000), np.broadcast_to(np.uint8(7), pixels.shape))
    whole = pixels.read(Window(0, 3000, 5001, 1000))
    figures = [resident() - before]
    for row in (1000, 1001, 3000):
        pixels.release(row)
        figures.append(resident() - before)
    assert (whole == 7).all()
    pixels.discard()
    figures.append(resident() - before)
print(*figures)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the kernel does not tell")
def test_memory_goes_back_to_the_system_row_by_row_and_at_the_end() -> None:
    out = subprocess.run([sys.executable, "-c", RELEASES], check=True, capture_output=True, text=True).stdout
    shares = [int(figure) / (3 * 4000 * 5001) for figure in out.split()]
    assert shares == pytest.approx([1, 0.75, 0.75, 0.25, 0], abs=0.02)


def test_pixels_are_zero_at_first_and_keep_to_their_window(workspace: Workspace) -> None:
    room = workspace.new_pixels((3, 20, 30), np.dtype("float32"))
    assert not room.read(Window(0, 0, 30, 20)).any()
    data = np.random.default_rng(0).random((3, 6, 30)).astype("float32")
    room.write(Window(0, 4, 30, 6), data)
    part = np.random.default_rng(1).random((3, 5, 7)).astype("float32")
    room.write(Window(9, 12, 7, 5), part[:, ::-1][:, ::-1])
    expected = np.zeros((3, 20, 30), "float32")
    expected[:, 4:10], expected[:, 12:17, 9:16] = data, part
    assert (room.read(Window(0, 0, 30, 20)) == expected).all()
    assert (room.read(Window(8, 3, 5, 12)) == expected[:, 3:15, 8:13]).all()


def test_a_workspace_leaves_nothing_behind(tmp_path: Path) -> None:
    with Workspace.open(Limits(scratch=str(tmp_path / "new")), in_memory=False, needed=10) as workspace:
        paths = [workspace.new_path(".raw") for _ in range(3)]
        assert len(set(paths)) == 3
        assert {path.suffix for path in paths} == {".raw"}
        paths[0].write_text("x")
        assert workspace.folder.parent == tmp_path / "new"
    assert list((tmp_path / "new").iterdir()) == []


def test_want_of_room_is_told_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=5 * 2**20))
    too_little = Workspace.open(Limits(scratch=str(tmp_path)), in_memory=True, needed=7 * 2**20)
    with pytest.raises(TaskError, match=r"has 5 MiB free; a tile may need 7 MiB") as caught, too_little:
        raise AssertionError("it does not fit")
    assert str(tmp_path) in caught.value.message
    with Workspace.open(Limits(scratch=str(tmp_path)), in_memory=True, needed=5 * 2**20):
        pass


def test_want_of_room_is_told_beforehand(tmp_path: Path) -> None:
    with (
        pytest.raises(TaskError) as caught,
        Workspace.open(Limits(scratch=str(tmp_path)), in_memory=True, needed=2**60),
    ):
        raise AssertionError("there is no such disk")
    assert caught.value.code == "NO_SPACE"
    assert f"{2**40:,} MiB" in caught.value.message
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(TaskError, match="cannot be used") as caught,
        Workspace.open(Limits(scratch=str(tmp_path / "file")), in_memory=True, needed=0),
    ):
        raise AssertionError("it is no folder")
    assert caught.value.code == "NO_SPACE"


def test_valid_pixels_are_counted_by_band_and_place() -> None:
    counted = ValidPixels.of(2, 70, 50, (50, 70))
    counted.add(Window(0, 0, 70, 20), None)
    assert counted.counts.tolist() == [1400, 1400]
    assert counted.has_invalid, "the rest is not there yet"
    apart = np.ones((2, 30, 70), bool)
    apart[0, :5] = False
    apart[1, 3:5] = False
    counted.add(Window(0, 20, 70, 30), apart)
    assert counted.counts.tolist() == [3500 - 350, 3500 - 140]
    assert counted.map.total == 3500 - 140, "valid in any band"
    assert counted.has_invalid
    full = ValidPixels.of(2, 70, 50, (50, 70))
    full.add(WHOLE, np.ones((1, 50, 70), bool))
    assert full.counts.tolist() == [3500, 3500]
    assert not full.has_invalid


def test_documents_are_read_only_while_a_buffer_is_open() -> None:
    """GDAL does not let documents name memory of a process, but for this."""
    with Workspace.open(Limits(), in_memory=True, needed=0) as workspace:
        buffer = RasterBuffer(workspace, (1, 50, 70), np.dtype("uint8"), **PLACE)
        document = buffer.as_document()
        with open_buffer(document) as dataset:
            assert dataset.read(1).shape == (50, 70)
        with pytest.raises(rasterio.errors.RasterioIOError), rasterio.open(document) as dataset:
            dataset.read(1)
