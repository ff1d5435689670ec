"""Stage 5: what rio-tiler and cogeo-mosaic do not show of what was published is named, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio
import shapely

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task, TaskStatus
from rastercollection.core.records import from_dict
from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Mosaic
from rastercollection.model.published_check import Check
from rastercollection.stages.check import STAGE, check_published
from rastercollection.stages.check.stock_readers import PublishedMosaic
from rastercollection.stages.mosaic import create_mosaicjson
from rastercollection.testing.sample_rasters import write_sample_cog
from rastercollection.testing.sample_records import fan_in_parameters, sample_results


def cog_of(folder: Path, number: int = 0, pixels: Any = None, bounds: Any = None, **facts: Any) -> Cog:
    """A tile of 0.05°, one beside the other; the footprint is its bounds."""
    west = 71.0 + 0.05 * number
    values = np.random.default_rng(number).integers(1, 200, (3, 256, 256), dtype="uint8") if pixels is None else pixels
    return write_sample_cog(
        folder / "cögs #1 50%", f"tile-{number}", values, bounds or (west, 41.0, west + 0.05, 41.05), **facts
    )


def context_of(cogs: Sequence[Cog], folder: Path | None, storage: Any = None) -> TaskContext:
    """As after stage 3; without a mosaic where there is no folder."""
    context = TaskContext(
        job_id="job",
        task=Task(id="t", stage=5, task_type="check_published", handler="a:b"),
        resources={"storage": storage or FsspecStorage()},
        inputs={"create_cogs": sample_results(cogs)},
    )
    if folder is not None:
        made = from_dict(Mosaic, create_mosaicjson(fan_in_parameters(mosaicjson_container=str(folder)), context))
        context.inputs = {**context.inputs, "create_mosaicjson": sample_results([made], 3, "create_mosaicjson")}
        context.notices.clear()
        context.faults.clear()
    return context


def check(context: TaskContext) -> Check:
    return from_dict(Check, check_published(fan_in_parameters(), context))


def result_of(context: TaskContext, made: Check) -> Any:
    (result,) = sample_results([made], 5, "check_published")
    return attrs.evolve(result, status=TaskStatus.COMPLETED, task=context.task)


def test_what_was_published_is_read_through_the_mosaic(tmp_path: Path) -> None:
    cogs = [cog_of(tmp_path, number) for number in range(4)]
    context = context_of(cogs, tmp_path)
    made = check(context)
    assert (made.cogs, made.served, made.through_mosaic, made.unserved) == (4, 4, 4, {})
    assert "rio-tiler 9" in made.readers
    assert (context.notices, context.faults) == ([], [])
    assert STAGE.holds(result_of(context, made), {})
    alone = check(context_of(cogs, None))
    assert (alone.served, alone.through_mosaic) == (4, 0)


def test_a_cog_that_is_blank_by_now_is_named(tmp_path: Path) -> None:
    cogs = [cog_of(tmp_path, number, nodata=0) for number in range(2)]
    context = context_of(cogs, tmp_path)
    with rasterio.open(cogs[1].file.href, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as blank:
        blank.write(np.zeros((3, 256, 256), "uint8"))
    made = check(context)
    assert made.served == 1
    assert list(made.unserved) == ["tile-1.tif"]
    assert "shows nothing" in made.unserved["tile-1.tif"]
    (fault,), (notice,) = context.faults, context.notices
    assert (fault.tile, fault.code, notice.code) == ("tile-1.tif", "TILE_NOT_SERVED", "TILE_NOT_SERVED")
    assert "1 of 2 COGs" in notice.message
    assert not STAGE.holds(result_of(context, made), {})


def test_a_cog_that_is_gone_or_damaged_is_named(tmp_path: Path) -> None:
    cogs = [cog_of(tmp_path, number) for number in (0, 4, 8)]
    context = context_of(cogs, tmp_path)
    Path(cogs[0].file.href).unlink()
    Path(cogs[2].file.href).write_bytes(b"II*\0")
    made = check(context)
    assert made.unserved.keys() == {"tile-0.tif", "tile-8.tif"}
    assert made.unasked == {}


def _with_document(context: TaskContext, change: Any) -> None:
    """Somebody else has written the document."""
    (result,) = context.inputs["create_mosaicjson"]
    path = Path(result.value["url"])
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_tiles_that_readers_cannot_make_of_the_mosaic_are_named(tmp_path: Path) -> None:
    """Of a COG of one band below a picture, rio-tiler makes an AssertionError wherever it looks at both."""
    picture = cog_of(tmp_path, valid=np.arange(256)[None] * np.ones((256, 1)) < 100)
    context = context_of([picture], tmp_path)
    grey = cog_of(tmp_path / "grey", pixels=np.full((1, 256, 256), 9, "uint8"))

    def add(document: Any) -> None:
        prefix = document.pop("asset_prefix")
        for key, assets in document["tiles"].items():
            document["tiles"][key] = [*(prefix + asset for asset in assets), grey.file.href]

    assert check(context).served == 1
    _with_document(context, add)
    made = check(context)
    assert "AssertionError: Assets HAVE TO have the same number of bands" in made.unserved["tile-0.tif"]


def test_other_values_where_a_cog_is_on_top_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of the mosaic that does not give what the COG that is on top has."""
    cogs = [cog_of(tmp_path, number, valid=np.arange(256)[None] * np.ones((256, 1)) > 140) for number in range(2)]
    context = context_of(cogs, tmp_path)

    def other(self: PublishedMosaic, *tile: int, **options: Any) -> Any:
        image, used = read(self, *tile, **options)
        image.array = image.array + 1
        return image, [*used, "another"]

    read = PublishedMosaic.read
    monkeypatch.setattr(PublishedMosaic, "read", other)
    assert "is on top" in check(context).unserved["tile-0.tif"]


