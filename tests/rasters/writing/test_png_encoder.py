"""PNGs of thumbnails: GDAL and libpng below it read the very samples that went in."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from rastercollection.rasters.writing.png_encoder import encode_png

RGBA = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha)


@pytest.mark.parametrize("bands", [3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (61, 113)])
def test_a_png_holds_what_it_was_made_of(shape: tuple[int, int], bands: int) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (bands, *shape), dtype=np.uint8)
    with warnings.catch_warnings(), MemoryFile(encode_png(picture)) as file:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with file.open(driver="PNG") as found:
            assert found.colorinterp == RGBA[:bands]
            np.testing.assert_array_equal(found.read(), picture)


def test_smooth_pictures_become_small() -> None:
    down, across = np.mgrid[:256, :256]
    picture = np.stack([(down + across) // 2, down, across, np.full_like(down, 255)]).astype(np.uint8)
    assert len(encode_png(picture)) < picture.size / 40
