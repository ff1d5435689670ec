"""Damage that decodes: a block whose checksum does not match is refused by name, in every format that has checksums."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from isal import isal_zlib
from numpy.typing import NDArray
from rasterio.transform import from_origin

from cog_scenes import PLACE, UTM, make_cog, texture, write_raster
from rastercollection.errors import TileError
from rastercollection.rasters.source import checksums
from rastercollection.rasters.source.checksums import Content, check_checksums
from rastercollection.rasters.source.tiff import Directory, block_range, directories

HEIGHT, WIDTH = 300, 280
"""Blocks of 128 pixels reach below the last row and beyond the last column."""


def images_of(path: Path) -> list[Directory]:
    content = Content.of_file(path)
    return list(directories(content.read, content.size))


def block_of(path: Path, number: int, image: int = 0) -> tuple[int, int]:
    """Where a block of one of the images of a TIFF begins and ends in the file."""
    content = Content.of_file(path)
    return block_range(content.read, content.size, images_of(path)[image], number)


def flip(path: Path, at: int, bit: int = 1) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= bit
    path.write_bytes(content)


def check(path: Path, **options: Any) -> None:
    check_checksums(Content.of_file(path), "tile.tif", threads=2, **options)


def refusal(path: Path) -> TileError:
    with pytest.raises(TileError) as caught:
        make_cog(path, UTM)
    assert caught.value.code == "FILE_UNREADABLE"
    assert "get a new copy" in caught.value.hint
    return caught.value


def flip_so_that_it_still_decodes(path: Path, start: int, end: int, data: bytes) -> None:
    """Change one bit of a zlib stream in the middle so that it inflates to as many other bytes."""
    for at in range((start + end) // 2, end - 4):
        for bit in range(8):
            changed = bytearray(path.read_bytes())
            changed[at] ^= 1 << bit
            decoder = zlib.decompressobj(-15)
            try:
                found = decoder.decompress(bytes(changed[start + 2 : end - 4]))
            except zlib.error:
                continue
            if decoder.eof and len(found) == len(data) and found != data:
                path.write_bytes(changed)
                return
    raise AssertionError("no such bit")


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"tiled": False, "blockxsize": WIDTH, "blockysize": 40},
    {"predictor": 2},
    {"interleave": "band"},
    {"BIGTIFF": "YES"},
    {"ENDIANNESS": "BIG"},
]


def write_layout(path: Path, layout: dict[str, Any]) -> Path:
    options = {key: value for key, value in layout.items() if value is not None}
    return write_raster(path, texture(2, HEIGHT, WIDTH, "uint16"), **options)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("which", [0, -1])
def test_a_wrong_adler_32_in_the_first_or_the_last_block(tmp_path: Path, layout: dict[str, Any], which: int) -> None:
    source = write_layout(tmp_path / "tile.tif", layout)
    make_cog(source, UTM)
    number = images_of(source)[0].blocks - 1 if which else 0
    flip(source, block_of(source, number)[1] - 1)
    refusal(source)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_every_block_is_looked_at_where_gdal_does_not(
    tmp_path: Path, layout: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GDAL looks at whole blocks only where its TIFF library has libdeflate."""
    monkeypatch.setattr(checksums, "_gdal_checks_blocks", lambda: False)
    source = write_layout(tmp_path / "tile.tif", layout)
    check(source, every_block=False)
    image = images_of(source)[0]
    for number in range(image.blocks):
        damaged = Path(shutil.copy(source, tmp_path / "damaged.tif"))
        flip(damaged, block_of(damaged, number)[1] - 1)
        with pytest.raises(TileError, match="checksum") as caught:
            check(damaged, every_block=False)
        band, column, row = image.place_of(number)
        rows, columns = image.block
        place = {"band": band, "block": [column, row], "column": column * columns, "row": row * rows}
        assert caught.value.details == place
        assert caught.value.code == "FILE_UNREADABLE"


