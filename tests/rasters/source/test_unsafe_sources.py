"""Files that would make GDAL read other files: each is refused, and what it points at is never read.

Where plain GDAL does follow the reference, the test shows that first, so that it cannot pass by accident.
"""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import TaskError
from rastercollection.ports.storage import GdalSource
from validation_scenes import opened, write

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

BYTES = np.full((64, 64), 5, "uint8")

# Written by the HDF5 library: datasets that live in, or are links to, the files secret.bin and other.h5.
DATA_ELSEWHERE = (
    "c-rgqaB<`1lHy_j0S*oZ76t(ZWbhvfHn5`dVe$!3nh{EOK<O1sFmXn(oCH){5NbZUx{x4OSCH!eXaHtU1`CAdU>F4>5qP*d27u@YC?A$ePcW"
    "gXD?>|<9u(Tk$iN0MixI}xfY3}30cf(sNizdo$_RBYBT@=x1=1is6BEQBcA&Y8P&J?&V}K*Q!~D$w%~8yZu$&@*rZRx0@gRW~&H*f_>WWj7i"
    "&9JUk}~rk{9r$S7m&YT{!w5aP1EE602Es~VE"
)
LINK_ELSEWHERE = (
    "c-rgqaB<`1lHy|K;9!7(|4^_Q$~S=0Q$xeL{XJZQm>4RUgpd`&02dPjBLf4Q2m=EnhXZ37F9Sn<Nk(dsUWO@yei;LU0|Ujt?-_>!0J$wBJp"
)
VIRTUAL = (
    "c-rgqaB<`1lHy|K;9!7(|4_gn0pS}!#T`34+5J6Sf|wX8n1qlO!T=W&10w?i8xI4JVl3MXGtYy8YM`w|?GD%piWhe?XCq?<Mn)9|1|}v(Mi!`"
    "ATr@Ke1ET-~$c-St!N3Z1H8VE{A5aA|12h!Ca%&id6i_~XYc<0t7zLwX6pVsVKn!qq_V)o-b^=Hh9}u{~6u<=XOEOZ6^fF8t${3iDgh7A_RH="
    "f*n3$ki7{Qe-gkBZ$U_C<Z4F1tD9|fae6pVsVFbYP&C>RB!U=)mkQ7{VV4FJ0+HJ|"
)


def refused(path, code="UNSAFE_SOURCE", **options) -> TaskError:
    with pytest.raises(TaskError) as caught, opened(path, **options):
        pass
    assert caught.value.code == code
    return caught.value


@pytest.fixture
def secret(tmp_path):
    """A raster elsewhere, of a value that no test raster has."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return write(folder / "secret.tif", np.full((64, 64), 99, "uint8"))


def vrt(secret) -> str:
    return (
        '<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )


def test_a_vrt_by_any_name(tmp_path, secret):
    for name in ("x.tif", "x.png", "x.nc", "x"):
        path = tmp_path / name
        path.write_text(vrt(secret))
        with rasterio.open(path) as plain:
            assert plain.read(1).max() == 99
        assert "VRT" in refused(path, "DRIVER_NOT_ALLOWED").message


def test_a_mask_that_is_a_vrt(tmp_path, secret):
    path = write(tmp_path / "x.tif", BYTES)
    (tmp_path / "x.tif.msk").write_text(
        vrt(secret).replace(
            "<VRTRasterBand", '<Metadata><MDI key="INTERNAL_MASK_FLAGS_1">2</MDI></Metadata><VRTRasterBand', 1
        )
    )
    with rasterio.open(path) as plain:
        assert plain.dataset_mask().max() == 99
    assert "x.tif.msk" in refused(path).message


def test_overviews_elsewhere(tmp_path, secret):
    path = write(tmp_path / "x.tif", np.full((1024, 1024), 5, "uint8"))
    (tmp_path / "x.tif.ovr").write_text(vrt(secret))
    with opened(path) as dataset:
        assert dataset.read(1, out_shape=(64, 64)).max() == 5
        assert "x.tif.ovr" not in str(dataset.files)


def test_overviews_named_in_an_aux_xml(tmp_path, secret):
    path = write(tmp_path / "x.tif", BYTES)
    (tmp_path / "x.tif.aux.xml").write_text(
        f'<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{secret}</MDI></Metadata></PAMDataset>'
    )
    with rasterio.open(path) as plain:
        assert plain.tags(ns="OVERVIEWS")
    assert "x.tif.aux.xml" in refused(path).message


def test_overviews_named_inside_the_file(tmp_path, secret):
    path = write(tmp_path / "x.tif", BYTES)
    with rasterio.open(path, "r+") as target:
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(secret))
    with rasterio.open(path) as plain:
        assert plain.tags(ns="OVERVIEWS")
    assert "overviews" in refused(path).message


@pytest.mark.parametrize(
    "content",
    [
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><PAMDataset><SRS>&x;</SRS></PAMDataset>',
        "<PAMDataset><SourceFilename>elsewhere.tif</SourceFilename></PAMDataset>",
        "<VRTDataset/>",
        "not xml",
    ],
)
def test_an_aux_xml_that_is_something_else(tmp_path, content):
    path = write(tmp_path / "x.tif", BYTES)
    (tmp_path / "x.tif.aux.xml").write_text(content)
    assert "x.tif.aux.xml" in refused(path).message


def test_a_world_file_that_is_no_text(tmp_path):
    path = write(tmp_path / "x.png", BYTES, driver="PNG", crs=None, transform=None)
    (tmp_path / "x.pgw").write_bytes(b"\0\1\2")
    assert "x.pgw" in refused(path).message


def test_hdf5_that_keeps_its_data_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "secret.bin").write_bytes(bytes(range(100, 116)))
    path = tmp_path / "x.nc"
    path.write_bytes(zlib.decompress(base64.b85decode(DATA_ELSEWHERE)))
    monkeypatch.chdir(tmp_path)
    with rasterio.open(path) as plain:
        assert set(plain.read(1).ravel()) == set(range(100, 116))
    assert "external file" in refused(path).message


@pytest.mark.parametrize(("content", "named"), [(LINK_ELSEWHERE, "link"), (VIRTUAL, "virtual")])
def test_hdf5_that_refers_to_others(tmp_path, content, named):
    path = tmp_path / "x.nc"
    path.write_bytes(zlib.decompress(base64.b85decode(content)))
    assert named in refused(path).message
    path.write_bytes(bytes(512) + path.read_bytes())
    with pytest.raises(TaskError), opened(path):
        pass


def test_plain_netcdf_4_is_welcome(tmp_path):
    path = tmp_path / "x.nc"
    copy(write(tmp_path / "x.tif", BYTES), path, driver="netCDF", FORMAT="NC4")
    assert path.read_bytes()[:4] == b"\x89HDF"
    with opened(path) as dataset:
        assert (dataset.read(1) == 5).all()


def test_paths_that_gdal_would_interpret(tmp_path, secret):
    class Odd(FsspecStorage):
        def gdal_source(self, url):
            return GdalSource(path=f"/vsizip/{tmp_path}/x.zip/{url.rsplit('/', 1)[-1]}")

    path = write(tmp_path / "x.tif", BYTES)
    assert "interpret" in refused(path, storage=Odd()).message
