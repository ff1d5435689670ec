"""In a picture, a nodata value is a hole where all bands have it; whoever reads the COG finds the same pixels valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.warp import reproject
from rio_tiler.io import Reader

from cog_scenes import UTM, make_cog, texture, write_raster

HEIGHT, WIDTH = 300, 280


def dark_picture(dtype: str, bands: int = 3) -> NDArray[Any]:
    """Water whose bands are zero here and there, land that never is, and a corner without data."""
    water = np.random.default_rng(5).normal(1.5, 1.2, (bands, HEIGHT, WIDTH)).clip(0, None).round().astype(dtype)
    land = texture(bands, HEIGHT, WIDTH, dtype)
    data = np.where(np.arange(WIDTH) < WIDTH // 2, water, land).astype(dtype)
    data[:, :60, :50] = 0
    return data


def readings(path: Path) -> dict[str, NDArray[np.bool_]]:
    """Which pixels are valid: by rasterio in each band, and as a whole, and by rio-tiler."""
    with rasterio.open(path) as cog:
        each, whole = cog.read_masks() > 0, cog.dataset_mask() > 0
        colors = [band for band, color in enumerate(cog.colorinterp, 1) if color is not ColorInterp.alpha]
    with Reader(str(path)) as reader:
        image = reader.read(indexes=colors)
        opaque = ~np.ma.getmaskarray(image.array)
    if image.alpha_mask is not None:
        opaque = np.broadcast_to(image.alpha_mask > 0, opaque.shape)
    found = {f"band {band}": each[band - 1] for band in colors} | {"all": whole}
    return found | {f"rio-tiler {band}": mask for band, mask in enumerate(opaque, 1)}


def assert_read_alike(path: Path, expected: NDArray[np.bool_], most_apart: int = 0) -> None:
    for reader, found in readings(path).items():
        assert np.count_nonzero(found != expected) <= most_apart, reader


def warped(source: Path, cog: Path, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """GDAL's own warp of what is valid in the source."""
    with rasterio.open(source) as raster, rasterio.open(cog) as target:
        found = np.zeros(target.shape, "uint8")
        place = {"dst_transform": target.transform, "dst_crs": target.crs, "resampling": Resampling.nearest}
        reproject(valid.astype("uint8"), found, src_transform=raster.transform, src_crs=raster.crs, **place)
    return found > 0


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
@pytest.mark.parametrize(("raster_type", "dtype", "bands"), [("rgb", "uint8", 3), ("nir", "uint16", 4)])
def test_a_zero_in_one_band_is_dark_and_no_hole(
    tmp_path: Path, raster_type: str, dtype: str, bands: int, target: str
) -> None:
    data = dark_picture(dtype, bands)
    valid = (data > 0).any(axis=0)
    assert (valid & (data == 0).any(axis=0)).mean() > 0.05
    source = write_raster(tmp_path / "tile.tif", data, nodata=0)
    made = make_cog(source, target, raster_type=raster_type)
    assert [notice.code for notice in made.cog.notices].count("NODATA_BECAME_MASK") == 1
    if target == UTM:
        assert_read_alike(made.path, valid)
        with rasterio.open(made.path) as cog:
            np.testing.assert_array_equal(cog.read(), data)
    else:
        assert_read_alike(made.path, warped(source, made.path, valid), most_apart=int(0.002 * valid.size))
    counted = made.cog.file.bands[0].statistics
    assert counted is not None
    assert counted.count == readings(made.path)["all"].sum()


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_a_nodata_value_that_all_readers_understand_stays(tmp_path: Path, target: str) -> None:
    data = dark_picture("uint8")
    valid = (data > 0).any(axis=0)
    data[:, valid] = np.maximum(data[:, valid], 1)
    source = write_raster(tmp_path / "tile.tif", data, nodata=0)
    made = make_cog(source, target, raster_type="rgb", warp_resampling="cubic")
    assert "NODATA_BECAME_MASK" not in [notice.code for notice in made.cog.notices]
    with rasterio.open(made.path) as cog:
        assert cog.nodata == 0
    expected = valid if target == UTM else warped(source, made.path, valid)
    assert_read_alike(made.path, expected, most_apart=0 if target == UTM else int(0.002 * valid.size))


