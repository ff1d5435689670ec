"""A source is copied as it is only if it is what a conversion would write: each way to differ has its own reason."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from cog_scenes import PLACE, UTM, holes, make_cog, texture, validate, write_raster, writing_masks
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.records import from_dict
from rastercollection.geo.pixel_grid import GridRule
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tile import Validation
from rastercollection.rasters.gdal_crs import to_rasterio
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source.opening import open_source
from rastercollection.stages.cog.copying.comparison import Asked, why_not_as_it_is
from rastercollection.stages.cog.prepare import ConversionSpec, prepare

LIMITS = Limits(memory_bytes=2**28)
SIDE = (540, 600)
LARGER = (1100, 1300)
NO_COG = "It is no COG, or was changed after it was made one."
OTHER_CRS = "The CRS that it says is not exactly the one that was asked for."
BY_BANDS = "Its bands are stored one after the other, not pixel by pixel."
"""Newer GDALs (3.12 does) write such a file as a COG, too."""


def reason(path: Path, target: str = UTM, **changes: Any) -> str | None:
    """What is said of a file that stage 1 has validated."""
    validation = from_dict(Validation, validate(path, LIMITS, **changes))
    return answer(FsspecStorage(), validation, target)


def answer(storage: FsspecStorage, validation: Validation, target: str) -> str | None:
    order = ConversionSpec(
        blob=validation.source.blob,
        settings=validation.settings,
        raster_type=validation.raster_type,
        source_crs=to_rasterio(validation.crs),
        heights=validation.heights,
        georeferencing=validation.georeferencing,
        target_crs=to_rasterio(target),
        grid=GridRule(),
        max_pixels=10**9,
        limits=LIMITS,
    )
    with open_source(storage, validation.source, SourcePolicy(), LIMITS) as dataset:
        (prepared,) = prepare(dataset, order, lambda code, message: None)
        asked = Asked(
            settings=prepared.settings,
            plan=prepared.plan,
            validity=prepared.source.validity,
            layout=prepared.source.layout,
            metadata=prepared.metadata,
            heights=validation.heights,
        )
        return why_not_as_it_is(dataset, asked)


def cog(folder: Path, data: Any = None, *, change: Callable[[Any], None] | None = None, **options: Any) -> Path:
    """A COG by GDAL's own driver, with DEFLATE and predictor unless told otherwise."""
    names = ("valid", "kind", "crs", "transform", "nodata", "photometric", "blockxsize")
    profile = {name: options.pop(name) for name in names if name in options}
    data = texture(3, *SIDE, "uint8") if data is None else data
    if data.shape[0] == 3 and data.dtype == np.uint8:
        profile.setdefault("photometric", "RGB")
    source = write_raster(folder / "plain.tif", data, **profile)
    if change is not None:
        with rasterio.open(source, "r+") as raster:
            change(raster)
    options = {"COMPRESS": "DEFLATE", "PREDICTOR": "YES", **options}
    with writing_masks(internal=True):
        rasterio.shutil.copy(source, folder / "cog.tif", driver="COG", **options)
    (folder / "plain.tif.msk").unlink(missing_ok=True)
    (folder / "plain.tif.aux.xml").unlink(missing_ok=True)
    return folder / "cog.tif"


KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "picture": (texture(3, *SIDE, "uint8"), {}),
    "with a mask": (texture(3, *SIDE, "uint8"), {"valid": holes(*SIDE), "kind": "mask"}),
    "with alpha": (texture(3, *SIDE, "uint8"), {"valid": holes(*SIDE), "kind": "alpha", "photometric": "RGB"}),
    "spectra": (texture(4, *SIDE, "uint16"), {"nodata": 0, "photometric": "MINISBLACK"}),
    "elevation": (texture(1, *SIDE, "float32"), {"valid": holes(*SIDE), "kind": "nan", "nodata": math.nan}),
    "less than a block": (texture(1, 100, 120, "int16"), {"nodata": -9999}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_cogs_of_gdal_are_taken_as_they_are(kind: str, tmp_path: Path) -> None:
    data, options = KINDS[kind]
    assert reason(cog(tmp_path, data, **options)) is None


@pytest.mark.parametrize("kind", [*KINDS, "a line"])
@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_cogs_of_ours_are_taken_as_they_are(kind: str, target: str, tmp_path: Path) -> None:
    """What one job made, another one need not make again."""
    data, options = {**KINDS, "a line": (texture(1, 700, 1, "int16"), {"nodata": -9999})}[kind]
    made = make_cog(write_raster(tmp_path / "x.tif", data, **options), target)
    assert reason(made.path, target) is None


@pytest.mark.parametrize("compression", ["NONE", "LZW", "ZSTD", "LZMA", "LERC", "LERC_ZSTD", "JPEG", "WEBP"])
def test_every_codec_is_known_again(compression: str, tmp_path: Path) -> None:
    source = write_raster(tmp_path / "x.tif", texture(3, *SIDE, "uint8"), photometric="RGB")
    made = make_cog(source, UTM, compression=compression)
    assert reason(made.path, compression=compression) is None
    assert reason(made.path, compression="DEFLATE") == f"Its compression is {compression}, not DEFLATE."


def test_nothing_but_a_cog_is_a_cog(tmp_path: Path) -> None:
    plain = write_raster(tmp_path / "plain.tif", texture(3, *SIDE, "uint8"), photometric="RGB")
    assert reason(plain) == NO_COG
    changed = cog(tmp_path)
    assert reason(changed) is None
    with rasterio.open(changed, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as raster:
        raster.update_tags(COMMENT="added")
    assert reason(changed) == NO_COG
    other = tmp_path / "x.png"
    rasterio.shutil.copy(cog(tmp_path), other, driver="PNG", WORLDFILE="YES")
    assert reason(other, input_crs=UTM) == "It is a PNG, not a GeoTIFF."


def test_another_place(tmp_path: Path) -> None:
    assert reason(cog(tmp_path), "EPSG:4326") == "Its pixels are not on the grid that was asked for."
    turned = cog(tmp_path, transform=PLACE * Affine.rotation(20))
    assert reason(turned) == "Its pixels are not on the grid that was asked for."
    upside_down = cog(tmp_path, transform=Affine(10, 0, 600_000, 0, 10, 4_600_000))
    assert reason(upside_down) == "Its rows or columns run the other way."


def test_another_crs_or_none(tmp_path: Path) -> None:
    bare = cog(tmp_path, crs=None)
    assert reason(bare, input_crs=UTM) == "It has no CRS of its own."
    assert reason(cog(tmp_path, crs="EPSG:32642+5773")) is None
    assert reason(cog(tmp_path), input_crs="EPSG:32642+5773") == OTHER_CRS


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"PREDICTOR": "NO"}, "Its predictor is 1, not 2."),
        ({"BLOCKSIZE": 256}, "Its blocks are of 256 × 256 pixels, not 512 × 512."),
        ({"OVERVIEWS": "NONE"}, "It has no overviews."),
        ({"OVERVIEW_COUNT": 1}, "Its overviews end at 650 × 550 pixels."),
        ({"COMPRESS": "LZW"}, "Its compression is LZW, not DEFLATE."),
    ],
)
def test_other_structure(options: dict[str, Any], expected: str, tmp_path: Path) -> None:
    assert reason(cog(tmp_path, texture(3, *LARGER, "uint8"), **options)) == expected


@pytest.mark.parametrize(
    ("options", "overview_block", "expected"),
    [
        ({}, "512", [None]),
        ({"INTERLEAVE": "BAND"}, "512", [NO_COG, BY_BANDS]),
        ({}, "128", ["Its overviews have blocks of another size than 512 × 512 pixels."]),
    ],
)
def test_other_ways_to_write_one(
    options: dict[str, Any], overview_block: str, expected: list[str | None], tmp_path: Path
) -> None:
    """GDAL's GTiff driver makes them, too, and leaves more to be chosen."""
    source = write_raster(tmp_path / "plain.tif", texture(3, *SIDE, "uint8"), photometric="RGB")
    with rasterio.open(source, "r+") as raster:
        raster.build_overviews([2])
    layout = {"TILED": "YES", "BLOCKXSIZE": 512, "BLOCKYSIZE": 512, "COPY_SRC_OVERVIEWS": "YES"}
    target = tmp_path / "x.tif"
    with rasterio.Env(GDAL_TIFF_OVR_BLOCKSIZE=overview_block):
        rasterio.shutil.copy(source, target, driver="GTiff", COMPRESS="DEFLATE", PREDICTOR=2, **layout, **options)
    assert reason(target) in expected


def test_overviews_of_other_sizes(tmp_path: Path) -> None:
    def thirds(raster: Any) -> None:
        raster.build_overviews([3, 9])

    made = cog(tmp_path, change=thirds, OVERVIEWS="FORCE_USE_EXISTING")
    assert reason(made) == "Its overviews are not halved each time, but 3, 9 times smaller."


@pytest.mark.parametrize("resampling", ["NEAREST", "AVERAGE", "CUBIC", "LANCZOS"])
def test_overviews_of_another_resampling_will_do(resampling: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (3, *SIDE), "uint8")
    assert reason(cog(tmp_path, noise, OVERVIEW_RESAMPLING=resampling)) is None


