"""Sources that are legal input: sidecars, masks, names, stores; and what is wrong with those that are not."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.vrt import WarpedVRT

from netcdf_scenes import write_netcdf
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import TaskError
from rastercollection.model.tile import SourceFile
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source.opening import SourcePolicy, open_source, reading
from validation_scenes import ORIGIN, UTM, opened, source_of, validate, write

BYTES = np.arange(60 * 40, dtype="uint8").reshape(60, 40)


def refusal(path, **policy) -> TaskError:
    with pytest.raises(TaskError) as caught, opened(path, **policy):
        pass
    assert str(path).rsplit("/", 1)[-1] in caught.value.message
    assert caught.value.hint
    assert str(path.parent) not in caught.value.message
    return caught.value


def test_what_is_no_file_has_its_own_code(tmp_path):
    (tmp_path / "empty.tif").touch()
    (tmp_path / "folder.tif").mkdir()
    assert refusal(tmp_path / "missing.tif").code == "FILE_NOT_FOUND"
    assert refusal(tmp_path / "empty.tif").code == "FILE_EMPTY"
    assert refusal(tmp_path / "folder.tif").code == "FILE_IS_DIRECTORY"


@pytest.mark.parametrize(
    ("content", "code", "named"),
    [
        (b'<VRTDataset rasterXSize="1" rasterYSize="1"/>', "DRIVER_NOT_ALLOWED", "VRT"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<VRTDataset/>", "DRIVER_NOT_ALLOWED", "VRT"),
        (b"<!doctype html><html><body>404</body></html>", "DRIVER_NOT_ALLOWED", "HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "DRIVER_NOT_ALLOWED", "error message"),
        (b"PK\x03\x04" + b"\0" * 60, "DRIVER_NOT_ALLOWED", "zip"),
        (b"GRIB" + b"\0" * 60, "DRIVER_NOT_ALLOWED", "GRIB"),
        (b"<GDAL_WMS><Service name='TMS'/></GDAL_WMS>", "DRIVER_NOT_ALLOWED", "WMS"),
        (b"version https://git-lfs.github.com/spec/v1\n", "DRIVER_NOT_ALLOWED", "Git LFS"),
        (b"some text that is nothing in particular", "FILE_UNREADABLE", "drivers"),
        (bytes(range(1, 200)), "FILE_UNREADABLE", "drivers"),
        (b"II*\0" + b"\xff" * 100, "FILE_TRUNCATED", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "FILE_TRUNCATED", "end is missing"),
        (b"\x89PNG\r\n\x1a\n" + b"IEND\xae\x42\x60\x82", "FILE_UNREADABLE", "a PNG"),
    ],
)
def test_a_file_is_told_for_what_it_is(tmp_path, content, code, named):
    path = tmp_path / "tile.tif"
    path.write_bytes(content)
    error = refusal(path)
    assert error.code == code
    assert named.lower() in f"{error.message} {error.hint}".lower()


def test_a_driver_that_the_user_names_is_used(tmp_path):
    write(tmp_path / "real.tif", BYTES)
    vrt = tmp_path / "tile.vrt"
    vrt.write_text(
        '<VRTDataset rasterXSize="40" rasterYSize="60"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        '<SourceFilename relativeToVRT="1">real.tif</SourceFilename><SourceBand>1</SourceBand></SimpleSource>'
        "</VRTRasterBand></VRTDataset>"
    )
    assert "VRT" in refusal(vrt).hint
    bmp = write(tmp_path / "tile.bmp", BYTES, driver="BMP", crs=None, transform=None)
    assert refusal(bmp).code == "DRIVER_NOT_ALLOWED"
    with opened(bmp, drivers=("GTiff", "BMP")) as dataset:
        assert (dataset.read(1) == BYTES).all()


@pytest.mark.parametrize(
    "name",
    [
        "ünï çødé.tif",
        "a b  c.tif",
        "a#b?c=1&d.tif",
        "zip!x.tif",
        "a:b.tif",
        "GTIFF_DIR:1:x.tif",
        "a%20b.tif",
        "[1].tif",
    ],
)
def test_any_name_opens(tmp_path, name):
    path = write(tmp_path / "plain.tif", BYTES).rename(tmp_path / name)
    with opened(path) as dataset:
        assert (dataset.read(1) == BYTES).all()


def test_sidecars_are_used_whether_in_place_or_fetched(tmp_path):
    rgb = np.stack([BYTES] * 3)
    keep = np.full(BYTES.shape, 255, "uint8")
    keep[:20] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        tif = write(tmp_path / "masked.tif", rgb, mask=keep)
    png = write(tmp_path / "world.png", rgb, driver="PNG", crs=None, transform=None)
    png.with_suffix(".pgw").write_text("2\n0\n0\n-2\n101\n199\n")
    assert (tmp_path / "masked.tif.msk").exists()
    memory = FsspecStorage()
    for path in tmp_path.iterdir():
        memory.put(str(path), f"memory://sidecars/{path.name}")
    for folder, told in ((str(tmp_path), []), ("memory://sidecars", ["FETCHED_TO_SCRATCH"])):
        notices = []
        with opened(f"{folder}/masked.tif", notices=notices) as dataset:
            assert (dataset.dataset_mask() == keep).all()
        with opened(f"{folder}/world.png", notices=notices) as dataset:
            assert tuple(dataset.transform)[:6] == (2, 0, 100, 0, -2, 200)
        assert [code for code, _ in notices] == told * 2
    assert (tif.parent / "masked.tif.msk").exists()


def test_gcps_rpcs_and_tags_in_aux_xml_are_read(tmp_path, shared_data):
    with opened(shared_data / "good" / "rioxarray__test_rpcs_ext_file.tif") as dataset:
        assert dataset.rpcs is not None
    with opened(shared_data / "good" / "gdal__byte_gcp.tif") as dataset:
        assert dataset.gcps[0]
    path = write(tmp_path / "x.tif", BYTES)
    (tmp_path / "x.tif.aux.xml").write_text(
        "<PAMDataset><Metadata><MDI key='SENSOR'>drone</MDI></Metadata></PAMDataset>"
    )
    with opened(path) as dataset:
        assert dataset.tags()["SENSOR"] == "drone"


def test_an_aux_xml_with_statistics_only_needs_no_copy(tmp_path):
    path = write(tmp_path / "x.tif", BYTES)
    path.with_name("x.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><Metadata><MDI key='STATISTICS_MEAN'>3</MDI></Metadata>"
        "</PAMRasterBand></PAMDataset>"
    )
    with opened(path) as dataset:
        assert dataset.name == str(path)
        assert "STATISTICS_MEAN" not in dataset.tags(1)


def test_nothing_is_written_beside_a_source(tmp_path):
    path = write(tmp_path / "x.tif", BYTES)
    before = sorted(tmp_path.iterdir())
    validate(path)
    assert sorted(tmp_path.iterdir()) == before


def test_overviews_that_lie_are_not_used(tmp_path, shared_data):
    path = write(tmp_path / "x.tif", np.full((1024, 1024), 7, "uint8"), tiled=True)
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2, 4, 8])
    data = bytearray(path.read_bytes())
    with rasterio.open(path, OVERVIEW_LEVEL=0) as overview:
        start = int(overview.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    data[start : start + 1000] = b"\xff" * 1000
    path.write_bytes(data)
    with rasterio.open(path) as plain:
        assert plain.read(1, out_shape=(512, 512)).max() == 255
    with opened(path) as dataset:
        assert dataset.read(1, out_shape=(512, 512)).max() == 7
    with opened(shared_data / "good" / "rasterio__green.tif") as dataset:
        assert dataset.overviews(1) == []


def test_what_describes_bands_survives_without_overviews(tmp_path):
    path = write(tmp_path / "x.tif", np.stack([BYTES] * 2), nodata=3)
    with rasterio.open(path, "r+") as target:
        target.descriptions, target.units = ("red edge", "other"), ("m", "s")
        target.scales, target.offsets = (2.0, 3.0), (1.0, 0.0)
        target.colorinterp = (ColorInterp.gray, ColorInterp.alpha)
        target.update_tags(A="1")
        target.update_tags(ns="MINE", B="2")
        target.build_overviews([2])
    with rasterio.open(path) as plain, opened(path) as dataset:
        for name in (
            "descriptions",
            "units",
            "scales",
            "offsets",
            "colorinterp",
            "nodatavals",
            "crs",
            "transform",
            "profile",
            "mask_flag_enums",
        ):
            assert getattr(dataset, name) == getattr(plain, name), name
        assert dataset.tags() == plain.tags()
        assert dataset.tags(ns="MINE") == {"B": "2"}
        assert "MINE" in dataset.tag_namespaces()
        with WarpedVRT(dataset, crs="EPSG:4326") as warped, WarpedVRT(plain, crs="EPSG:4326") as expected:
            assert (warped.read() == expected.read()).all()


def test_a_missing_geotransform_is_the_identity(tmp_path):
    path = write(tmp_path / "x.tif", BYTES, crs=None, transform=None)
    for _ in range(3):
        with opened(path) as dataset:
            assert dataset.transform.is_identity


def cut(path, fraction):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path


@pytest.mark.parametrize(
    "options",
    [
        {"tiled": True, "compress": "deflate"},
        {},
        {"tiled": True, "BIGTIFF": "YES"},
        {"interleave": "band", "compress": "lzw"},
        {"driver": "COG", "compress": "deflate"},
    ],
)
def test_a_truncated_tiff_is_found_without_reading_pixels(tmp_path, options):
    noise = np.random.default_rng(1).integers(0, 255, (3, 700, 700), dtype="uint8")
    path = write(tmp_path / "x.tif", noise, **options)
    with opened(path) as dataset:
        assert (dataset.read() == noise).all()
    error = refusal(cut(path, 0.6))
    assert error.code == "FILE_TRUNCATED"


@pytest.mark.parametrize(
    ("driver", "ending", "options", "code"),
    [
        ("PNG", "png", {}, "FILE_TRUNCATED"),
        ("JPEG", "jpg", {}, "FILE_TRUNCATED"),
        ("JPEG", "jpg", {"PROGRESSIVE": "YES"}, "FILE_TRUNCATED"),
        ("JP2OpenJPEG", "jp2", {}, "FILE_TRUNCATED"),
        ("HFA", "img", {}, "FILE_UNREADABLE"),
        ("netCDF", "nc", {}, "FILE_TRUNCATED"),
        ("netCDF", "nc", {"FORMAT": "NC2"}, "FILE_TRUNCATED"),
        ("netCDF", "nc", {"FORMAT": "NC4"}, "FILE_UNREADABLE"),
        ("AAIGrid", "asc", {}, "FILE_UNREADABLE"),
    ],
)
def test_other_formats_cut_short_do_not_pass(tmp_path, driver, ending, options, code):
    noise = np.random.default_rng(1).integers(0, 255, (300, 300), dtype="uint8")
    path = tmp_path / f"x.{ending}"
    rasterio.shutil.copy(write(tmp_path / "x.tif", noise), path, driver=driver, **options)
    with opened(path) as dataset:
        assert dataset.read().shape == (1, 300, 300)
    cut(path, 0.9)
    with pytest.raises(TaskError) as caught, opened(path) as dataset, reading(dataset):
        dataset.read()
    assert caught.value.code == code
    assert "source-" not in str(caught.value)


def test_headers_that_crash_readers_or_keep_them_busy_forever(tmp_path):
    """Found by changing single bytes: GDAL loops over the first and is killed by the second."""
    noise = np.random.default_rng(1).integers(0, 255, (50, 50), dtype="uint8")
    plain = write(tmp_path / "x.tif", noise)
    rasterio.shutil.copy(plain, tmp_path / "x.jp2", driver="JP2OpenJPEG")
    data = bytearray((tmp_path / "x.jp2").read_bytes())
    at = data.index(b"ihdr") - 4
    data[at : at + 4] = bytes(4)
    (tmp_path / "x.jp2").write_bytes(data)
    assert refusal(tmp_path / "x.jp2").code == "FILE_UNREADABLE"
    rasterio.shutil.copy(plain, tmp_path / "x.nc", driver="netCDF")
    sound = (tmp_path / "x.nc").read_bytes()
    for place in (8, 12, 16):
        data = bytearray(sound)
        data[place] = 0x7F
        (tmp_path / "x.nc").write_bytes(data)
        started = time.perf_counter()
        assert refusal(tmp_path / "x.nc").code in ("FILE_UNREADABLE", "FILE_TRUNCATED")
        assert time.perf_counter() - started < 2


def test_texts_that_are_no_utf_8_cost_the_texts_not_the_tile(tmp_path):
    path = write(tmp_path / "x.tif", BYTES)
    with rasterio.open(path, "r+") as target:
        target.descriptions = ("Mular",)
        target.update_tags(ns="Mular", A="1")
    path.write_bytes(path.read_bytes().replace(b"Mular", "Mülär".encode("latin-1")))
    notices = []
    with opened(path, notices=notices) as dataset:
        assert dataset.descriptions == (None,)
        assert (dataset.read(1) == BYTES).all()
    assert "TEXT_UNREADABLE" in [code for code, _ in notices]


def test_sparse_and_constant_files_are_fine(tmp_path):
    path = tmp_path / "x.tif"
    profile = {"driver": "GTiff", "width": 20_000, "height": 20_000, "count": 1, "dtype": "uint8", "tiled": True}
    with rasterio.open(path, "w", **profile, crs=UTM, transform=ORIGIN, SPARSE_OK=True, nodata=0):
        pass
    assert path.stat().st_size < 200_000
    assert validate(path).raster_type == "unknown"
    constant = write(tmp_path / "c.tif", np.full((8192, 8192), 9, "uint8"), compress="deflate", tiled=True)
    assert constant.stat().st_size < 200_000
    assert validate(constant).width == 8192


def test_limits_hold_before_anything_is_allocated(tmp_path):
    huge = tmp_path / "huge.tif"
    profile = {"driver": "GTiff", "width": 100_000, "height": 100_000, "count": 1, "dtype": "uint8", "tiled": True}
    with rasterio.open(
        huge, "w", **profile, crs=UTM, transform=ORIGIN, SPARSE_OK=True, blockxsize=1024, blockysize=1024
    ):
        pass
    many = write(tmp_path / "many.tif", np.zeros((300, 4, 4), "uint8"))
    started = time.perf_counter()
    assert refusal(huge).code == "TOO_MANY_PIXELS"
    assert "max_pixels" in refusal(huge).hint
    assert refusal(many).code == "TOO_MANY_BANDS"
    assert "max_bands" in refusal(many).hint
    block = refusal(
        write(tmp_path / "block.tif", np.zeros((512, 512), "uint8"), tiled=True, blockxsize=512, blockysize=512),
        max_block_bytes=200_000,
    )
    assert block.code == "BLOCK_TOO_LARGE"
    assert "max_block_bytes" in block.hint
    assert time.perf_counter() - started < 2
    with opened(many, max_bands=300) as dataset:
        assert dataset.count == 300
    png = write(tmp_path / "x.png", np.zeros((100, 100), "uint8"), driver="PNG", crs=None, transform=None)
    assert refusal(png, max_pixels=9_999).code == "TOO_MANY_PIXELS"


def test_damage_met_while_reading_names_the_place(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (300, 300), dtype="uint8")
    path = write(tmp_path / "x.tif", noise, compress="deflate", tiled=True, blockxsize=128, blockysize=128)
    with rasterio.open(path) as plain:
        start = int(plain.get_tag_item("BLOCK_OFFSET_1_1", "TIFF", bidx=1))
    data = bytearray(path.read_bytes())
    data[start : start + 200] = b"\xff" * 200
    path.write_bytes(data)
    with (
        opened(path) as dataset,
        pytest.raises(TaskError, match="second block") as caught,
        reading(dataset, "the second block"),
    ):
        dataset.read()
    assert caught.value.code == "FILE_UNREADABLE"
    with pytest.raises(TaskError, match="rows 0 to 299") as caught:
        validate(path)
    assert caught.value.code == "FILE_UNREADABLE"


def test_what_gdal_warns_of_is_told_once_the_source_is_closed(tmp_path, shared_data):
    notices = []
    with opened(shared_data / "good" / "gdal__weird_mercator_2sp.tif", notices=notices) as dataset:
        assert dataset.crs
    assert [code for code, _ in notices] == ["GDAL_WARNING"]
    assert "Mercator" in notices[0][1]


def test_several_variables_are_named(tmp_path):
    """A netCDF 3 file by hand: two variables of 2 × 2 bytes."""

    def name(text: str) -> bytes:
        return len(text).to_bytes(4, "big") + text.encode().ljust((len(text) + 3) // 4 * 4, b"\0")

    def number(value: int) -> bytes:
        return value.to_bytes(4, "big")

    dimensions = number(10) + number(2) + name("y") + number(2) + name("x") + number(2)
    head = b"CDF\x01" + number(0) + dimensions + number(0) * 2 + number(11) + number(2)
    shape = number(2) + number(0) + number(1) + number(0) * 2 + number(1) + number(4)
    start = len(head) + 2 * (len(name("wind")) + len(shape) + 4)
    variables = b"".join(name(text) + shape + number(start + 4 * place) for place, text in enumerate(("wind", "rain")))
    (tmp_path / "two.nc").write_bytes(head + variables + bytes(8))
    error = refusal(tmp_path / "two.nc")
    assert error.code == "NO_RASTER_BAND"
    assert "wind, rain" in error.message


def test_many_threads_open_and_read_at_once(tmp_path):
    storage, limits = FsspecStorage(), Limits()
    paths = [
        write(tmp_path / f"{number}.tif", np.full((200, 200), number, "uint8"), compress="lzw") for number in range(8)
    ]

    def read(number: int) -> int:
        with open_source(storage, source_of(paths[number]), SourcePolicy(), limits) as dataset:
            return int(dataset.read(1).max())

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, [*range(8)] * 5)) == [*range(8)] * 5


@pytest.mark.parametrize(
    ("ending", "driver", "drivers", "waits"),
    [
        (".nc", "netCDF", SourcePolicy().drivers, True),
        (".vrt", "VRT", ("VRT", "GTiff", "netCDF"), True),
        (".vrt", "VRT", ("VRT", "GTiff"), False),
        (".tif", "GTiff", SourcePolicy().drivers, False),
    ],
)
def test_of_what_could_lock_up_gdal_one_file_is_open_at_a_time(tmp_path, ending, driver, drivers, waits):
    first = write_netcdf(tmp_path / "first.nc", (0.0,), "days since 2000-01-01")
    plain = write(tmp_path / "plain.tif", BYTES)
    second = tmp_path / f"second{ending}"
    if driver == "netCDF":
        write_netcdf(second, (0.0,), "days since 2000-01-01")
    else:
        rasterio.shutil.copy(plain, second, driver=driver)
    is_open = threading.Event()

    def open_second() -> None:
        with opened(second, drivers=drivers):
            is_open.set()

    with ThreadPoolExecutor(1) as pool:
        with opened(first):
            opening = pool.submit(open_second)
            assert is_open.wait(0.5 if waits else 60) is not waits
        opening.result(60)
    assert is_open.is_set()


def test_an_unreachable_store_is_no_fault_of_the_tile(tmp_path):
    write(tmp_path / "x.tif", BYTES)
    storage = FsspecStorage()

    class Elsewhere(FsspecStorage):
        """The same files, which GDAL is told to read from a server that is not there."""

        def gdal_source(self, url):
            return type(storage.gdal_source(url))(
                path=f"/vsicurl/http://127.0.0.1:9/{url.rsplit('/', 1)[-1]}", config={"GDAL_HTTP_MAX_RETRY": "0"}
            )

    source = SourceFile(blob="x.tif", url=str(tmp_path / "x.tif"), size=0, version="")
    with pytest.raises(TaskError) as caught, open_source(Elsewhere(), source, SourcePolicy(), Limits()):
        pass
    assert (caught.value.code, caught.value.retryable) == ("SOURCE_UNAVAILABLE", True)


def test_a_band_that_is_called_otherwise_tells_no_longer_which_pixels_are_valid(tmp_path):
    colors = [ColorInterp[name] for name in ("red", "green", "blue", "alpha")]
    pixels = np.stack([BYTES, BYTES, BYTES, np.zeros_like(BYTES)])
    with opened(write(tmp_path / "x.tif", pixels, colors=colors)) as dataset:
        assert dataset.read_masks(1).max() == 0
        dataset.call_bands(("blue", "green", "red", "nir"), ("blue", "green", "red", "nir"))
        assert dataset.is_renamed
        assert dataset.hides_alpha
        assert dataset.descriptions == ("blue", "green", "red", "nir")
        assert [color.name for color in dataset.colorinterp] == ["blue", "green", "red", "nir"]
        assert dataset.read_masks(1).min() == 255
        assert dataset.mask_flag_enums[0] == [MaskFlags.all_valid]


def test_bands_that_are_called_what_they_are_stay_as_they_are(tmp_path):
    path = write(tmp_path / "x.tif", np.stack([BYTES] * 3), photometric="RGB")
    with rasterio.open(path, "r+") as target:
        target.descriptions = ("red", "Green (510-600 nm)", "blue")
    with opened(path) as dataset:
        dataset.call_bands(("red", "green", "blue"), ("red", "green", "blue"))
        assert not dataset.is_renamed
