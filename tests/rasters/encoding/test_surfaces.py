"""LERC's tiles do not depend on what lay in memory before, and decoders find their checksum right."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_encoders import by_gdal, same

from encoding_scenes import settings, write_tiff
from rastercollection.rasters.encoding.encoders import encoder_of
from rastercollection.rasters.encoding.surfaces import settled

SIDE = 32
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
TILES = """
import hashlib, numpy as np
from encoding_scenes import settings
from rastercollection.rasters.encoding.encoders import encoder_of
for dtype in {dtypes}:
    for bands in (1, 3):
        noise = np.random.default_rng(2).normal(60, 9, (bands, 32, 32)).astype(dtype)
        for codec in ("LERC", "LERC_DEFLATE", "LERC_ZSTD"):
            encoder = encoder_of(settings(codec), noise.dtype, bands)
            print(hashlib.sha256(encoder.encode(noise) + encoder.encode(noise[:, :20, :30])).hexdigest())
"""


def _tiles(filling: int) -> str:
    """Digests of tiles that a process makes whose memory is filled before it is used."""
    environment = {**os.environ, "MALLOC_PERTURB_": str(filling)}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-c", TILES.format(dtypes=DTYPES)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc fills memory when it is told to")
def test_the_same_pixels_make_the_same_tile_whatever_memory_held() -> None:
    first = _tiles(37)
    assert len(first.split()) == len(DTYPES) * 2 * 3
    assert first == _tiles(111)


def image_of(kind: str) -> np.ndarray:
    shape = (3, 2 * SIDE + 9, SIDE + 5)
    if kind == "noise":
        return np.random.default_rng(5).normal(90, 20, shape).astype("uint8")
    levels = [7, 7, 7] if kind == "flat" else [1, 2, 250]
    return np.broadcast_to(np.array(levels, "uint8")[:, None, None], shape).copy()


@pytest.mark.parametrize("kind", ["noise", "flat", "flat bands"])
@pytest.mark.parametrize("codec", ["LERC", "LERC_DEFLATE", "LERC_ZSTD"])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_tiles_are_read_as_they_were(kind: str, codec: str, dtype: str, tmp_path: Path) -> None:
    """The library that decodes them refuses a wrong checksum."""
    image = (image_of(kind) // 2).astype(dtype)
    path = write_tiff(tmp_path / "tile.tif", image, encoder_of(settings(codec), image.dtype, 3), SIDE)
    assert same(by_gdal(path), image)


def test_only_what_was_never_written_changes() -> None:
    encoder = encoder_of(settings("LERC"), np.dtype("uint8"), 3)
    tile = encoder.encode(image_of("noise")[:, :SIDE, :SIDE])
    dirty = tile[:10] + b"anyx" + tile[14:-4] + b"junk"
    assert settled(dirty) == tile
    surface = encoder_of(settings("LERC"), np.dtype("int16"), 3).encode(image_of("noise").astype("int16")[:, :9, :9])
    assert settled(surface) is surface
    assert hashlib.sha256(settled(tile)).digest() == hashlib.sha256(tile).digest()
