"""The picture of a collection is small enough for a notebook, whatever the collection's own page holds."""

from __future__ import annotations

import base64
import subprocess
import sys
from xml.etree import ElementTree

import attrs
import numpy as np
import pytest
from rasterio.errors import RasterioIOError
from rasterio.io import MemoryFile

from rastercollection.job.notebook.map_picture import MOST_PICTURE_BYTES, MOST_THUMBNAILS, draw_map_picture
from rastercollection.rasters.writing.picture_bytes import decode_picture, encode_picture
from rastercollection.stages.stac.preview.layer import Layer
from rastercollection.stages.stac.preview.page_content import PageContent, page_content

SVG = "{http://www.w3.org/2000/svg}"


def _layer(color: tuple[int, int, int, int], box: tuple[float, float, float, float], number: int = 0) -> Layer:
    pixels = np.broadcast_to(np.array(color, np.uint8)[:, None, None], (4, 40, 60))
    media_type, data = encode_picture(pixels, quality=None)
    return Layer(number=number, day="", box=box, media_type=media_type, picture=data)


PAGE = PageContent(
    height=500,
    layers=(_layer((255, 0, 0, 255), (0, 0, 600, 500)), _layer((0, 0, 255, 255), (400, 0, 600, 500), 1)),
    outlines={1: "M0.0,0.0L600.0,0.0L600.0,500.0L0.0,500.0Z", 2: "M700.0,0.0L1000.0,0.0L1000.0,500.0L700.0,500.0Z"},
    lines=(("grid", "M0,10V500"),),
    labels=(("number", 10, 10, "<1>"),),
    blobs={1: "red.tif", 2: "blue.tif", 3: "nowhere.tif"},
    legend=(),
)


def _pixels(source: str) -> np.ndarray:
    with MemoryFile(base64.b64decode(source.partition(",")[2])) as memory, memory.open() as picture:
        return picture.read()


def _svg(source: str) -> ElementTree.Element:
    return ElementTree.fromstring(base64.b64decode(source.partition(",")[2]))


def test_layers_lie_where_the_page_has_them_the_last_on_top() -> None:
    made = draw_map_picture(PAGE)
    (image,) = _svg(made.source).iter(f"{SVG}image")
    pixels = _pixels(image.attrib["href"]).astype(int)
    _, height, width = pixels.shape
    assert (width, height) == (1000, 500)
    red, blue = pixels[:3, 250, 200], pixels[:3, 250, 500]
    assert red[0] > 230 > 40 > red[2]
    assert blue[2] > 230 > 40 > blue[0]
    assert set(made.thumbnails) == {"red.tif", "blue.tif"}
    assert _pixels(made.thumbnails["blue.tif"])[2].min() > 220
    assert "<1>" in [label.text for label in _svg(made.source).iter(f"{SVG}text")]


def test_noise_is_shown_coarser() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (4, 800, 1600), np.uint8)
    noise[3] = 255
    media_type, data = encode_picture(noise, quality=None)
    assert len(data) > 2_000_000
    layer = Layer(number=0, day="", box=(0, 0, 1000, 500), media_type=media_type, picture=data)
    made = draw_map_picture(attrs.evolve(PAGE, layers=(layer,)))
    (image,) = _svg(made.source).iter(f"{SVG}image")
    assert 50_000 < len(image.attrib["href"]) <= MOST_PICTURE_BYTES
    assert len(made.source) < 1_000_000


def test_of_very_many_tiles_there_are_no_outlines_and_few_cuttings() -> None:
    box = "M0.0,0.0L60.0,0.0L60.0,50.0L0.0,50.0Z"
    names = {number: f"{number}.tif" for number in range(1, 1001)}
    few = draw_map_picture(attrs.evolve(PAGE, outlines=dict.fromkeys(range(1, 1001), box), blobs=names))
    assert len(few.thumbnails) == MOST_THUMBNAILS
    assert [path.attrib["class"] for path in _svg(few.source).iter(f"{SVG}path")].count("outline") == 1
    many = draw_map_picture(attrs.evolve(PAGE, outlines=dict.fromkeys(range(1, 20_001), box), blobs=names))
    assert [path.attrib["class"] for path in _svg(many.source).iter(f"{SVG}path")].count("outline") == 0
    assert len(many.source) + sum(map(len, many.thumbnails.values())) < 1_000_000


def test_what_is_no_picture_is_not_opened_as_anything_else() -> None:
    with pytest.raises(ValueError, match="no picture"):
        decode_picture("image/vrt", b"<VRTDataset/>", 10, 10)
    with pytest.raises(RasterioIOError):
        decode_picture("image/png", b"<VRTDataset/>", 10, 10)


def test_texts_that_are_no_preview_page_hold_nothing() -> None:
    assert page_content("") is None
    assert page_content('<svg viewBox="0 0 1000 5"></svg>') is None


def test_pictures_are_read_in_a_process_that_has_not_used_gdal() -> None:
    """As that of a result which was there before, in a thread of a new kernel."""
    media_type, data = encode_picture(np.full((4, 8, 8), 255, np.uint8), quality=None)
    module = decode_picture.__module__
    program = f"import {module} as m; print(m.decode_picture({media_type!r}, {data!r}, 8, 8).min())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "255\n", done.stderr
