"""A COG is written from its first byte to its last, to whatever takes bytes, and is the same wherever it goes."""

from __future__ import annotations

import hashlib
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import rasterio
import tifffile
from numpy.typing import NDArray
from rio_cogeo.cogeo import cog_validate

from rastercollection.rasters.encoding.encoders import BlockEncoder
from rastercollection.rasters.writing import finish
from rastercollection.rasters.writing.encoded_cog import EncodedCog
from rastercollection.rasters.writing.sinks import NumberedParts
from writer_scenes import writing

RNG = np.random.default_rng(7)
PICTURE = RNG.integers(0, 255, (3, 421, 517), np.uint8)
VALID = RNG.random((421, 517)) > 0.3


def written(folder: Path, **settings: Any) -> bytes:
    """The COG of the picture."""
    sink = io.BytesIO()
    with writing(folder, PICTURE, **settings) as (writer, buffer, valid_pixels):
        writer.encode(buffer, valid_pixels).write_to(sink)
    return sink.getvalue()


def levels_of(content: bytes) -> list[NDArray[Any]]:
    """All pictures of a file as tifffile reads them."""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        return [page.asarray() for page in tiff.pages]


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("compression", ["DEFLATE", "LZW", "NONE"])
def test_threads_and_spilling_change_no_byte(tmp_path: Path, compression: str, masked: bool) -> None:
    settings: dict[str, Any] = {"compression": compression, "valid": VALID if masked else None}
    one = written(tmp_path, **settings)
    assert written(tmp_path, threads=3, **settings) == one
    assert written(tmp_path, threads=2, in_memory=False, **settings) == one
    path = tmp_path / "cog.tif"
    path.write_bytes(one)
    assert cog_validate(str(path), strict=True, quiet=True)[0]
    with rasterio.open(path) as cog:
        assert (cog.read() == PICTURE).all()
        assert (cog.dataset_mask() > 0).all() == (not masked)
        assert not masked or ((cog.dataset_mask() > 0) == VALID).all()
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_parts_by_number_make_the_same_file_in_whatever_order_they_arrive(tmp_path: Path) -> None:
    stored: dict[int, bytes] = {}
    with writing(tmp_path, PICTURE) as (writer, buffer, valid_pixels), ThreadPoolExecutor(4) as pool:
        sink = NumberedParts(lambda number, data: pool.submit(stored.__setitem__, number, data), 50_000)
        checksum = writer.encode(buffer, valid_pixels).write_to(sink)
        sink.close()
    assert {len(part) for number, part in stored.items() if number < len(stored)} == {50_000}
    whole = b"".join(stored[number] for number in sorted(stored))
    assert whole == written(tmp_path)
    assert checksum == "1220" + hashlib.sha256(whole).hexdigest()
    assert not any(tmp_path.rglob("*.tif")), "nothing lay on the disk"


def test_a_bigtiff_holds_the_same(tmp_path: Path) -> None:
    big, classic = io.BytesIO(), written(tmp_path, valid=VALID)
    with writing(tmp_path, PICTURE, valid=VALID) as (writer, buffer, valid_pixels):
        encoded = writer.encode(buffer, valid_pixels, big=True)
        encoded.write_to(big)
    assert (classic[:4], big.getvalue()[:4]) == (b"II*\0", b"II+\0")
    for one, other in zip(levels_of(classic), levels_of(big.getvalue()), strict=True):
        assert (one == other).all()
    path = tmp_path / "big.tif"
    path.write_bytes(big.getvalue())
    assert cog_validate(str(path), strict=True, quiet=True) == (True, [], [])
    with rasterio.open(path) as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (cog.read() == PICTURE).all()


