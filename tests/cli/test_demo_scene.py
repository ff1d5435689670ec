"""The demo scene, judged by reading it with rasterio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError
from rasterio.windows import from_bounds

from rastercollection import errors
from rastercollection.cli.demo import Scene, make_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"), size=256)


def test_four_tiles_in_utm_that_agree_where_they_overlap(scene: Scene) -> None:
    assert len(scene.tiles) == 4
    with rasterio.open(scene.tiles[0]) as left, rasterio.open(scene.tiles[1]) as right:
        for tile in (left, right):
            assert (tile.crs.to_epsg(), tile.count, tile.dtypes[0], tile.nodata) == (32642, 3, "uint8", 0)
            assert tile.shape == (256, 256)
        shared = rasterio.coords.disjoint_bounds(left.bounds, right.bounds)
        assert not shared
        window = (right.bounds.left, right.bounds.bottom, left.bounds.right, left.bounds.top)
        in_left = left.read(window=from_bounds(*window, transform=left.transform))
        in_right = right.read(window=from_bounds(*window, transform=right.transform))
    assert in_left.shape[2] >= 20
    np.testing.assert_array_equal(in_left, in_right)


def test_the_scene_has_texture_and_an_edge_without_data(scene: Scene) -> None:
    valid = []
    for path in scene.tiles:
        with rasterio.open(path) as tile:
            pixels = tile.read()
            mask = tile.dataset_mask() > 0
        valid.append(mask.mean())
        assert (pixels[:, ~mask] == 0).all()
        assert len(np.unique(pixels[0][mask])) > 60
        rough = np.abs(np.diff(pixels[1].astype(int), axis=1))[:, :][mask[:, 1:]]
        assert 1 < rough.mean() < 40
    assert min(valid) > 0.8
    assert sum(share < 1 for share in valid) >= 2


def test_the_broken_tile_opens_but_cannot_be_read(scene: Scene) -> None:
    with rasterio.open(scene.broken) as tile:
        assert tile.count == 3
        with pytest.raises(RasterioIOError):
            tile.read()


def test_the_same_scene_again_leaves_the_files_alone(scene: Scene) -> None:
    files = [*scene.tiles, scene.broken]
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in files]
    assert make_scene(scene.folder, size=256) == scene
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in files] == before


def test_a_scene_too_small_to_mean_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.RequestError, match="size=8"):
        make_scene(tmp_path, size=8)