def test_damage_that_makes_a_block_longer_is_found(tmp_path: Path) -> None:
    """GDAL stops at the block's size, and never comes to the checksum behind it."""
    source = write_raster(tmp_path / "tile.tif", texture(1, HEIGHT, WIDTH, "uint8"))
    start, end = block_of(source, 4)
    whole, most = source.read_bytes(), images_of(source)[0].stored_block_bytes
    longer = [
        damaged
        for at in range((start + end) // 2, end - 4)
        if (damaged := whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        if _inflated(damaged[start + 2 : end]) > most
    ]
    assert longer
    for damaged in longer[:20]:
        source.write_bytes(damaged)
        with pytest.raises(TileError, match="checksum"):
            check(source)
    refusal(source)


def _inflated(deflated: bytes) -> int:
    """Bytes that come out, whatever the checksum says; 0 where the stream makes no sense."""
    try:
        return len(zlib.decompressobj(-15).decompress(deflated, 2**24))
    except zlib.error:
        return 0


def test_on_a_server_what_gdal_looks_at_is_not_fetched_twice(tmp_path: Path) -> None:
    assert checksums._gdal_checks_blocks(), "rasterio's wheels have libdeflate"
    source = write_layout(tmp_path / "tile.tif", {})
    in_place = {"overviews": False, "every_block": False}
    numbers = [block.number for block in checksums._blocks(*two_of(source), [0], **in_place)]
    assert numbers == [6, 7, 8], "the last row of tiles reaches below the image"
    strips = write_layout(tmp_path / "strips.tif", LAYOUTS[1])
    assert not list(checksums._blocks(*two_of(strips), [0], **in_place))


def two_of(path: Path) -> tuple[Any, int]:
    content = Content.of_file(path)
    return content.read, content.size


@pytest.mark.parametrize("number", [0, 8])
def test_a_bit_in_the_data_that_still_inflates(tmp_path: Path, number: int) -> None:
    """GDAL reads wrong pixels from the last tile, without a word."""
    data = texture(1, HEIGHT, WIDTH, "uint8")
    source = write_raster(tmp_path / "tile.tif", data)
    start, end = block_of(source, number)
    flip_so_that_it_still_decodes(source, start, end, zlib.decompress(source.read_bytes()[start:end]))
    if number == 8:
        with rasterio.open(source) as raster:
            raster.read()
    refusal(source)


def test_a_mask_has_checksums_too(tmp_path: Path) -> None:
    valid = np.random.default_rng(1).random((HEIGHT, WIDTH)) > 0.5
    for kind, file in (("mask", "tile.tif"), ("msk", "tile.tif.msk")):
        folder = tmp_path / kind
        folder.mkdir()
        source = write_raster(folder / "tile.tif", texture(1, HEIGHT, WIDTH, "uint8"), valid=valid, kind=kind)
        make_cog(source, UTM)
        images = images_of(folder / file)
        image = next(number for number, found in enumerate(images) if found.is_mask or kind == "msk")
        assert images[image].compression == 8
        flip(folder / file, block_of(folder / file, images[image].blocks - 1, image)[1] - 1)
        if images[image].height % images[image].block[0]:
            assert "mask" in refusal(source).message
        else:
            refusal(source)


def test_lzma_checks_are_looked_at(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, HEIGHT, WIDTH, "uint16"), compress="LZMA")
    check(source)
    make_cog(source, UTM)
    for back in (1, 4, 20, 200):
        damaged = Path(shutil.copy(source, tmp_path / f"damaged{back}.tif"))
        flip(damaged, block_of(damaged, 4)[1] - back)
        with pytest.raises(TileError, match="checksum") as caught:
            check(damaged)
        assert caught.value.details["block"] == [1, 1]


@pytest.mark.parametrize("compression", ["LERC", "LERC_DEFLATE", "LERC_ZSTD"])
def test_lerc_checks_itself(tmp_path: Path, compression: str) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, HEIGHT, WIDTH, "float32"), compress=compression)
    start, end = block_of(source, 8)
    flip(source, (start + end) // 2)
    refusal(source)


@pytest.mark.parametrize("compression", ["LZW", "ZSTD", "PACKBITS", "JPEG", "NONE", "DEFLATE"])
def test_what_is_whole_passes(tmp_path: Path, compression: str) -> None:
    data = texture(1, HEIGHT, WIDTH, "uint8")
    source = write_raster(tmp_path / "tile.tif", data, compress=None if compression == "NONE" else compression)
    check(source)
    check(source, overviews=True)


def test_blocks_of_sparse_files_are_nothing(tmp_path: Path) -> None:
    profile = {"driver": "GTiff", "width": WIDTH, "height": HEIGHT, "count": 1, "dtype": "uint8", "crs": UTM}
    with rasterio.open(tmp_path / "tile.tif", "w", tiled=True, compress="DEFLATE", sparse_ok=True, **profile):
        pass
    assert block_of(tmp_path / "tile.tif", 0) == (0, 0)
    check(tmp_path / "tile.tif")


@pytest.mark.parametrize("library", [zlib, isal_zlib])
def test_a_stream_that_ends_too_early_is_damage(tmp_path: Path, library: ModuleType) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, HEIGHT, WIDTH, "uint8"))
    start, end = block_of(source, 8)
    content = source.read_bytes()
    unfinished = zlib.compressobj()
    raw = unfinished.compress(zlib.decompress(content[start:end])) + unfinished.flush(zlib.Z_SYNC_FLUSH)
    assert not checksums._inflates(library, raw, 0, 2**20)
    assert checksums._inflates(library, content[start:end], 0, 2**20)
    assert not checksums._inflates(library, zlib.compress(bytes(10**8)), 0, 2**20), "what goes on for ever is no block"