def test_pixels_that_are_released_are_in_the_file_all_the_same(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with writing(tmp_path, PICTURE) as (writer, buffer, valid_pixels):
        writer.encode(buffer, valid_pixels, release=True).write_to(sink)
        assert writer.workspace.usage.memory < PICTURE.nbytes / 2
    assert sink.getvalue() == written(tmp_path)


class Failing:
    """An encoder that gives up at its third block."""

    def __init__(self, real: BlockEncoder) -> None:
        self.creation_options, self._left, self._lock = real.creation_options, 2, threading.Lock()

    def encode(self, block: NDArray[Any]) -> bytes:
        with self._lock:
            self._left -= 1
            if self._left < 0:
                raise MemoryError("no room")
        return b"x" * 8


@pytest.mark.parametrize("threads", [1, 2])
def test_what_an_encoder_raises_in_a_thread_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    real = finish.encoder_of
    monkeypatch.setattr(finish, "encoder_of", lambda *given, **named: Failing(real(*given, **named)))
    before = threading.active_count()
    with (
        writing(tmp_path, PICTURE, threads=threads) as (writer, buffer, valid_pixels),
        pytest.raises(Exception, match=r"memory|room"),
    ):
        writer.encode(buffer, valid_pixels)
    assert threading.active_count() == before


def test_an_encoded_cog_gives_its_blocks_up_as_it_is_written(tmp_path: Path) -> None:
    with writing(tmp_path, PICTURE) as (writer, buffer, valid_pixels):
        held = writer.workspace.usage.memory
        encoded: EncodedCog = writer.encode(buffer, valid_pixels)
        assert writer.workspace.usage.memory > held + encoded.size / 2
        encoded.write_to(io.BytesIO())
        assert writer.workspace.usage.memory == held


@pytest.mark.parametrize("nodata", [-9999.0, float("nan"), 0.0])
def test_blocks_of_nothing_but_nodata_are_left_out_where_that_is_asked_for(tmp_path: Path, nodata: float) -> None:
    heights = np.full((1, 400, 500), nodata, np.float32)
    heights[0, 140:200, 10:250] = RNG.random((60, 240)) + 1
    heights[0, 390, 490] = 5
    files = []
    for sparse in (False, True):
        path = tmp_path / f"{sparse}.tif"
        with writing(tmp_path, heights, nodata=nodata, sparse=sparse) as (writer, buffer, valid_pixels):
            path.write_bytes(writer.write(buffer, valid_pixels).path.read_bytes())
        files.append(path)
        with rasterio.open(path) as cog:
            assert np.array_equal(cog.read(), heights, equal_nan=True)
        assert np.array_equal(levels_of(path.read_bytes())[0], heights[0], equal_nan=True)
        assert cog_validate(str(path), strict=True, quiet=True)[0]
    with tifffile.TiffFile(files[0]) as whole, tifffile.TiffFile(files[1]) as sparse_one:
        assert 0 not in whole.pages[0].databytecounts
        assert [count > 0 for count in sparse_one.pages[0].databytecounts] == [
            bool((heights[0, top : top + 128, left : left + 128] > 0).any())
            for top in range(0, 400, 128)
            for left in range(0, 500, 128)
        ]


def test_a_cog_goes_straight_into_a_bucket_in_parts_that_are_sent_at_the_same_time(
    tmp_path: Path, s3_store: Any
) -> None:
    s3_store.proxy.heal()
    fs = fsspec.filesystem("s3", **s3_store.options)
    path = s3_store.new_container().removeprefix("s3://") + "/cog.tif"
    bucket, key, _ = fs.split_path(path)
    place = {"Bucket": bucket, "Key": key}
    picture = RNG.integers(0, 255, (3, 2100, 2200), np.uint8)
    place["UploadId"] = fs.call_s3("create_multipart_upload", **place)["UploadId"]

    def send(number: int, data: bytes) -> dict[str, Any]:
        tag = fs.call_s3("upload_part", PartNumber=number, Body=data, **place)["ETag"]
        return {"PartNumber": number, "ETag": tag}

    with (
        ThreadPoolExecutor(2) as pool,
        writing(tmp_path, picture, compression="NONE", block_size=512) as (writer, buffer, valid_pixels),
    ):
        sent: list[Any] = []
        sink = NumberedParts(lambda number, data: sent.append(pool.submit(send, number, data)), 5 * 2**20)
        checksum = writer.encode(buffer, valid_pixels).write_to(sink)
        sink.close()
        parts = [future.result() for future in sent]
    fs.call_s3("complete_multipart_upload", MultipartUpload={"Parts": parts}, **place)
    assert len(parts) > 3
    assert not any(tmp_path.rglob("*.tif")), "nothing lay on the disk"
    content = fs.cat_file(path)
    assert checksum == "1220" + hashlib.sha256(content).hexdigest()
    with rasterio.MemoryFile(content) as memory, memory.open() as cog:
        assert (cog.read() == picture).all()
