"""What a COG carries beside its pixels, what is told of it, and what becomes of tiles that are not whole."""

from __future__ import annotations

import concurrent.futures
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile
from rasterio.transform import from_origin
from rio_cogeo import cog_validate
from rio_tiler.io import Reader

import cog_scenes
from cog_scenes import PLACE, UTM, context, holes, make_cog, texture, validate, write_raster
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.records import from_dict, to_dict
from rastercollection.errors import TaskError, TileError
from rastercollection.model.policy import SourcePolicy
from rastercollection.rasters.limits import Limits
from rastercollection.stages.cog import create_cog, warp_kernel


def assert_cog(path: Path) -> None:
    assert cog_validate(path, strict=True, quiet=True) == (True, [], [])


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_metadata_survives(tmp_path: Path, target: str) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(2, 700, 600, "int16"), valid=holes(700, 600), kind="mask")
    with rasterio.open(source, "r+") as raster:
        raster.update_tags(AREA_OR_POINT="Point", PROJECT="Namangan", TIFFTAG_SOFTWARE="a <tool> & more")
        raster.update_tags(ns="SURVEY", crew="7")
        raster.update_tags(1, wavelength="665 nm", STATISTICS_MAXIMUM="12345", note='"quoted" & <odd>')
        raster.update_tags(2, ns="CAMERA", lens="wide")
        raster.update_tags(url="https://store.example/x.tif?sig=SECRET&se=2030")
        raster.descriptions = ("red", "near infrared")
        raster.units = ("reflectance", "K")
        raster.scales, raster.offsets = (0.0001, 0.5), (0.0, -273.15)
        raster.colorinterp = [ColorInterp.gray, ColorInterp.undefined]
    made = make_cog(source, target)
    assert_cog(made.path)
    with rasterio.open(made.path) as cog:
        tags = cog.tags()
        assert tags["PROJECT"] == "Namangan"
        assert tags["TIFFTAG_SOFTWARE"] == "a <tool> & more"
        assert tags["AREA_OR_POINT"] == "Point"
        assert cog.tags(ns="SURVEY") == {"crew": "7"}
        assert cog.tags(1) == {"wavelength": "665 nm", "note": '"quoted" & <odd>'}
        assert cog.tags(2, ns="CAMERA") == {"lens": "wide"}
        assert cog.descriptions == ("red", "near infrared")
        assert cog.units == ("reflectance", "K")
        assert (cog.scales, cog.offsets) == ((0.0001, 0.5), (0.0, -273.15))
        assert cog.transform.almost_equals(rasterio.Affine(*made.cog.file.transform))
        if target == UTM:
            assert cog.transform == PLACE
    assert b"SECRET" not in made.path.read_bytes()
    assert "SECRET" not in json.dumps(to_dict(made.cog))
    assert made.cog.tags["PROJECT"] == "Namangan"
    first = made.cog.file.bands[0]
    assert (first.name, first.description, first.unit) == ("b1", "red", "reflectance")
    assert (first.scale, first.offset) == (0.0001, 0)
    assert from_dict(type(made.cog), json.loads(json.dumps(to_dict(made.cog)))) == made.cog


@pytest.mark.parametrize(("domain", "in_memory"), [("", True), ("SURVEY", True), ("SURVEY", False)])
def test_bands_keep_their_tags_whatever_other_domains_there_are(tmp_path: Path, domain: str, in_memory: bool) -> None:
    tags = [{}, {'<b> & "c"': "1 < 2\n&amp;"}, {"wavelength": "665 nm"}]
    source = write_raster(tmp_path / "tile.tif", texture(3, 60, 60, "uint8"))
    with rasterio.open(source, "r+") as raster:
        raster.update_tags(2, **tags[1])
        raster.update_tags(3, **tags[2])
        raster.update_tags(3, ns=domain, lens="wide")
    made = make_cog(source, "EPSG:4326", in_memory=in_memory)
    assert_cog(made.path)
    with rasterio.open(made.path) as cog:
        kept = [cog.tags(1), cog.tags(2), cog.tags(3)]
        assert cog.tags(3, ns=domain)["lens"] == "wide"
    kept[2].pop("lens", None)
    assert kept == tags