def test_overviews_of_classes_hold_no_other_values(tmp_path: Path) -> None:
    classes = (texture(1, *SIDE, "uint8") // 16 * 16).astype("uint8")
    assert reason(cog(tmp_path, classes, OVERVIEW_RESAMPLING="MODE"), raster_type="categorical") is None
    odd = np.random.default_rng(1).integers(0, 2**15, (1, 777, 1033), "int16")
    assert reason(cog(tmp_path, odd, OVERVIEW_RESAMPLING="NEAREST"), raster_type="categorical") is None
    blurred = cog(tmp_path, classes, OVERVIEW_RESAMPLING="CUBIC")
    assert reason(blurred, raster_type="categorical") == "Its overviews hold values that the image lacks."


def test_overviews_of_another_picture(tmp_path: Path) -> None:
    """They are made before the image changes, and a copy takes them over."""

    def turn(raster: Any) -> None:
        raster.build_overviews([2])
        raster.write(raster.read()[:, ::-1])

    ramp = np.broadcast_to(np.linspace(10, 240, SIDE[0]).astype("uint8")[:, np.newaxis], (3, *SIDE))
    stale = cog(tmp_path, ramp, change=turn, OVERVIEWS="FORCE_USE_EXISTING")
    assert reason(stale) == "Its overviews do not show what the image shows."


def test_overviews_beside_the_file_are_none_of_its_own(tmp_path: Path) -> None:
    made = cog(tmp_path, OVERVIEWS="NONE")
    with rasterio.Env(TIFF_USE_OVR="YES"), rasterio.open(made, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as raster:
        raster.build_overviews([2, 4])
    assert made.with_name("cog.tif.ovr").exists()
    assert reason(made) == "It has no overviews."


def test_validity_that_a_conversion_would_tell_otherwise(tmp_path: Path) -> None:
    lossy = cog(tmp_path, nodata=0, COMPRESS="JPEG", PREDICTOR="NO")
    assert reason(lossy, compression="JPEG") == "It tells invalid pixels by nodata; its COG would by mask."
    never = cog(tmp_path, nodata=-9999.0, data=texture(1, *SIDE, "float32"))
    assert reason(never) is None
    both = cog(tmp_path, texture(1, *SIDE, "uint8"), valid=holes(*SIDE), kind="mask", nodata=3)
    assert reason(both) == "It declares the nodata value 3.0; its COG would declare None."


def test_files_beside_it(tmp_path: Path) -> None:
    made = cog(tmp_path)
    (tmp_path / "other").mkdir()
    masked = write_raster(tmp_path / "other/x.tif", texture(3, *SIDE, "uint8"), valid=holes(*SIDE), kind="msk")
    shutil.copy(f"{masked}.msk", f"{made}.msk")
    assert reason(made) == "Files beside it belong to it: cog.tif.msk."
    Path(f"{made}.msk").unlink()
    names = '<PAMDataset><PAMRasterBand band="1"><Description>red</Description></PAMRasterBand></PAMDataset>'
    Path(f"{made}.aux.xml").write_text(names)
    assert reason(made) == "Files beside it belong to it: cog.tif.aux.xml."
    Path(f"{made}.aux.xml").write_text("<PAMDataset></PAMDataset>")
    assert reason(made) is None


def test_a_place_that_only_a_world_file_tells(tmp_path: Path) -> None:
    made = cog(tmp_path, transform=None)
    made.with_suffix(".tfw").write_text("10\n0\n0\n-10\n600005\n4599995\n")
    assert reason(made) == "Files beside it belong to it: cog.tfw."


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"bidx": 1, "STATISTICS_MEAN": "7"}, "Its tag STATISTICS_MEAN would be left out or changed."),
        ({"LINK": "https://x/y?sig=abc"}, "Its tag LINK would be left out or changed."),
        ({"LONG": "x" * 70_000}, "Some of its metadata would be left out."),
    ],
)
def test_metadata_that_a_conversion_would_drop(tags: dict[str, Any], expected: str, tmp_path: Path) -> None:
    assert reason(cog(tmp_path, change=lambda raster: raster.update_tags(**tags))) == expected


def test_metadata_that_stays(tmp_path: Path) -> None:
    def name(raster: Any) -> None:
        raster.update_tags(ACQUIRED="2020-01-01", AREA_OR_POINT="Point")
        raster.update_tags(ns="MINE", KEY="value")
        raster.update_tags(2, WAVELENGTH="560")
        raster.descriptions = ("red", "green", "blue")
        raster.scales, raster.units = (0.1,) * 3, ("m",) * 3

    assert reason(cog(tmp_path, change=name, COPY_SRC_MDD="YES")) is None


def test_it_is_told_of_files_that_gdal_cannot_reach(tmp_path: Path) -> None:
    """Fetched from a store that GDAL does not know, the file is judged where it came to lie."""
    storage = FsspecStorage()
    made = make_cog(write_raster(tmp_path / "x.tif", texture(3, *SIDE, "uint8"), photometric="RGB"), UTM)
    info = storage.put(str(made.path), "memory://passthrough/x.tif")
    source = attrs.evolve(made.validation.source, url=info.url, size=info.size, version=info.version)
    assert answer(storage, attrs.evolve(made.validation, source=source), UTM) is None


@pytest.mark.parametrize(
    "plant",
    [
        lambda raster: raster.update_tags(note="password=Zq9x7"),
        lambda raster: raster.update_tags(2, note="password=Zq9x7"),
        lambda raster: raster.set_band_unit(1, "password=Zq9x7"),
        lambda raster: raster.set_band_description(1, "https://h/x?sig=Zq9x7"),
    ],
)
def test_secrets_in_the_file_are_not_copied_with_it(plant: Callable[[Any], None], tmp_path: Path) -> None:
    told = reason(cog(tmp_path, change=plant))
    assert told is not None
    assert told.endswith("would be changed.") or told == "Its tag note would be left out or changed."
