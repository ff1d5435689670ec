"""NaN in several bands of LERC, which older GDAL cannot read: where it is left out, and where it is told of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from cog_scenes import UTM, holes, make_cog, texture, write_raster


def _write(folder: Path, kind: str, bands: int, *, below: float = 5) -> Path:
    """A source, with a value below its mask."""
    pixels, valid = texture(bands, 300, 280, "float32"), holes(300, 280)
    if kind == "none":
        return write_raster(folder / "tile.tif", pixels, valid=None, kind=kind)
    if kind == "mask":
        pixels[:, ~valid] = below
    return write_raster(folder / "tile.tif", pixels, valid=valid, kind=kind, nodata=-9999 if kind == "nodata" else None)


def _has_nan(path: Path) -> bool:
    with rasterio.open(path) as cog:
        overviews = range(len(cog.overviews(1)))
        found = bool(np.isnan(cog.read()).any())
    for level in overviews:
        with rasterio.open(path, overview_level=level) as smaller:
            found |= bool(np.isnan(smaller.read()).any())
    return found


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
@pytest.mark.parametrize("below", [5.0, np.nan])
def test_there_is_none_below_a_mask(target: str, below: float, tmp_path: Path) -> None:
    source = _write(tmp_path, "mask", 2, below=below)
    made = make_cog(source, target, compression="LERC_ZSTD", block_size=128)
    assert not _has_nan(made.path)
    with rasterio.open(made.path) as cog:
        assert 0 < np.count_nonzero(cog.dataset_mask()) < cog.width * cog.height
        if target == UTM and below == 5:
            assert (cog.read()[:, cog.dataset_mask() == 0] == 5).all(), "what lies there stays"
    assert "NAN_UNREAD_BY_OLDER_GDAL" not in {notice.code for notice in made.notices}


@pytest.mark.parametrize(
    ("kind", "bands", "compression", "is_told"),
    [
        ("nan", 2, "LERC", True),
        ("none", 2, "LERC_DEFLATE", True),
        ("nan", 1, "LERC", False),
        ("nan", 2, "ZSTD", False),
        ("nodata", 2, "LERC", False),
    ],
)
def test_it_is_told_of_where_it_stays(kind: str, bands: int, compression: str, is_told: bool, tmp_path: Path) -> None:
    made = make_cog(_write(tmp_path, kind, bands), "EPSG:4326", compression=compression, block_size=128)
    assert ("NAN_UNREAD_BY_OLDER_GDAL" in {notice.code for notice in made.notices}) is is_told
    assert _has_nan(made.path) is (kind != "nodata")