def test_tags_of_bands_that_gdal_leaves_out_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(2, 60, 60, "uint8"))
    with rasterio.open(source, "r+") as raster:
        raster.update_tags(2, wavelength="665 nm")
        raster.update_tags(ns="SURVEY", crew="7")
    real = rasterio.shutil.copy
    monkeypatch.setattr(
        rasterio.shutil, "copy", lambda *paths, **options: real(*paths, **{**options, "COPY_SRC_MDD": "NO"})
    )
    with pytest.raises(TaskError) as caught:
        make_cog(source, "EPSG:4326")
    assert (caught.value.code, caught.value.details["bands"]) == ("COG_INVALID", [2])
    assert not (tmp_path / "cogs").exists()


def test_xmp_and_rational_polynomials_survive_where_pixels_stay(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, 60, 60, "uint8"))
    terms = " ".join(["1"] + ["0"] * 19)
    offsets = {f"{name}_OFF": "1" for name in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")}
    scales = {f"{name}_SCALE": "2" for name in ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")}
    terms_of = {f"{name}_COEFF": terms for name in ("LINE_NUM", "LINE_DEN", "SAMP_NUM", "SAMP_DEN")}
    xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/" kind="test"/>'
    with rasterio.open(source, "r+") as raster:
        raster.update_tags(ns="RPC", **offsets, **scales, **terms_of)
        raster.update_tags(ns="xml:XMP", **dict([xmp.split("=", 1)]))
    assert rasterio.open(source).tags(ns="xml:XMP")["xml:XMP"] == xmp
    kept, moved = make_cog(source, UTM), None
    with rasterio.open(kept.path) as cog:
        assert cog.tags(ns="xml:XMP")["xml:XMP"] == xmp
        assert cog.rpcs is not None
        assert cog.rpcs.line_scale == 2
    moved = make_cog(source, "EPSG:4326", output_blob="moved.tif")
    with rasterio.open(moved.path) as cog:
        assert cog.rpcs is None


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_categories_keep_colours_and_invent_no_values(tmp_path: Path, target: str) -> None:
    classes = np.random.default_rng(0).choice(np.array([1, 5, 9, 200], "uint8"), (1, 70, 80))
    data = np.kron(classes, np.ones((1, 9, 9), "uint8"))
    source = write_raster(tmp_path / "tile.tif", data, nodata=9)
    colors = {value: (value, 255 - value, 30, 255) for value in range(256)}
    with rasterio.open(source, "r+") as raster:
        raster.write_colormap(1, colors)
    made = make_cog(source, target, raster_type="categorical")
    assert_cog(made.path)
    with rasterio.open(made.path) as cog:
        assert cog.colorinterp == (ColorInterp.palette,)
        assert cog.colormap(1)[5] == (5, 250, 30, 255)
        assert set(np.unique(cog.read())) <= {1, 5, 9, 200}
        assert cog.overviews(1)
    for level in range(len(made.cog.file.overview_levels)):
        with rasterio.open(made.path, overview_level=level) as overview:
            assert set(np.unique(overview.read())) <= {1, 5, 9, 200}
    assert made.cog.file.color_table is not None
    assert tuple(made.cog.file.color_table["200"]) == (200, 55, 30, 255)
    assert made.cog.file.color_table["9"][3] == 0, "nodata is transparent"
    with MemoryFile(Path(made.cog.file.thumbnail or "").read_bytes()) as memory, memory.open() as picture:
        shown = picture.read()[:, picture.read(4) > 0].T
    assert {tuple(color) for color in shown} <= {(value, 255 - value, 30, 255) for value in (1, 5, 200)}


def test_values_of_64_bits_survive_the_warp_exactly(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(-(2**62), 2**62, (1, 90, 110))
    source = write_raster(tmp_path / "tile.tif", ids, valid=holes(90, 110), kind="mask")
    made = make_cog(source, "EPSG:4326", raster_type="categorical")
    with rasterio.open(made.path) as cog:
        found = cog.read()[0][cog.dataset_mask() > 0]
    assert found.size > 5000
    assert np.isin(found, ids).all()


@pytest.mark.parametrize(("resampling", "told"), [("bilinear", True), ("nearest", False)])
def test_rounding_of_integers_that_no_float_holds_is_told(tmp_path: Path, resampling: str, told: bool) -> None:
    data = np.arange(90 * 110).reshape(1, 90, 110) + 2**60
    source = write_raster(tmp_path / "tile.tif", data)
    made = make_cog(source, "EPSG:4326", warp_resampling=resampling)
    assert ("VALUES_ROUNDED" in made.codes) == told
    with rasterio.open(made.path) as cog:
        found = cog.read()[0][cog.dataset_mask() > 0]
    assert np.isin(found, data).all() or told
    small = make_cog(write_raster(tmp_path / "small.tif", data - 2**60), "EPSG:4326", warp_resampling=resampling)
    assert "VALUES_ROUNDED" not in small.codes


def test_a_nodata_value_that_no_float_holds_becomes_a_mask(tmp_path: Path) -> None:
    data = texture(1, 90, 110, "int64")
    data[0, :20, :30] = -(2**63)
    source = write_raster(tmp_path / "tile.tif", data, nodata=-1234567890123456789.0)
    # rasterio writes nodata as a float: put the exact text into the file
    raw = source.read_bytes()
    text = f"{-1234567890123456789.0:.17g}".encode()
    assert raw.count(text) == 1
    source.write_bytes(raw.replace(text, b"-9223372036854775808".ljust(len(text), b"\0")))
    with rasterio.open(source) as raster:
        expected = raster.read_masks(1)
    assert (expected == 0).sum() == 600
    made = make_cog(source, UTM)
    assert made.cog.file.validity == "mask"
    with rasterio.open(made.path) as cog:
        np.testing.assert_array_equal(cog.read_masks(1), expected)
        np.testing.assert_array_equal(cog.read(), data)


@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_bands_may_disagree_on_what_is_valid(tmp_path: Path, target: str) -> None:
    data = texture(3, 200, 240, "int16")
    data[0, :60] = data[1, 100:150, :80] = data[2, :, 200:] = -32768
    source = write_raster(tmp_path / "tile.tif", data, nodata=-32768)
    made = make_cog(source, target, raster_type="multispectral")
    with rasterio.open(made.path) as cog:
        valid, values = cog.read_masks() > 0, cog.read()
    shares = [(data[band] != -32768).mean() for band in range(3)]
    covered = valid.any(axis=0).mean()
    for band in range(3):
        assert valid[band].mean() / covered == pytest.approx(shares[band], abs=0.01)
        assert values[band][valid[band]].min() >= 25, "no nodata value leaks into valid pixels"


def test_black_in_one_band_of_a_picture_is_no_hole(tmp_path: Path) -> None:
    data = texture(3, 200, 240, "uint8")
    data[1, 50:90, 50:90] = 0
    data[:, 120:160, 120:160] = 0
    source = write_raster(tmp_path / "tile.tif", data, nodata=0, photometric="RGB")
    made = make_cog(source, "EPSG:4326", raster_type="rgb")
    with rasterio.open(made.path) as cog:
        anywhere = cog.dataset_mask() > 0
        covered = ~((cog.read() == 0).all(axis=0))
    assert (anywhere == covered).all()
    assert made.validation.raster_type == "rgb"


def test_valid_pixels_never_take_the_nodata_value(tmp_path: Path) -> None:
    # halfway between the values on both sides of the step lies the nodata value
    data = np.full((1, 200, 240), 99, "uint8")
    data[:, :, 120:] = 101
    data[:, :10] = 100
    source = write_raster(tmp_path / "tile.tif", data, nodata=100)
    made = make_cog(source, "EPSG:4326", validation={"raster_type": "multispectral"}, warp_resampling="cubic")
    with rasterio.open(made.path) as cog:
        holes_inside = cog.read_masks(1)[60:120, 60:200] == 0
        assert cog.nodata == 100
    assert not holes_inside.any()


def test_a_tile_without_a_valid_pixel_is_legal(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", np.full((1, 80, 90), -9999, "float32"), nodata=-9999)
    for target in (UTM, "EPSG:4326"):
        made = make_cog(source, target)
        assert_cog(made.path)
        statistics = made.cog.file.bands[0].statistics
        assert statistics is not None
        assert (statistics.count, statistics.minimum, statistics.valid_percent) == (0, None, 0)
        assert shapely.geometry.shape(made.cog.footprint).is_valid
        assert made.cog.file.thumbnail is None
        assert {"NO_VALID_PIXELS", "THUMBNAIL_SKIPPED"} <= set(made.codes)


def first_tile_offset(data: bytes) -> int:
    """Where the first block of any image of a TIFF begins, by the TIFF's own directories."""
    big = data[2] == 43
    pointer, entry, counter = ("<Q", 20, "<Q") if big else ("<I", 12, "<H")
    width = struct.calcsize(pointer)
    at, lowest = struct.unpack_from(pointer, data, 8 if big else 4)[0], len(data)
    while at:
        count = struct.unpack_from(counter, data, at)[0]
        start = at + struct.calcsize(counter)
        for number in range(count):
            tag, kind, values = struct.unpack_from("<HHQ" if big else "<HHI", data, start + number * entry)
            if tag != 324:
                continue
            letter = {3: "H", 4: "I", 16: "Q"}[kind]
            size = struct.calcsize("<" + letter) * values
            where = start + number * entry + entry - width
            where = where if size <= width else struct.unpack_from(pointer, data, where)[0]
            lowest = min(lowest, *struct.unpack_from(f"<{values}{letter}", data, where), lowest)
        at = struct.unpack_from(pointer, data, start + count * entry)[0]
    return lowest


@pytest.mark.parametrize("kind", ["none", "mask"])
def test_facts_about_the_file_are_true(tmp_path: Path, kind: str) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(3, 1300, 1100, "uint8"), valid=holes(1300, 1100), kind=kind)
    made = make_cog(source, "EPSG:4326", raster_type="rgb")
    content, cog = made.path.read_bytes(), made.cog.file
    assert cog.checksum == "1220" + hashlib.sha256(content).hexdigest()
    assert cog.size == len(content)
    assert cog.header_size == first_tile_offset(content) - 4, "GDAL puts the size of a block in front of it"
    with rasterio.open(made.path) as raster:
        assert cog.shape == raster.shape
        assert cog.transform == tuple(raster.transform)[:6]
        assert cog.bounds == pytest.approx(tuple(raster.bounds))
        assert list(cog.overview_levels) == raster.overviews(1)
        assert max(raster.shape) / cog.overview_levels[-1] <= 512
        assert raster.block_shapes[0] == (512, 512)
    with MemoryFile(content[: cog.header_size]) as memory, memory.open() as header:
        assert header.shape == cog.shape, "the header alone opens"
    for output in made.cog.outputs:
        assert os.path.getsize(output.url) == output.size
    assert [Path(output.url).name for output in made.cog.outputs] == ["tile_cog.tif", "tile_cog_thumbnail.png"]
    with rasterio.open(cog.thumbnail) as picture:
        assert max(picture.shape) < 600
        assert picture.count == 4
        assert set(np.unique(picture.read(4))) == {0, 255}


@pytest.mark.parametrize(("crs", "size"), [("EPSG:4326", 0.01), (UTM, 10), ("EPSG:3857", 4.9), ("EPSG:2193", 3)])
@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857"])
def test_zooms_are_those_of_rio_tiler(tmp_path: Path, crs: str, size: float, target: str) -> None:
    corner = {"EPSG:4326": (10, 60), "EPSG:2193": (1_600_000, 5_400_000)}.get(crs, (600_000, 4_600_000))
    source = write_raster(
        tmp_path / "t.tif", texture(1, 700, 900, "uint8"), crs=crs, transform=from_origin(*corner, size, size)
    )
    made = make_cog(source, target)
    with Reader(str(made.path)) as reader:
        assert (made.cog.file.minzoom, made.cog.file.maxzoom) == (reader.minzoom, reader.maxzoom)


def test_memory_and_disk_give_the_same_bytes(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(2, 600, 530, "uint16"), valid=holes(600, 530), kind="nodata")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    results = {}
    for in_memory, budget in ((True, 1), (False, 2**30), (None, 1), (None, 2**30)):
        limits = Limits(memory_bytes=budget, scratch=str(scratch))
        made = make_cog(source, "EPSG:4326", in_memory=in_memory, limits=limits)
        results[in_memory, budget] = (made.cog.file.checksum, made.cog.in_memory)
        assert list(scratch.iterdir()) == []
    assert len({checksum for checksum, _ in results.values()}) == 1
    assert [in_memory for _, in_memory in results.values()] == [True, False, False, True]


def test_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    sources = [
        write_raster(tmp_path / f"tile{number}.tif", texture(1, 300 + number, 200, "int16"), nodata=30 + number)
        for number in range(6)
    ]
    alone = [make_cog(source, "EPSG:4326").cog.file.checksum for source in sources]
    barrier = threading.Barrier(3)

    def together(source: Path) -> str:
        barrier.wait(timeout=30)
        return make_cog(source, "EPSG:4326", output_blob=f"again_{source.name}").cog.file.checksum

    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(together, sources)) == alone


def broken(source: Path, at: int, length: int) -> None:
    with source.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff\x00\xaa" * (length // 3))


def test_a_damaged_block_in_the_middle_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1, 512, 512), "uint8")
    source = write_raster(tmp_path / "tile.tif", noise)
    validation = validate(source, Limits())
    with rasterio.open(source) as raster:
        offset = int(raster.get_tag_item("BLOCK_OFFSET_2_1", "TIFF", 1))
    broken(source, offset, 3000)
    with pytest.raises(TileError) as caught:
        run(source, of_its_new_version(source, validation))
    assert caught.value.code == "FILE_UNREADABLE"
    assert caught.value.details["block"] == [2, 1]
    assert "tile.tif" in caught.value.message
    assert not (tmp_path / "cogs").exists()


