"""Pictures in memory warn of nothing, in however many threads, and leave the program's filters as they are."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from rastercollection.rasters.pixels.in_memory import open_memory
from rastercollection.rasters.writing.picture_bytes import decode_picture, encode_picture
from rastercollection.rasters.writing.png_encoder import encode_png
from rastercollection.stages.stac.png import what_is_shown


def _there_and_back(number: int) -> bool:
    picture = np.full((4, 40, 50), number % 250, np.uint8)
    picture[3] = 255
    media_type, data = encode_picture(picture, quality=None)
    return bool((decode_picture(media_type, data, 50, 40) == picture).all())


def test_threads_hear_of_no_missing_georeference() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        _there_and_back(0)
        before = list(warnings.filters)
        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(_there_and_back, range(200)))
        assert what_is_shown(encode_png(np.full((3, 8, 8), 7, np.uint8))) == "one_color"
        assert list(warnings.filters) == before
    assert [str(one.message) for one in heard if one.category is NotGeoreferencedWarning] == []


def test_what_others_open_goes_on_warning() -> None:
    data = encode_png(np.zeros((3, 8, 8), np.uint8))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with MemoryFile(data) as memory, open_memory(memory, "PNG") as picture:
            assert picture.count == 3
        with MemoryFile(data) as memory, pytest.warns(NotGeoreferencedWarning), memory.open():
            pass
