"""What heights refer to: by the file, by the request, and what becomes of a target CRS that has heights itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rastercollection.errors import TaskError
from validation_scenes import codes, terrain, validate, write

UTM, OTHER = "EPSG:25833", "EPSG:25832"
NEW, OLD = "EPSG:7837", "EPSG:5783"


def validated(folder: Path, crs: str | None, **parameters: Any) -> Any:
    return validate(write(folder / "x.tif", terrain().astype("float32"), crs=crs), **{"target_crs": UTM, **parameters})


@pytest.mark.parametrize(
    ("own", "given", "heights", "told"),
    [
        (f"{UTM}+7837", None, NEW, set()),
        (f"{UTM}+7837", UTM, NEW, set()),
        (f"{UTM}+7837", f"{UTM}+7837", NEW, set()),
        (UTM, f"{UTM}+7837", NEW, {"HEIGHTS_FROM_REQUEST"}),
        (None, f"{UTM}+7837", NEW, {"CRS_FROM_REQUEST", "HEIGHTS_FROM_REQUEST"}),
        (UTM, None, None, set()),
        (None, UTM, None, {"CRS_FROM_REQUEST"}),
    ],
)
def test_what_heights_refer_to(
    own: str | None, given: str | None, heights: str | None, told: set[str], tmp_path: Path
) -> None:
    tile = validated(tmp_path, own, input_crs=given)
    assert (tile.crs, tile.heights) == (UTM, heights)
    assert codes(tile) & {"CRS_FROM_REQUEST", "HEIGHTS_FROM_REQUEST"} == told


def test_a_clash_of_heights_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        validated(tmp_path, f"{UTM}+5783", input_crs=f"{UTM}+7837")
    assert caught.value.code == "CRS_MISMATCH"
    assert "DHHN92" in caught.value.message
    assert "DHHN2016" in caught.value.message


def test_a_target_can_confirm_heights_and_nothing_else(tmp_path: Path) -> None:
    assert validated(tmp_path, f"{UTM}+7837", target_crs=f"{OTHER}+7837").heights == NEW
    with pytest.raises(TaskError) as caught:
        validated(tmp_path, f"{UTM}+7837", target_crs=f"{OTHER}+5783")
    assert caught.value.code == "HEIGHTS_NOT_TRANSFORMED"
    assert caught.value.details == {"heights": NEW, "target_heights": OLD}


def test_a_target_tells_nothing_of_heights_that_nobody_knows(tmp_path: Path) -> None:
    tile = validated(tmp_path, UTM, target_crs=f"{OTHER}+7837")
    assert tile.heights is None
    assert "TARGET_HEIGHTS_IGNORED" in codes(tile)
