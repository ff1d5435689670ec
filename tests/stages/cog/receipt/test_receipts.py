"""Every COG carries a receipt of what was compared with its source, and one that fails is not published."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pystac
import pytest
import rasterio
from numpy.typing import NDArray

from cog_scenes import PLACE, UTM, holes, make_cog, texture, write_raster
from rastercollection import process_collection
from rastercollection.errors import TaskError
from rastercollection.model.cog import Cog
from rastercollection.model.receipt import Receipt
from rastercollection.rasters.limits import Limits
from rastercollection.stac.items import cog_asset
from rastercollection.stages.cog import warp


def figures(receipt: Receipt) -> dict[str, tuple[float, float]]:
    return {check.name: (check.expected, check.found) for check in receipt.checks}


def receipt_of(cog: Cog) -> Receipt:
    assert cog.receipt is not None
    assert cog.receipt.passed
    return cog.receipt


def test_pixels_that_stay_are_compared_one_by_one(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(2, 700, 600, "int16"), valid=holes(700, 600), kind="mask")
    receipt = receipt_of(make_cog(source, UTM).cog)
    assert (receipt.compared_to, receipt.lossless, receipt.pixels) == ("source", True, 700 * 600)
    names = ("wrong_validity", "wrong_pixels", "wrong_validity_in_samples", "wrong_pixels_in_samples")
    assert figures(receipt) == dict.fromkeys((*names, "crs_pixels_apart", "wrong_vertical_crs"), (0, 0))


@pytest.mark.parametrize("kind", ["none", "nodata", "mask", "nan"])
def test_resampled_pixels_are_compared_with_gdals_own_warp(tmp_path: Path, kind: str) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(2, 500, 600, "float32"), valid=holes(500, 600), kind=kind)
    receipt = receipt_of(make_cog(source, "EPSG:4326", raster_type="multispectral").cog)
    found = figures(receipt)
    assert receipt.compared_to == "gdal_warp"
    for name in ("mean_b1", "spread_b2", "percentile_1_b1", "percentile_99_b2"):
        expected, was = found[name]
        assert was == pytest.approx(expected, rel=0.05)
    assert "valid_area" in found


def test_a_lossy_codec_has_a_signal_to_noise_ratio(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(3, 300, 320, "uint8"), photometric="RGB")
    made = make_cog(source, UTM, raster_type="rgb", tier="visualization")
    receipt = receipt_of(made.cog)
    with rasterio.open(source) as before, rasterio.open(made.path) as after:
        noise = ((before.read().astype(float) - after.read()) ** 2)[:, ::2].mean()
    assert not receipt.lossless
    assert figures(receipt)["psnr_db"][1] == pytest.approx(10 * np.log10(255**2 / noise), abs=0.01)


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
@pytest.mark.parametrize("tier", ["analysis", "visualization"])
def test_file_figures_and_receipt_are_the_same_in_any_number_of_threads(tmp_path: Path, tier: str, target: str) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(3, 1100, 1300, "uint8"), photometric="RGB")
    made = [
        make_cog(source, target, raster_type="rgb", tier=tier, limits=Limits(memory_bytes=2**30, gdal_threads=threads))
        for threads in (1, 2, 3)
    ]
    first, *others = [
        (cog.file.checksum, cog.file.bands, attrs.evolve(receipt_of(cog), seconds=0))
        for cog in (one.cog for one in made)
    ]
    assert others == [first, first]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_a_category_that_the_source_lacks_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    classes = np.random.default_rng(0).choice([1, 2, 5], (1, 300, 320)).astype(dtype)
    source = write_raster(tmp_path / "tile.tif", classes)
    assert figures(receipt_of(make_cog(source, raster_type="categorical").cog))["strange_values"] == (0, 0)
    real = warp.settle

    def inventing(data: NDArray[Any], *rest: Any, **options: Any) -> None:
        real(data, *rest, **options)
        data[0, 100, 100:103] = 3

    monkeypatch.setattr(warp, "settle", inventing)
    with pytest.raises(TaskError) as caught:
        make_cog(source, raster_type="categorical")
    assert caught.value.code == "FIDELITY_FAILED"
    assert "strange_values is 3" in caught.value.message


def swap_bands(data: NDArray[Any]) -> None:
    data[:] = data[::-1].copy()


def darken(data: NDArray[Any]) -> None:
    data //= 2


@pytest.mark.parametrize("spoil", [swap_bands, darken])
def test_a_warp_of_something_else_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any) -> None:
    data = np.concatenate([texture(1, 300, 320, "int16"), texture(1, 300, 320, "int16") * 3])
    source = write_raster(tmp_path / "tile.tif", data)
    real = warp.settle

    def spoiling(pixels: NDArray[Any], *rest: Any, **options: Any) -> None:
        real(pixels, *rest, **options)
        spoil(pixels)

    monkeypatch.setattr(warp, "settle", spoiling)
    with pytest.raises(TaskError) as caught:
        make_cog(source, raster_type="multispectral")
    assert caught.value.code == "FIDELITY_FAILED"
    assert not (tmp_path / "cogs").exists()


def collection(folder: Path, source: str, out: str, **changes: Any) -> tuple[Cog, pystac.Item]:
    job = process_collection(
        container_name=folder,
        blob_list=source,
        collection_id=out,
        output_container=folder / out,
        target_crs=UTM,
        jobs="memory",
        executor="serial",
        **changes,
    )
    (tile,) = (folder / out).rglob("*_cog*.tif")
    items = [path for path in (folder / out / "stac").rglob("*.json") if '"Feature"' in path.read_text()]
    assert job.status == "completed"
    return tile, pystac.Item.from_file(str(items[0]))


def test_receipts_and_histograms_are_published(tmp_path: Path) -> None:
    data = texture(1, 300, 320, "uint8")
    write_raster(tmp_path / "tile.tif", data, valid=holes(300, 320), kind="nodata")
    _, item = collection(tmp_path, "tile.tif", "first")
    fields = item.assets["data"].extra_fields
    receipt = fields["rastercollection:receipt"]
    assert receipt["compared_to"] == "source"
    assert {check["name"]: check["found"] for check in receipt["checks"]}["wrong_pixels"] == 0
    (band,) = fields["bands"]
    histogram = band["raster:histogram"]
    with rasterio.open(tmp_path / "tile.tif") as raster:
        values = raster.read(1, masked=True).compressed()
    assert 32 < histogram["count"] == len(histogram["buckets"]) <= 64
    assert sum(histogram["buckets"]) == values.size == band["statistics"]["count"]
    width = (histogram["max"] - histogram["min"]) / (histogram["count"] - 1)
    edges = histogram["min"] - width / 2 + width * np.arange(histogram["count"] + 1)
    assert np.histogram(values, edges)[0].tolist() == histogram["buckets"]


def test_a_cog_as_asked_for_is_copied_as_bytes(tmp_path: Path) -> None:
    data = texture(3, 700, 900, "uint8")
    write_raster(tmp_path / "tile.tif", data, valid=holes(700, 900), kind="mask", transform=PLACE, photometric="RGB")
    first, before = collection(tmp_path, "tile.tif", "first", raster_type="rgb")
    (tmp_path / "copy.tif").write_bytes(first.read_bytes())
    second, after = collection(tmp_path, "copy.tif", "second", raster_type="rgb")
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    for name in ("bands", "proj:transform", "proj:shape", "file:checksum", "file:header_size"):
        assert before.assets["data"].extra_fields[name] == after.assets["data"].extra_fields[name]
    assert before.geometry == after.geometry
    third, _ = collection(tmp_path, "copy.tif", "third", raster_type="rgb", compression="ZSTD")
    assert third.read_bytes() != second.read_bytes()


def test_what_was_copied_and_why_not_is_recorded(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, 300, 320, "int16"))
    converted = make_cog(source, UTM)
    assert not converted.cog.copied
    assert converted.cog.converted_because
    copied = make_cog(converted.path, UTM)
    assert copied.cog.copied
    assert copied.cog.converted_because is None
    assert copied.cog.file.bands == converted.cog.file.bands
    assert receipt_of(copied.cog).pixels == 300 * 320


def test_how_it_was_encoded_is_recorded(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(3, 900, 1000, "uint8"), photometric="RGB")
    made = make_cog(source, "EPSG:4326", raster_type="rgb")
    choice = made.cog.encoding_choice
    assert choice is not None
    assert {trial.encoder for trial in choice.trials} >= {"adaptive", "libdeflate 6"}
    assert choice.reason
    again = make_cog(source, "EPSG:4326", raster_type="rgb")
    assert again.cog.encoding_choice == choice
    assert again.cog.file.checksum == made.cog.file.checksum
    given = make_cog(source, "EPSG:4326", raster_type="rgb", compression_level=6)
    assert given.cog.encoding_choice is None
    assert made.cog.file.size <= 1.01 * given.cog.file.size
    published = cog_asset(made.cog).extra_fields["rastercollection:encoding"]
    assert published["reason"] == choice.reason
    assert "regimes" not in published


def test_nothing_is_said_that_does_not_concern_the_user(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(3, 300, 320, "uint8"), valid=holes(300, 320), kind="mask")
    assert "GDAL_WARNING" not in make_cog(source, "EPSG:4326", raster_type="rgb").codes
    work = make_cog(source, UTM, raster_type="rgb")
    assert "GDAL_WARNING" not in work.codes