@pytest.mark.parametrize("chunk", [b"IHDR", b"PLTE", b"IDAT", b"IEND"])
def test_chunks_of_a_png(tmp_path: Path, chunk: bytes) -> None:
    data: NDArray[Any] = texture(1, HEIGHT, WIDTH, "uint8") % 4
    with rasterio.open(
        tmp_path / "tile.png", "w", driver="PNG", width=WIDTH, height=HEIGHT, count=1, dtype="uint8"
    ) as png:
        png.write(data)
        png.write_colormap(1, {value: (value * 60, 9, 7, 255) for value in range(4)})
    check(tmp_path / "tile.png")
    content = (tmp_path / "tile.png").read_bytes()
    at = content.rindex(chunk)
    flip(tmp_path / "tile.png", at + 4 + int.from_bytes(content[at - 4 : at], "big"))
    with pytest.raises(TileError, match=chunk.decode()) as caught:
        check(tmp_path / "tile.png")
    assert caught.value.code == "FILE_UNREADABLE"


def test_hdf5_checks_its_chunks(tmp_path: Path) -> None:
    place = from_origin(10, 50, 0.01, 0.01)
    source = write_raster(tmp_path / "tile.tif", texture(1, HEIGHT, WIDTH, "float32"), crs="EPSG:4326", transform=place)
    try:
        rasterio.shutil.copy(source, tmp_path / "tile.nc", driver="netCDF", FORMAT="NC4C", COMPRESS="DEFLATE")
    except rasterio.errors.RasterioError:
        pytest.skip("this GDAL writes no netCDF-4")
    content = (tmp_path / "tile.nc").read_bytes()
    streams = []
    for at in range(len(content) - 1):
        if content[at] == 0x78 and content[at + 1] in (0x01, 0x5E, 0x9C, 0xDA):
            decoder = zlib.decompressobj()
            try:
                size = len(decoder.decompress(content[at : at + 2**20]))
            except zlib.error:
                continue
            if decoder.eof and size >= 1000:
                streams.append(len(content[: at + 2**20]) - len(decoder.unused_data))
    assert streams
    flip(tmp_path / "tile.nc", streams[-1] - 1)
    with pytest.raises(TileError) as caught:
        make_cog(tmp_path / "tile.nc", "EPSG:4326", input_crs="EPSG:4326")
    assert caught.value.code == "FILE_UNREADABLE"


def test_a_damaged_overview_is_not_copied_but_made_anew(tmp_path: Path) -> None:
    plain = write_raster(tmp_path / "plain.tif", texture(1, 1300, 1100, "float32"))
    source = tmp_path / "tile.tif"
    options = {"COMPRESS": "DEFLATE", "PREDICTOR": "FLOATING_POINT", "BLOCKSIZE": 512, "OVERVIEW_RESAMPLING": "AVERAGE"}
    rasterio.shutil.copy(plain, source, driver="COG", **options)
    assert make_cog(source, UTM).cog.copied
    image = next(number for number, found in enumerate(images_of(source)) if found.is_reduced)
    flip(source, block_of(source, images_of(source)[image].blocks - 1, image)[1] - 1)
    made = make_cog(source, UTM)
    assert "overview" in (made.cog.converted_because or "")
    with rasterio.open(source) as whole, rasterio.open(made.path) as cog:
        np.testing.assert_array_equal(cog.read(), whole.read())


@pytest.mark.parametrize("compression", ["DEFLATE", "LZW"])
def test_an_overview_that_is_too_short_is_made_anew(tmp_path: Path, compression: str) -> None:
    """Its checksum holds; a codec without checksums has to be decoded to find out."""
    source = tmp_path / "tile.tif"
    plain = write_raster(tmp_path / "plain.tif", texture(1, 1300, 1100, "uint8"))
    options = {"COMPRESS": compression, "PREDICTOR": "YES", "BLOCKSIZE": 512, "OVERVIEW_RESAMPLING": "AVERAGE"}
    rasterio.shutil.copy(plain, source, driver="COG", **options)
    image = next(number for number, found in enumerate(images_of(source)) if found.is_reduced)
    start, end = block_of(source, images_of(source)[image].blocks - 1, image)
    short = zlib.compress(bytes(1000)) if compression == "DEFLATE" else bytes(9)
    content = source.read_bytes()
    source.write_bytes(content[:start] + short.ljust(end - start, b"\0") + content[end:])
    made = make_cog(source, UTM, compression=compression)
    assert "overview of it is damaged" in (made.cog.converted_because or "")


def test_only_the_page_that_is_read_has_to_be_whole(tmp_path: Path) -> None:
    for more in ({}, {"APPEND_SUBDATASET": "YES"}):
        profile = {"width": WIDTH, "height": HEIGHT, "count": 1, "dtype": "uint8", "crs": UTM, "transform": PLACE}
        options = {"tiled": True, "blockxsize": 128, "blockysize": 128, "compress": "DEFLATE"}
        with rasterio.open(tmp_path / "pages.tif", "w", driver="GTiff", **profile, **options, **more) as image:
            image.write(texture(1, HEIGHT, WIDTH, "uint8"))
    flip(tmp_path / "pages.tif", block_of(tmp_path / "pages.tif", 8, image=1)[1] - 1)
    check(tmp_path / "pages.tif")
    with pytest.raises(TileError, match="checksum"):
        check(tmp_path / "pages.tif", pages=[1])
