"""COGs of any size hold the source's pixels, whatever is left over at the edges of their blocks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import rasterio
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rio_cogeo import cog_validate

import cog_readers
from cog_scenes import PLACE, UTM, make_cog, write_raster
from written_cogs import BLOCK

NEAR = st.sampled_from((1, 2, 3)).flatmap(lambda blocks: st.integers(blocks * BLOCK - 2, blocks * BLOCK + 2))
SIDES = st.one_of(st.integers(1, 3 * BLOCK), st.integers(1, 3), NEAR)


@settings(max_examples=25)
@example(width=1, height=1, bands=1, dtype="uint8", kind="none", codec="DEFLATE", seed=0)
@example(width=1, height=300, bands=2, dtype="int16", kind="mask", codec="DEFLATE", seed=0)
@example(width=300, height=1, bands=1, dtype="float32", kind="nan", codec="ZSTD", seed=0)
@example(width=BLOCK, height=BLOCK, bands=3, dtype="uint8", kind="nodata", codec="LZW", seed=0)
@example(width=2 * BLOCK, height=3 * BLOCK, bands=1, dtype="uint16", kind="none", codec="NONE", seed=0)
@given(
    width=SIDES,
    height=SIDES,
    bands=st.integers(1, 5),
    dtype=st.sampled_from(("uint8", "int8", "uint16", "int32", "float32", "float64", "uint64")),
    kind=st.sampled_from(("none", "nodata", "mask", "nan")),
    codec=st.sampled_from(("DEFLATE", "ZSTD", "NONE", "LZW", "LERC_ZSTD")),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_size_is_read_back(
    width: int, height: int, bands: int, dtype: str, kind: str, codec: str, seed: int
) -> None:
    kind = "nodata" if kind == "nan" and not dtype.startswith("float") else kind
    codec = "ZSTD" if codec.startswith("LERC") and (dtype == "uint64" or kind == "nan") else codec
    rng = np.random.default_rng(seed)
    data = rng.integers(1, 100, (bands, height, width)).astype(dtype)
    valid = rng.random((height, width)) > rng.choice((0.0, 0.1, 0.9))
    valid[rng.integers(height), rng.integers(width)] = True
    with tempfile.TemporaryDirectory() as folder:
        source = write_raster(Path(folder) / "t.tif", data, valid=None if kind == "none" else valid, kind=kind)
        made = make_cog(source, UTM, block_size=BLOCK, compression=codec)
        _check(source, made.path)
        assert made.path.stat().st_size == made.cog.file.size
        assert made.cog.file.shape == rasterio.open(made.path).shape


def _check(source: Path, cog: Path) -> None:
    seen, before = cog_readers.by_gdal(cog), cog_readers.by_gdal(source)
    (_, height, width) = before.levels[0].shape
    _, errors, warnings = cog_validate(cog, strict=True, quiet=True)
    # readers tell decimations from widths: an image of one column has no overviews
    assert (errors, warnings if seen.levels[0].shape[2] > 1 else []) == ([], [])
    # a column more where levels would be as wide as a block
    np.testing.assert_array_equal(seen.masks[0][:, :width], before.masks[0])
    assert not seen.masks[0][:, width:].any()
    inside = before.masks[0]
    np.testing.assert_array_equal(seen.levels[0][:, :, :width][:, inside], before.levels[0][:, inside])
    for read in (cog_readers.by_tifffile, cog_readers.by_async_geotiff):
        other = read(cog)
        for level, expected in zip(other.levels, seen.levels, strict=True):
            np.testing.assert_array_equal(level, expected)
    with rasterio.open(cog) as dataset:
        assert dataset.transform == PLACE
        assert dataset.block_shapes == [(BLOCK, BLOCK)] * dataset.count
        smaller = [(-(-height // 2**n), -(-dataset.width // 2**n)) for n in range(1, len(seen.levels))]
    assert [level.shape[1:] for level in seen.levels[1:]] == smaller
    assert max(seen.levels[-1].shape[1:]) <= BLOCK or dataset.width == 1