def test_a_cog_that_the_mosaic_does_not_name_where_it_is_is_named(tmp_path: Path) -> None:
    """Somewhere else, it does."""
    context = context_of([cog_of(tmp_path, number) for number in range(2)], tmp_path)
    _with_document(context, lambda document: document["tiles"].update({key: [] for key in _tiles(context)}))
    _with_document(context, lambda document: document["tiles"].update({"0" * 5: ["tile-0.tif"]}))
    made = check(context)
    assert "is not among the COGs that the mosaic names" in made.unserved["tile-0.tif"]
    assert (made.served, made.through_mosaic) == (1, 1)


def _tiles(context: TaskContext) -> dict[str, list[str]]:
    (result,) = context.inputs["create_mosaicjson"]
    tiles: dict[str, list[str]] = json.loads(Path(result.value["url"]).read_text())["tiles"]
    return tiles


def test_what_cannot_be_asked_is_no_fault(tmp_path: Path) -> None:
    class OutOfReach(FsspecStorage):
        def gdal_source(self, url: str) -> None:
            return None

    context = context_of([cog_of(tmp_path)], tmp_path, OutOfReach())
    made = check(context)
    assert (made.served, made.unserved, list(made.unasked)) == (0, {}, ["tile-0.tif"])
    assert [notice.code for notice in context.notices] == ["CHECK_INCOMPLETE"]
    assert context.faults == []
    assert STAGE.holds(result_of(context, made), {})


