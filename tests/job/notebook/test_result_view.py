"""What a notebook shows of a result: the picture is in it, what failed comes first, and nothing is a stranger's."""

from __future__ import annotations

import base64
import os
import pickle
import re
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import attrs
import numpy as np
import pytest
import rasterio
from rasterio.io import MemoryFile

from rastercollection import JobResult, Notice, TileOutcome
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.job.given_backends import GivenBackends
from rastercollection.job.notebook.map_picture import MapPicture
from rastercollection.job.notebook.picture_lookup import find_picture
from rastercollection.job.notebook.result_view import result_html

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>"


class Markup(HTMLParser):
    """Elements, addresses and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attributes if name in ("src", "href")]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]


def _drawing(shown: str) -> ElementTree.Element:
    found = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', shown)
    assert found
    return ElementTree.fromstring(base64.b64decode(found[1]))


def _colors(picture: Any) -> Any:
    """Mean colours of the upper and the lower half."""
    with picture:
        pixels, valid = picture.read((1, 2, 3)).astype(float), picture.dataset_mask() > 0
    halves = (slice(None, picture.height // 2), slice(picture.height // 2, None))
    return np.array([pixels[:, half][:, valid[half]].mean(axis=1) for half in halves])


def _moved(result: JobResult, folder: Path) -> JobResult:
    """The result, with a copy of the preview page that may be changed."""
    page = Path(shutil.copy(result.summary["stac"]["preview_url"], folder / "page.html"))
    stac = {**result.summary["stac"], "preview_url": str(page)}
    return attrs.evolve(result, summary={**result.summary, "stac": stac})


def test_the_picture_of_the_collection_is_in_the_output_itself(ended: JobResult) -> None:
    shown = ended._repr_html_()
    assert [address for address in Markup(shown).sources if not address.startswith("data:image/")] == []
    drawing = _drawing(shown)
    (image,) = drawing.iter(f"{SVG}image")
    with MemoryFile(base64.b64decode(image.attrib["href"].partition(",")[2])) as memory, memory.open() as picture:
        red, green, blue, alpha = picture.read()
        assert picture.width >= 700
    assert 0.2 < (alpha > 0).mean() < 0.9
    assert green[alpha > 0].std() > 5
    assert blue[alpha > 0].mean() < red[alpha > 0].mean()  # the demo's terrain is green and brown
    assert len([label for label in drawing.iter(f"{SVG}text") if label.attrib["class"] == "number"]) == 4


def test_a_row_a_tile_with_its_cutting_size_and_reason_and_what_failed_first(ended: JobResult) -> None:
    shown = ended._repr_html_()
    assert shown.count('class="thumb"') == 4
    assert shown.index("namangan_b3_broken.tif") < shown.index("namangan_a1.tif")
    assert "<code>FILE_TRUNCATED</code>" in shown
    assert "The copy is incomplete: get the file again." in shown
    sizes = [tile.size for tile in ended.tiles if tile.output]
    assert sizes == [os.path.getsize(tile.output) for tile in ended.tiles if tile.output]
    assert f"{sizes[0] / 1000:.0f} kB" in shown or f"{sizes[0] / 1000:.1f} kB" in shown
    for step in ("result.view()", "result.to_frame()", "result.to_xarray()", "rerun=&quot;failed&quot;"):
        assert step in shown


def test_cuttings_show_their_own_tile(ended: JobResult) -> None:
    """Of all tiles, a cutting is the most like the COG whose row it stands in."""
    picture = find_picture(ended)
    cogs = {tile.blob: _colors(rasterio.open(tile.output)) for tile in ended.tiles if tile.output}
    assert set(picture.thumbnails) == set(cogs)
    for blob, source in picture.thumbnails.items():
        with MemoryFile(base64.b64decode(source.partition(",")[2])) as memory:
            cutting = _colors(memory.open())
        apart = {other: float(np.abs(cutting - colors).mean()) for other, colors in cogs.items()}
        assert min(apart, key=lambda other: apart[other]) == blob
        assert apart[blob] < 12


@pytest.mark.parametrize("spoilt", ["gone", "no page", "no picture"])
def test_without_a_picture_all_else_is_shown_and_why(ended: JobResult, tmp_path: Path, spoilt: str) -> None:
    result = _moved(ended, tmp_path)
    page = tmp_path / "page.html"
    if spoilt == "gone":
        page.unlink()
    elif spoilt == "no page":
        page.write_text(HOSTILE)
    else:
        page.write_text(re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,AAAA", page.read_text()))
    shown = result._repr_html_()
    assert "No picture: " in shown
    assert "page.html" in shown
    assert shown.count("<tr>") > 5


def test_a_store_that_does_not_answer_is_not_waited_for(ended: JobResult) -> None:
    release = threading.Event()

    class Slow(FsspecStorage):
        def read(self, url: str, start: int = 0, end: int | None = None) -> bytes:
            release.wait(20)
            return b""

    result = attrs.evolve(ended, backends=GivenBackends(storage=Slow()))
    picture = find_picture(result, patience=0.2)
    release.set()
    assert "0.2 seconds" in picture.problem


def test_a_page_that_somebody_changed_brings_nothing_into_the_notebook(ended: JobResult, tmp_path: Path) -> None:
    result = _moved(ended, tmp_path)
    page = tmp_path / "page.html"
    text = page.read_text()
    text = text.replace("<li>", f"<li>{HOSTILE}", 1).replace("background:red", "background:url(https://x.example)")
    text = text.replace('<text class="number"', f'{HOSTILE}<text class="number" onclick="alert(1)"')
    page.write_text(text.replace("<small>", f"<small>{HOSTILE}"))
    shown = Markup(result._repr_html_())
    assert {"script", "svg", "iframe"} & set(shown.tags) == set()
    assert shown.handlers == []
    assert [address for address in shown.sources if not address.startswith("data:image/")] == []
    assert "url(" not in result._repr_html_()
    assert HOSTILE not in ElementTree.tostring(_drawing(result._repr_html_()), "unicode")


def test_names_and_reasons_are_text(ended: JobResult) -> None:
    tile = TileOutcome(blob=f"a{HOSTILE}\u202e.tif", outcome="failed", code=HOSTILE, reason=HOSTILE, hint=HOSTILE)
    shown = result_html(attrs.evolve(ended, tiles=(tile,)), MapPicture(problem=HOSTILE))
    assert "script" not in Markup(shown).tags
    assert "\u202e" not in shown
    assert "&lt;script&gt;" in shown


def _many(count: int) -> tuple[TileOutcome, ...]:
    notice = Notice(code="TIER_FALLBACK", message="m" * 300)
    good = TileOutcome(blob="folder/" * 20 + "x.tif", outcome="cog", output="/o/x.tif", size=10**9, notices=(notice,))
    bad = TileOutcome(blob="folder/" * 20 + "y.tif", outcome="failed", code="C" * 20, reason="r" * 2000, hint="h" * 900)
    return tuple(good if number % 2 else bad for number in range(count))


def test_ten_thousand_tiles_stay_small_and_none_is_forgotten(ended: JobResult) -> None:
    shown = attrs.evolve(ended, tiles=_many(10_000))._repr_html_()
    assert len(shown) < 2_000_000
    assert "5,000 tiles not as they should be" in shown
    assert "4,500 more: <code>result.to_frame()</code> lists all." in shown


def test_what_is_pickled_holds_no_storage(ended: JobResult) -> None:
    storage: Any = FsspecStorage({"secret": "hunter2"})
    result = attrs.evolve(ended, backends=GivenBackends(storage=storage))
    copied = pickle.dumps(result)
    assert b"hunter2" not in copied
    assert pickle.loads(copied) == result
    assert "hunter2" not in f"{result!r}{result.to_dict()}{attrs.asdict(pickle.loads(copied))}"