def test_quantities_are_missing_band_by_band(tmp_path: Path) -> None:
    data = dark_picture("uint16")
    source = write_raster(tmp_path / "tile.tif", data, nodata=0)
    made = make_cog(source, UTM, raster_type="multispectral")
    with rasterio.open(made.path) as cog:
        assert cog.nodata == 0
        np.testing.assert_array_equal(cog.read_masks() > 0, data > 0)


def test_bands_with_nodata_values_of_their_own_are_holes_together(tmp_path: Path) -> None:
    """Erdas Imagine keeps a value for each band."""
    data = dark_picture("uint8")
    data[1][(data == 0).all(axis=0)] = 255
    plain = write_raster(tmp_path / "plain.tif", data)
    rasterio.shutil.copy(plain, tmp_path / "plain.vrt", driver="VRT")
    document = (tmp_path / "plain.vrt").read_text()
    for band, value in ((1, 0), (2, 255), (3, 0)):
        start = f'<VRTRasterBand dataType="Byte" band="{band}"'
        before, after = document.split(start)
        head, rest = after.split(">", 1)
        document = f"{before}{start}{head}><NoDataValue>{value}</NoDataValue>{rest}"
    (tmp_path / "plain.vrt").write_text(document)
    rasterio.shutil.copy(tmp_path / "plain.vrt", tmp_path / "tile.img", driver="HFA")
    with rasterio.open(tmp_path / "tile.img") as raster:
        assert raster.nodatavals == (0, 255, 0)
    made = make_cog(tmp_path / "tile.img", UTM, raster_type="rgb")
    assert_read_alike(made.path, ~((data[0] == 0) & (data[1] == 255) & (data[2] == 0)))


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_alpha_tells_for_a_nodata_value_beside_it(tmp_path: Path, target: str) -> None:
    """GDAL heeds the nodata value and other readers alpha: the COG has alpha alone."""
    data = np.concatenate([dark_picture("uint8"), np.full((1, HEIGHT, WIDTH), 255, "uint8")])
    data[3, 200:, :40] = 0
    data[3, 200:, 40:80] = 128
    source = write_raster(tmp_path / "tile.tif", data, nodata=0, photometric="RGB", alpha="YES")
    valid = (data[:3] > 0).any(axis=0) & (data[3] > 0)
    made = make_cog(source, target, raster_type="rgba")
    with rasterio.open(made.path) as cog:
        assert cog.nodata is None
        found = cog.read()
    if target == UTM:
        assert_read_alike(made.path, valid)
        np.testing.assert_array_equal(found[:, valid], data[:, valid])
    else:
        assert_read_alike(made.path, warped(source, made.path, valid), most_apart=int(0.002 * valid.size))


@pytest.mark.parametrize("dark", [True, False])
def test_bytes_are_copied_only_where_all_readers_understand_them(tmp_path: Path, dark: bool) -> None:
    data = np.repeat(np.repeat(dark_picture("uint8"), 3, axis=1), 3, axis=2)
    if not dark:
        valid = (data > 0).any(axis=0)
        data[:, valid] = np.maximum(data[:, valid], 1)
    plain = write_raster(tmp_path / "plain.tif", data, nodata=0, photometric="RGB")
    source = tmp_path / "tile.tif"
    options = {"COMPRESS": "DEFLATE", "PREDICTOR": "STANDARD", "BLOCKSIZE": 512, "OVERVIEW_RESAMPLING": "CUBIC"}
    rasterio.shutil.copy(plain, source, driver="COG", **options)
    made = make_cog(source, UTM, raster_type="rgb")
    if dark:
        assert "single bands" in (made.cog.converted_because or "")
        assert made.cog.file.validity == "mask"
    else:
        assert made.cog.copied, made.cog.converted_because