def of_its_new_version(source: Path, validation: Any) -> Any:
    """As if the file had been so when it was found."""
    info = FsspecStorage().stat(str(source))
    return {**validation, "source": {**validation["source"], "version": info.version, "size": info.size}}


def run(source: Path, validation: Any, **changes: Any) -> Any:
    limits = changes.pop("limits", Limits(memory_bytes=2**28))
    parameters = {
        "validation": validation,
        "source_container": str(source.parent),
        "output_container": str(source.parent / "cogs"),
        "output_blob": "tile_cog.tif",
        "item_id": "tile",
        "target_crs": "EPSG:4326",
        "in_memory": None,
        "datetime": None,
        "datetime_pattern": None,
        "policy": attrs.asdict(SourcePolicy()),
        **changes,
    }
    return create_cog(parameters, context("create_cog", limits))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, 600, 600, "float32"))
    validation = validate(source, Limits())
    os.truncate(source, int(source.stat().st_size * 0.6))
    with pytest.raises(TileError) as caught:
        run(source, of_its_new_version(source, validation))
    assert caught.value.code in ("FILE_TRUNCATED", "FILE_UNREADABLE")
    assert not (tmp_path / "cogs").exists()


def test_a_full_disk_is_told_before_work_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, 600, 600, "float32"))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    # in a folder of its own: beside jobs that hold room in the system's, it would wait for theirs
    alone = Limits(memory_bytes=2**28, scratch=str(tmp_path))
    with pytest.raises(TaskError) as caught:
        make_cog(source, limits=alone)
    assert (caught.value.code, caught.value.settled) == ("NO_SPACE", False)
    assert "scratch" in caught.value.hint


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from cog_scenes import make_cog
from rastercollection.errors import TaskError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
for in_memory in (True, False):
    try:
        make_cog(Path(sys.argv[2]), in_memory=in_memory)
    except TaskError as error:
        print(error.code, error.settled)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_a_disk_that_fills_up_on_the_way_publishes_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((2, 700, 700), "float32")
    source = write_raster(tmp_path / "tile.tif", noise)
    command = [sys.executable, "-c", FULL_DISK, str(Path(cog_scenes.__file__).parent), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["NO_SPACE", "False"] * 2
    assert not (tmp_path / "cogs").exists()


def spoil(path: Path, change: Any) -> None:
    """Rewrite a finished COG with other content."""
    with rasterio.open(path) as cog:
        profile, data, mask = cog.profile, cog.read(), cog.dataset_mask()
    change(data, mask)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"), rasterio.open(path, "w", **profile) as cog:
        cog.write(data)
        if not mask.all():
            cog.write_mask(mask)


def lose_mask(_: NDArray[Any], mask: NDArray[np.uint8]) -> None:
    mask[:] = 255


def change_a_pixel(data: NDArray[Any], _: NDArray[np.uint8]) -> None:
    data[0, 40, 200] += 1


@pytest.mark.parametrize(("change", "check"), [(lose_mask, "wrong_validity"), (change_a_pixel, "wrong_pixels")])
@pytest.mark.parametrize("target", [UTM, "EPSG:4326"])
def test_what_differs_from_its_source_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any, check: str, target: str
) -> None:
    picture = texture(3, 300, 320, "uint8")
    source = write_raster(tmp_path / "tile.tif", picture, valid=holes(300, 320), kind="mask", photometric="RGB")
    monkeypatch.setattr("rastercollection.rasters.writing.finish.check_valid", lambda path, _: spoil(path, change))
    with pytest.raises(TaskError) as caught:
        make_cog(source, target)
    assert caught.value.code == "FIDELITY_FAILED"
    checks = caught.value.details["receipt"]["checks"]
    assert check in [item["name"] for item in checks if not item["passed"]]
    assert not (tmp_path / "cogs").exists()


