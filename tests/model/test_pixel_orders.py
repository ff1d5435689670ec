"""What was ordered of zooms and pixels is compared with the data's own."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from rastercollection import JobFailedError, process_collection
from rastercollection.errors import TaskError
from rastercollection.model.pixel_orders import check_maxzoom, check_resolution, finest_zoom
from rastercollection.model.tile import Validation
from validation_scenes import terrain, validate, write


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("tiles") / "x.tif", terrain().astype("float32"))


@pytest.fixture(scope="module")
def tiles(source: Path) -> list[Validation]:
    """100 rows over a degree of latitude at 60° north: 1,113 m on the ground, 2,226 m of the map; zoom 6."""
    return [attrs.evolve(validate(source), bounds_4326=(10.0, 59.5, 12.0, 60.5), height=100)]


def test_the_zoom_is_that_of_the_finest_pixels(tiles: list[Validation]) -> None:
    finer = attrs.evolve(tiles[0], height=800)
    assert (finest_zoom(tiles), finest_zoom([*tiles, finer]), finest_zoom([])) == (6, 9, None)


@pytest.mark.parametrize(
    ("maxzoom", "told"),
    [(None, None), (6, None), (8, None), (5, None), (9, "enlarged"), (13, "enlarged"), (4, "finest")],
)
def test_what_does_not_suit_is_told(tiles: list[Validation], maxzoom: int | None, told: str | None) -> None:
    notice = check_maxzoom(maxzoom, tiles)
    assert (notice and notice.code) == (told and "MAXZOOM_NOT_OF_DATA")
    assert told is None or (notice and told in notice.message and "zoom 6" in notice.message)


def test_what_shows_nothing_is_refused(tiles: list[Validation]) -> None:
    with pytest.raises(TaskError, match="zoom 6") as caught:
        check_maxzoom(14, tiles)
    assert caught.value.code == "MAXZOOM_TOO_DEEP"


def test_a_job_is_refused_before_any_pixel_is_made(source: Path, tmp_path: Path) -> None:
    with pytest.raises(JobFailedError, match="MAXZOOM_TOO_DEEP"):
        process_collection(
            container_name=source.parent,
            blob_list=["x.tif"],
            collection_id="c",
            output_container=tmp_path / "out",
            maxzoom=30,
            jobs="memory",
        )
    assert not list(tmp_path.rglob("*.tif"))


def test_metres_given_for_degrees_are_refused(tiles: list[Validation]) -> None:
    natural = tiles[0].natural
    assert natural is not None
    own, widest = max(natural.resolution), natural.bounds[2] - natural.bounds[0]
    assert check_resolution(None, tiles) is None
    assert check_resolution(16 * own, tiles) is None
    notice = check_resolution(17 * own, tiles)
    assert notice
    assert notice.code == "RESOLUTION_COARSE"
    assert "17 times" in notice.message
    with pytest.raises(TaskError, match="in degrees") as caught:
        check_resolution(2 * widest, tiles)
    assert caught.value.code == "RESOLUTION_TOO_COARSE"
