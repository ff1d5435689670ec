"""Overviews: as GDAL would make them where everything is valid, and from valid pixels alone where not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import MaskFlags, Resampling
from rasterio.windows import Window

from cog_scenes import UTM, holes, make_cog, texture, write_raster
from covering import every_pair, every_value
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.raster_buffer import RasterBuffer, ValidPixels
from rastercollection.rasters.pixels.validity import PixelLayout
from rastercollection.rasters.pixels.windows import iterate_windows
from rastercollection.rasters.pixels.workspace import Workspace
from rastercollection.rasters.writing.pyramid import Halving


@pytest.mark.parametrize(("height", "width"), [(1300, 2050), (1025, 1031), (700, 513)])
@pytest.mark.parametrize("raster_type", ["rgb", "dem", "categorical"])
def test_they_are_gdals_own_where_all_is_valid(tmp_path: Path, raster_type: str, height: int, width: int) -> None:
    bands, dtype = (3, "uint8") if raster_type == "rgb" else (1, "float32" if raster_type == "dem" else "uint8")
    data = texture(bands, height, width, dtype)
    if raster_type == "categorical":
        data = data // 20 * 20
    source = write_raster(tmp_path / "tile.tif", data)
    made = make_cog(source, UTM, raster_type=raster_type)
    how = {"rgb": Resampling.cubic, "dem": Resampling.average, "categorical": Resampling.mode}[raster_type]
    levels = list(made.cog.file.overview_levels)
    with rasterio.open(source, "r+") as raster:
        raster.build_overviews(levels, how)
    for level in range(len(levels)):
        with (
            rasterio.open(source, OVERVIEW_LEVEL=level) as theirs,
            rasterio.open(made.path, OVERVIEW_LEVEL=level) as ours,
        ):
            expected, found = theirs.read(), ours.read()
        assert found.shape == expected.shape
        close = np.isclose(found.astype(float), expected, atol=1 if raster_type == "rgb" else 1e-3)
        # of equally frequent classes, either may be taken
        assert close.mean() > (0.97 if raster_type == "categorical" else 0.9999)


@pytest.mark.parametrize(
    ("kind", "resampling", "size"),
    every_pair(
        ["nodata", "mask", "nan", "alpha"],
        ["average", "cubic", "nearest", "mode", "lanczos"],
        [(1024, 1100), (1033, 1101)],
    ),
)
def test_invalid_pixels_have_no_part_in_them(tmp_path: Path, kind: str, resampling: str, size: tuple[int, int]) -> None:
    height, width = size
    valid = holes(height, width)
    data = texture(
        2 if kind == "alpha" else 1, height, width, "float32" if kind == "nan" else "int16", low=400, high=500
    )
    source = write_raster(tmp_path / "tile.tif", data, valid=valid, kind=kind)
    made = make_cog(source, UTM, raster_type="auto" if kind == "alpha" else "dem", overview_resampling=resampling)
    with rasterio.open(made.path, OVERVIEW_LEVEL=0) as half:
        values, there = half.read(1), (half.read(half.count) if kind == "alpha" else half.dataset_mask()) > 0
    if kind == "nan":
        there = np.isfinite(values)
    low, high = values[there].min(), values[there].max()
    overshoot = 0 if resampling in ("average", "nearest", "mode") else 40
    assert 400 - overshoot <= low
    assert high <= 500 + overshoot
    if size == (1024, 1100):
        any_valid = valid.reshape(height // 2, 2, width // 2, 2).any(axis=(1, 3))
        assert (there == any_valid).all(), "valid where any of the four pixels is"
    elif resampling != "nearest":
        assert there.mean() == pytest.approx(valid.mean(), abs=0.03)


def test_no_overview_of_a_mosaic_has_a_gap_between_its_tiles(tmp_path: Path) -> None:
    """Two halves of an image, one valid left of a slanted line, the other right of it."""
    rows, columns = np.mgrid[:1100, :1200]
    left = columns * 3 + rows < 2200
    masks = []
    for name, valid in (("left", left), ("right", ~left)):
        source = write_raster(tmp_path / f"{name}.tif", texture(1, 1100, 1200, "uint8"), valid=valid, kind="mask")
        made = make_cog(source, UTM, overview_resampling="cubic")
        with rasterio.open(made.path, OVERVIEW_LEVEL=1) as quarter:
            masks.append(quarter.dataset_mask() > 0)
    assert (masks[0] | masks[1]).all()


@pytest.mark.parametrize(
    ("resampling", "dtype"),
    every_value(["average", "bilinear", "cubic", "cubic_spline", "lanczos"], ["uint8", "int16", "float32"]),
)
def test_the_edge_of_a_gap_is_not_to_be_seen(tmp_path: Path, resampling: str, dtype: str) -> None:
    height, width = 1100, 1061
    valid = holes(height, width)
    source = write_raster(tmp_path / "tile.tif", np.full((3, height, width), 201, dtype), valid=valid, kind="mask")
    made = make_cog(source, UTM, overview_resampling=resampling)
    for level in range(len(made.cog.file.overview_levels)):
        with rasterio.open(made.path, OVERVIEW_LEVEL=level) as smaller:
            values, there = smaller.read(), smaller.dataset_mask() > 0
        if dtype == "float32":
            there = np.isfinite(values[0])
        assert 0 < there.sum() < there.size
        assert values[:, there] == pytest.approx(201, abs=1e-3)


def test_a_mean_is_that_of_the_valid_pixels(tmp_path: Path) -> None:
    height, width = 1100, 1060
    valid = holes(height, width)
    data = texture(1, height, width, "int16", low=100, high=3000)
    source = write_raster(tmp_path / "tile.tif", data, valid=valid, kind="nodata")
    made = make_cog(source, UTM, raster_type="dem", overview_resampling="average")
    with rasterio.open(made.path, OVERVIEW_LEVEL=0) as half:
        values, there = half.read(1), half.dataset_mask() > 0
    cells = valid.reshape(height // 2, 2, width // 2, 2)
    sums = np.where(cells, data[0].reshape(cells.shape), 0).sum(axis=(1, 3))
    counts = cells.sum(axis=(1, 3))
    assert (counts[there] > 0).all()
    assert np.abs(values[there] - sums[there] / counts[there]).max() <= 1


def test_overviews_have_a_mask_where_the_image_has_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also if none of their own pixels is invalid: of four pixels, one that is valid is enough."""
    valid = np.ones((700, 700), bool)
    valid[101, 201] = False
    source = write_raster(tmp_path / "tile.tif", texture(3, 700, 700, "uint8"), valid=valid, kind="mask")
    made = make_cog(source, UTM)
    with rasterio.open(made.path, OVERVIEW_LEVEL=0) as half:
        assert MaskFlags.per_dataset in half.mask_flag_enums[0]
        assert (half.dataset_mask() == 255).all()
    assert "lacks overviews" not in caplog.text


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("resampling", ["nearest", "mode", "average", "cubic", "lanczos"])
@pytest.mark.parametrize("size", [(1100, 1300), (1099, 1301)])
def test_rows_are_halved_from_the_rows_that_they_are_said_to_need(
    tmp_path: Path, size: tuple[int, int], resampling: str, in_memory: bool
) -> None:
    """By two threads, and with all other rows of the source spoilt: the same as in one piece."""
    height, width = size
    data, valid = texture(2, height, width, "uint8"), holes(height, width)
    layout = PixelLayout(kind="mask", nodata=None, bands=(0, 1), alpha=None, dtype=np.dtype(np.uint8))
    pixels = ValidPixels.of(2, width, height, (512, 512))
    pixels.add(Window(0, 0, width, height), valid[np.newaxis])
    whole = Window(0, 0, -(-width // 2), -(-height // 2))

    def halving(of: np.ndarray) -> Halving:
        source = RasterBuffer(workspace, of.shape, of.dtype)
        source.write(Window(0, 0, width, height), of, valid)
        return Halving.of(workspace, source, pixels.map, layout, Resampling[resampling], 1)

    with Workspace.open(Limits(scratch=str(tmp_path)), in_memory=in_memory, needed=0) as workspace:
        once = halving(data)
        once.fill(whole)
        expected, there = once.half.read(whole), once.half.read_mask(whole)
        assert there is not None
        assert 0 < there.sum() < there.size
        for top in range(0, whole.height, 190):
            row = Window(0, top, whole.width, min(190, whole.height - top))
            rows = slice(once.first_row_needed(row), once.last_row_needed(row))
            known = np.full_like(data, 77)
            known[:, rows] = data[:, rows]
            partly = halving(known)
            with ThreadPoolExecutor(2) as threads:
                parts = [
                    Window(part.col_off, top + part.row_off, part.width, part.height)
                    for part in iterate_windows(row.width, row.height, (100, 301))
                ]
                list(threads.map(partly.fill, parts))
            inner = np.s_[:, *row.toslices()]
            assert (partly.half.read(row) == expected[inner]).all()
            mask = partly.half.read_mask(row)
            assert mask is not None
            assert (mask == there[inner]).all()