def test_a_warp_that_ignores_the_mask_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, 300, 320, "int16"), valid=holes(300, 320), kind="mask")
    real = warp_kernel.reproject

    def careless(band: Any, out: NDArray[Any], **options: Any) -> None:
        real(band, out, **options)
        out[-1] = 255

    monkeypatch.setattr(warp_kernel, "reproject", careless)
    with pytest.raises(TaskError) as caught:
        make_cog(source, "EPSG:4326")
    assert caught.value.code == "FIDELITY_FAILED"


def test_an_invalid_cog_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_raster(tmp_path / "tile.tif", texture(1, 600, 640, "int16"))
    monkeypatch.setattr("rastercollection.rasters.writing.finish.overview_levels", lambda *_: ())
    with pytest.raises(TaskError) as caught:
        make_cog(source)
    assert caught.value.code == "COG_INVALID"
    assert not (tmp_path / "cogs").exists()


def test_a_thumbnail_is_an_overview_as_it_is(tmp_path: Path) -> None:
    made = make_cog(write_raster(tmp_path / "rgb.tif", texture(3, 1100, 900, "uint8"), photometric="RGB"), UTM)
    with rasterio.open(made.path, overview_level=1) as overview, rasterio.open(made.cog.file.thumbnail) as picture:
        np.testing.assert_array_equal(picture.read([1, 2, 3]), overview.read())
        assert picture.count == 3, "all of it is valid"


def test_thumbnails_show_what_is_there(tmp_path: Path) -> None:
    heights = np.linspace(100, 2000, 600 * 700, dtype="float32").reshape(1, 600, 700)
    source = write_raster(tmp_path / "dem.tif", heights, valid=holes(600, 700), kind="nan")
    made = make_cog(source, UTM, raster_type="dem")
    with MemoryFile(io.BytesIO(Path(made.cog.file.thumbnail or "").read_bytes())) as memory, memory.open() as picture:
        grey, opaque = picture.read(1).astype(float), picture.read(4) > 0
    assert grey[:80][opaque[:80]].mean() + 60 < grey[-80:][opaque[-80:]].mean(), "high ground is lighter"
    assert opaque.mean() == pytest.approx(holes(600, 700).mean(), abs=0.05)
    deep = texture(4, 300, 300, "uint16", 4000, 9000)
    made = make_cog(write_raster(tmp_path / "deep.tif", deep), UTM)
    with rasterio.open(made.cog.file.thumbnail) as picture:
        shown = picture.read([1, 2, 3])
    assert shown.min() < 30
    assert shown.max() > 220
