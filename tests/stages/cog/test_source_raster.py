"""A source is read once, and GDAL holds no blocks of it that nobody reads again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cog_scenes import UTM, make_cog, texture, write_raster
from rastercollection.stages.cog import source_raster


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
@pytest.mark.parametrize(("block", "forgets"), [(256, True), (32, True), (384, False)])
def test_blocks_are_forgotten_after_each_row_of_windows_unless_the_next_has_some_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, block: int, forgets: bool
) -> None:
    source = write_raster(
        tmp_path / "tile.tif", texture(1, 1100, 530, "uint8"), tiled=True, blockxsize=block, blockysize=block
    )
    monkeypatch.setattr(source_raster, "WINDOW_BYTES", 2**19)
    times: list[None] = []
    monkeypatch.setattr(source_raster, "forget_blocks", lambda: times.append(None))
    made = make_cog(source, target)
    assert made.cog.reprojected == (target != UTM)
    assert len(times) == (3 if forgets else 0), "rows of windows, of 512 rows of pixels"