SPECK = np.zeros((1, 2048, 2048), "uint8")
SPECK[0, 1500, 700] = 5
_X, _Y, _PIXEL = 71.0 + 700 * 0.05 / 2048, 41.05 - 1500 * 0.05 / 2048, 0.05 / 2048
SPECK_OUTLINE = shapely.geometry.mapping(shapely.box(_X, _Y - _PIXEL, _X + _PIXEL, _Y))
KINDS: dict[str, dict[str, Any]] = {
    "one pixel": {"pixels": np.full((1, 1, 1), 7, "uint8"), "bounds": (71.0, 41.0, 71.0001, 41.0001)},
    "a line of pixels": {"pixels": np.full((1, 1, 3000), 7, "uint8"), "bounds": (71.0, 41.0, 71.3, 41.0001)},
    "beyond the map": {"pixels": np.full((1, 64, 64), 7, "uint8"), "bounds": (10.0, 86.0, 20.0, 89.0)},
    "the pole": {
        "pixels": np.full((1, 64, 64), 7, "int16"),
        "bounds": (-200000.0, -200000.0, 200000.0, 200000.0),
        "crs": "EPSG:3031",
    },
    "one valid pixel": {"pixels": SPECK, "nodata": 0, "footprint": SPECK_OUTLINE},
    "many bands": {"pixels": np.full((200, 64, 64), 7, "float64")},
    "NaN": {"pixels": np.where(np.eye(64) > 0, np.nan, 1.5).astype("float32")[None], "nodata": np.nan},
    "alpha": {
        "pixels": np.stack([*np.full((3, 64, 64), 9), 255 * np.eye(64)]).astype("uint8"),
        "colors": ("red", "green", "blue", "alpha"),
    },
    "palette": {"pixels": np.full((1, 64, 64), 1, "uint8"), "color_table": {1: (9, 9, 9, 255)}},
    "64 bits": {"pixels": np.full((1, 64, 64), 2**60, "int64")},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mosaic", [True, False], ids=["mosaic", "alone"])
def test_every_kind_of_cog_is_seen(kind: str, mosaic: bool, tmp_path: Path) -> None:
    cog = cog_of(tmp_path, **KINDS[kind])
    others = (
        [cog_of(tmp_path / "other", 9, np.ones((1, 64, 64), "uint8"))] if kind in ("beyond the map", "the pole") else []
    )
    context = context_of([cog, *others], tmp_path if mosaic else None)
    made = check(context)
    assert (made.served, made.unserved, made.unasked) == (1 + len(others), {}, {})


def test_complex_numbers_are_read_and_not_drawn(tmp_path: Path) -> None:
    cog = cog_of(tmp_path, pixels=np.full((1, 64, 64), 2, "float32"))
    bands = tuple(attrs.evolve(band, dtype="complex64") for band in cog.file.bands)
    cog = attrs.evolve(cog, file=attrs.evolve(cog.file, bands=bands))
    with rasterio.open(cog.file.href) as real:
        profile = {**real.profile, "dtype": "complex64"}
    with rasterio.open(cog.file.href, "w", **profile) as dataset:
        dataset.write(np.full((1, 64, 64), 1 + 2j, "complex64"))
    made = check(context_of([cog], tmp_path))
    assert (made.served, made.through_mosaic) == (1, 0)


def test_of_an_empty_cog_there_is_nothing_to_be_seen(tmp_path: Path) -> None:
    context = context_of([cog_of(tmp_path, pixels=np.zeros((1, 64, 64), "uint8"), nodata=0)], tmp_path)
    made = check(context)
    assert (made.cogs, made.empty, made.served, made.unserved) == (1, 1, 0, {})
    assert context.faults == []


def test_a_lone_pixel_is_found(tmp_path: Path) -> None:
    pixels = np.zeros((1, 1600, 1600), "uint8")
    pixels[:, 2, 2] = 9
    made = check(context_of([cog_of(tmp_path, pixels=pixels, nodata=0, resampling="average")], tmp_path))
    assert (made.served, made.unserved) == (1, {})


def test_what_is_found_beyond_the_map_is_read_alone(tmp_path: Path) -> None:
    pixels = np.zeros((1, 200, 200), "uint8")
    pixels[:, :10] = 9  # north of 86°, and the footprint is said to be all
    cog = cog_of(tmp_path, pixels=pixels, bounds=(10, 70, 30, 90), nodata=0)
    made = check(context_of([cog], tmp_path))
    assert (made.served, made.unserved) == (1, {})


def test_complex_numbers_that_nobody_counted_are_not_taken_for_empty(tmp_path: Path) -> None:
    cog = cog_of(tmp_path, pixels=np.full((1, 64, 64), 2, "float32"))
    bands = tuple(attrs.evolve(band, dtype="complex64", statistics=None) for band in cog.file.bands)
    made = check(context_of([attrs.evolve(cog, file=attrs.evolve(cog.file, bands=bands))], tmp_path))
    assert (made.served, made.empty) == (1, 0)
