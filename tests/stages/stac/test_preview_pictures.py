"""The picture on the preview page: one look for all tiles, in their places, wherever they lie."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from rasterio.io import MemoryFile

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task
from rastercollection.job.notebook.map_picture import draw_map_picture
from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Overview
from rastercollection.stac.renders import made_renders
from rastercollection.stages.members import Members
from rastercollection.stages.stac.preview.drawing_board import draw_preview
from rastercollection.stages.stac.preview.frame import frame_of, tile_box
from rastercollection.stages.stac.preview.page_content import page_content
from rastercollection.stages.stac.preview.sheet import sheet_of
from rastercollection.testing.sample_rasters import write_sample_cog

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

WIDTH = 1000
_IMAGE = re.compile(r'<image id="layer-\d+" data-day="([^"]*)" href="data:image/webp;base64,([^"]+)" ([^/]*)/>')


class Shown:
    """The pictures of a page, laid over each other as the page does: red, green, blue and alpha on its map."""

    def __init__(self, page: str) -> None:
        self.days: list[str] = []
        height = float(re.findall(r'class="map[^"]*" viewBox="0 0 1000 (\d+)"', page)[0])
        self.pixels = np.zeros((4, round(height), WIDTH), np.uint8)
        for day, data, place in _IMAGE.findall(page):
            self.days.append(day)
            left, top, width, height = map(float, re.findall(r'"([\d.]+)"', place))
            rows = np.arange(round(top), round(top + height))
            columns = np.arange(round(left), round(left + width))
            with MemoryFile(base64.b64decode(data)) as memory, memory.open() as image:
                picture = image.read()
            if len(picture) == 3:  # WebP leaves out alpha where nothing is transparent
                picture = np.concatenate([picture, np.full_like(picture[:1], 255)])
            at = np.clip(((rows - top) / height * picture.shape[1]).astype(int), 0, picture.shape[1] - 1)
            across = np.clip(((columns - left) / width * picture.shape[2]).astype(int), 0, picture.shape[2] - 1)
            part = picture[:, at][:, :, across]
            window = self.pixels[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            np.copyto(window, part[:, : window.shape[1], : window.shape[2]], where=part[3] > 0)

    def middle_of(self, box: tuple[float, float, float, float]) -> list[int]:
        left, top, width, height = box
        found = self.pixels[:, int(top + height / 2), int(left + width / 2)]
        return [int(value) for value in found]


def _ramp(low: int, high: int, dtype: str = "uint16") -> np.ndarray:
    return np.linspace(low, high, 200 * 200).reshape(1, 200, 200).astype(dtype)


def _shown(publish: Any, cogs: list[Cog], **job: Any) -> tuple[Shown, list[tuple[float, float, float, float]]]:
    done = publish(cogs, **job)
    frame = frame_of(cogs)
    return Shown(done.page), [tile_box(frame, cog) for cog in cogs]


def test_all_tiles_have_one_stretch(publish: Any, tmp_path: Path) -> None:
    dark = write_sample_cog(tmp_path, "dark", _ramp(0, 1000), (10.0, 50.0, 10.2, 50.2))
    bright = write_sample_cog(tmp_path, "bright", _ramp(1000, 2000), (10.2, 50.0, 10.4, 50.2))
    shown, boxes = _shown(publish, [dark, bright])
    (low, *_), (high, *_) = (shown.middle_of(box) for box in boxes)
    assert low == pytest.approx(64, abs=12)
    assert high == pytest.approx(191, abs=12)


def test_the_tile_on_top_is_seen_where_tiles_overlap_and_holes_show_what_is_below(publish: Any, tmp_path: Path) -> None:
    below = np.full((3, 200, 200), 60, np.uint8)
    above = np.full((3, 200, 200), 200, np.uint8)
    above[:, 90:110, 90:110] = 0
    bounds = (10.0, 50.0, 10.2, 50.2)
    cogs = [
        attrs.evolve(write_sample_cog(tmp_path, name, pixels, bounds, nodata=0), datetime=f"{year}-01-01T00:00:00Z")
        for name, pixels, year in (("below", below, 2019), ("above", above, 2020))
    ]
    shown, boxes = _shown(publish, cogs)
    left, top, width, height = boxes[0]
    assert shown.middle_of((left, top, width / 2, height))[0] == pytest.approx(200, abs=8)
    assert shown.middle_of(boxes[0])[0] == pytest.approx(60, abs=8)
    assert shown.days == ["2019-01-01", "2020-01-01"]


@pytest.mark.parametrize(
    ("crs", "bounds"),
    [
        ("EPSG:4326", (179.0, -18.0, 181.0, -16.0)),
        ("EPSG:3832", (3_006_000.0, -2_000_000.0, 3_506_000.0, -1_500_000.0)),
        ("EPSG:3031", (-1_000_000.0, -1_000_000.0, 1_000_000.0, 1_000_000.0)),
        ("EPSG:32642", (560_000.0, 4_540_000.0, 563_000.0, 4_543_000.0)),
        ("EPSG:4326", (-180.0, -90.0, 180.0, 90.0)),
    ],
    ids=["antimeridian", "antimeridian-mercator", "pole", "utm", "world"],
)
def test_a_tile_is_drawn_where_its_outline_is(
    publish: Any, tmp_path: Path, crs: str, bounds: tuple[float, float, float, float]
) -> None:
    cog = write_sample_cog(tmp_path, "a", np.full((3, 256, 256), 150, np.uint8), bounds, crs=crs)
    shown, (box, *_) = _shown(publish, [cog], mosaic=False)
    covered = shown.pixels[3] > 0
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    left, top, width, height = box
    assert columns[0] == pytest.approx(left, abs=3)
    assert columns[-1] == pytest.approx(left + width, abs=3)
    assert rows[0] == pytest.approx(top, abs=3)
    assert rows[-1] == pytest.approx(top + height, abs=3)
    if crs != "EPSG:3031":
        assert covered[rows[0] : rows[-1], columns[0] : columns[-1]].mean() > 0.9


def test_classes_keep_their_colours(publish: Any, tmp_path: Path) -> None:
    table = {0: (0, 0, 0, 255), 1: (10, 100, 30, 255), 2: (250, 200, 0, 255)}
    pixels = np.repeat(np.repeat(np.array([[1, 2], [2, 1]], np.uint8), 100, axis=0), 100, axis=1)[np.newaxis]
    cog = write_sample_cog(
        tmp_path,
        "classes",
        pixels,
        (10.0, 50.0, 10.2, 50.2),
        colors=("palette",),
        color_table=table,
        raster_type="categorical",
        resampling="nearest",
    )
    shown, _ = _shown(publish, [cog])
    seen = np.unique(shown.pixels[:, shown.pixels[3] > 0], axis=1).T.tolist()
    assert sorted(seen) == [[10, 100, 30, 255], [250, 200, 0, 255]]


def test_a_tile_that_cannot_be_read_is_told_and_leaves_the_others(publish: Any, tmp_path: Path) -> None:
    good = write_sample_cog(tmp_path, "good", np.full((3, 200, 200), 90, np.uint8), (10.0, 50.0, 10.2, 50.2))
    lost = write_sample_cog(tmp_path, "lost", np.full((3, 200, 200), 90, np.uint8), (10.2, 50.0, 10.4, 50.2))
    (tmp_path / "lost.tif").write_bytes(b"II*\0")
    done = publish([good, lost])
    boxes = [tile_box(frame_of([good, lost]), cog) for cog in (good, lost)]
    shown = Shown(done.page)
    assert shown.middle_of(boxes[0])[3] == 255
    assert shown.middle_of(boxes[1])[3] == 0
    assert "PREVIEW_INCOMPLETE" in [notice.code for notice in done.notices]
    assert "1 could not be read" in done.page


def test_tiles_far_apart_are_drawn_in_insets_and_cut_from_them(publish: Any, tmp_path: Path) -> None:
    """By the days of all of them, as on the map of tiles that are side by side."""
    places = {"north": (69.2, 41.4, 69.3, 41.5), "south": (-77.1, -15.7, -77.0, -15.6)}
    cogs = [
        attrs.evolve(
            write_sample_cog(tmp_path, name, np.full((3, 200, 200), value, np.uint8), at),
            datetime=f"{year}-01-01T00:00:00Z",
        )
        for (name, at), value, year in zip(places.items(), (60, 200), (2019, 2020), strict=True)
    ]
    page = publish(cogs).page
    shown, sheet = Shown(page), sheet_of(cogs)
    boxes = [tile_box(sheet.map_of(cog).placed, cog) for cog in cogs]
    assert [shown.middle_of(box)[0] for box in boxes] == pytest.approx([60, 200], abs=8)
    assert sorted(shown.days) == ["2019-01-01", "2020-01-01"]
    assert page.count("<use ") == 2
    picture = draw_map_picture(page_content(page))
    assert sorted(picture.thumbnails) == ["north.tif", "south.tif"]


def test_a_dead_tile_server_is_told_and_is_not_the_map(publish: Any, tmp_path: Path) -> None:
    cog = write_sample_cog(tmp_path, "a", np.full((3, 200, 200), 90, np.uint8), (10.0, 50.0, 10.2, 50.2))
    done = publish([cog], titiler_url="http://127.0.0.1:9")
    assert done.entry.share_url.endswith(".html")
    assert "127.0.0.1:9" not in done.page
    (notice,) = [notice for notice in done.notices if notice.code == "TITILER_NOT_READY"]
    assert "could not be fetched" in notice.message


@pytest.mark.parametrize("size", [2, 400], ids=["coarse", "fine"])
def test_an_overview_is_drawn_where_it_is_about_as_fine_as_the_map(tmp_path: Path, size: int) -> None:
    places = {"a": (178.9, -16.4, 179.3, -16.0), "b": (179.4, -16.1, 179.8, -15.7)}
    lively = np.repeat(_ramp(1, 255, "uint8")[:, ::2, ::2], 3, axis=0)
    tiles = [write_sample_cog(tmp_path, name, lively, at) for name, at in places.items()]
    whole = write_sample_cog(tmp_path, "whole", np.full((3, size, size), 200, np.uint8), (178.9, -16.6, 179.8, -15.7))
    context = TaskContext(
        job_id="job",
        task=Task(id="t", stage=4, task_type="x", handler="a:b"),
        resources={"storage": FsspecStorage(), "catalog": None},
        inputs={},
    )
    members = Members(made=tuple(tiles))
    renders = made_renders([tile.file for tile in tiles], "data").by_name
    drawn = draw_preview(members, Overview(image=whole.file, tile_count=2, reason=""), renders, context)
    with MemoryFile(drawn.layers[0].picture) as memory, memory.open() as picture:
        height, width = picture.shape
        shown = picture.read(1)[height // 2 : height * 9 // 10, width // 10 : width * 4 // 10]  # inside of a tile
    assert (shown.std() < 3) == (size == 400)
