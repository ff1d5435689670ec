"""CRSs of sources, from wherever GDAL takes them, that name a file: refused, and nobody opens it.

Opened by plain GDAL, each of these files makes it open what its CRS names; the first test shows that.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

import numpy as np
import pytest
import rasterio
from scipy.io import netcdf_file

from rastercollection.errors import TaskError
from validation_scenes import opened, write
from watching import Watched

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

BYTES = np.full((16, 16), 5, "uint8")
ASCII = "ncols 2\nnrows 2\nxllcorner 10\nyllcorner 50\ncellsize 0.1\n1 2\n3 4\n"
WKT = (
    'GEOGCS["x",DATUM["U",SPHEROID["B",6377397.155,299.15],EXTENSION["PROJ4_GRIDS","{}"]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433]]'
)
STRINGS = ("+proj=longlat +ellps=bessel +nadgrids={}", "+init={}:foo", "+proj=tinshift +file={}")
ESRI = '<metadata DOMAIN="xml:ESRI" format="xml">{}<SpatialReference><wkt>{{}}</wkt></SpatialReference>{}</metadata>'
GCPS = "".join(
    f'<GCP Id="{n}" Pixel="{x}" Line="{y}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate([(0, 0), (9, 0), (0, 9)])
)


def _pam(content):
    def make(folder, definition):
        path = write(folder / "x.tif", BYTES, crs=None)
        text = content.format(escape(definition, {'"': "&quot;"}))
        (folder / "x.tif.aux.xml").write_text(f"<PAMDataset>{text}</PAMDataset>")
        return path

    return make


def _ascii(folder, definition):
    (folder / "x.asc").write_text(ASCII)
    (folder / "x.prj").write_text(definition)
    return folder / "x.asc"


def _netcdf(attribute, padding=0):
    def make(folder, definition):
        with netcdf_file(folder / "x.nc", "w") as file:
            if padding:
                file.padding = "x" * padding
            for name, values in {"lat": [50.0, 49.0, 48.0], "lon": [10.0, 11.0, 12.0]}.items():
                file.createDimension(name, 3)
                file.createVariable(name, "d", (name,))[:] = values
            crs = file.createVariable("crs", "i", ())
            setattr(crs, attribute, definition)
            values = file.createVariable("z", "f", ("lat", "lon"))
            values[:] = 1
            values.grid_mapping = "crs"
        return folder / "x.nc"

    return make


def _imagine(folder, definition):
    """Written with a name of the same length, which GDAL does not open, in the place of the file's."""
    path = folder / "x.img"
    name = definition.split('"PROJ4_GRIDS","')[1].split('"')[0]
    harmless = definition.replace(name, "x" * len(name))
    profile = {"driver": "HFA", "width": 16, "height": 16, "count": 1, "dtype": "uint8"}
    transform = rasterio.transform.from_origin(10, 50, 0.1, 0.1)
    with rasterio.open(path, "w", transform=transform, crs=rasterio.crs.CRS.from_wkt(harmless), **profile) as dataset:
        dataset.write(BYTES, 1)
    path.write_bytes(path.read_bytes().replace(b"x" * len(name), name.encode()))
    return path


MAKERS = {
    "aux.xml": (_pam("<SRS>{}</SRS>"), (WKT, *STRINGS)),
    "aux.xml of ground control points": (_pam(f'<GCPList Projection="{{}}">{GCPS}</GCPList>'), (WKT, *STRINGS)),
    "aux.xml in lower case": (_pam("<srs>{}</srs>"), (WKT, *STRINGS)),
    "aux.xml in a name space": (_pam('<SRS xmlns="urn:x">{}</SRS>'), (WKT,)),
    "aux.xml of ground control points in lower case": (
        _pam(f'<gcplist projection="{{}}">{GCPS}</gcplist>'),
        (WKT, *STRINGS),
    ),
    "aux.xml of ground control points, as an element": (
        _pam(f"<GCPList><Projection>{{}}</Projection>{GCPS}</GCPList>"),
        (WKT,),
    ),
    "aux.xml by Esri, in lower case": (_pam(ESRI.format("<geodataxform>", "</geodataxform>")), (WKT,)),
    "prj": (_ascii, (WKT,)),
    "prj with printed quotes": (_ascii, (WKT.replace('"PROJ4_GRIDS","{}"', "“PROJ4_GRIDS”,“{}”"),)),
    "netCDF, crs_wkt": (_netcdf("crs_wkt"), (WKT,)),
    "netCDF, spatial_ref": (_netcdf("spatial_ref"), (WKT,)),
    "netCDF, srid": (_netcdf("srid"), (WKT, *STRINGS)),
    "netCDF, a node over a boundary": (
        _netcdf("crs_wkt", padding=2**20 - 3000),
        (WKT.replace("{}", "null," * 1500 + "{}"),),
    ),
    "Imagine": (_imagine, (WKT,)),
}
CASES = [
    pytest.param(make, form, id=f"{name}: {form[:20]}") for name, (make, forms) in MAKERS.items() for form in forms
]


@pytest.fixture
def grid(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    watched = Watched(tmp_path / "elsewhere" / "grid_of_a_name_that_is_long")
    yield watched
    watched.close()


@pytest.mark.parametrize(("make", "form"), CASES)
def test_plain_gdal_opens_what_a_crs_names(make, form, tmp_path, grid):
    path = make(tmp_path, form.format(grid.path))
    grid.was_opened()
    with rasterio.open(path) as dataset:
        assert dataset.count == 1
        assert (dataset.crs, dataset.gcps) is not None
    assert grid.was_opened()


@pytest.mark.parametrize(("make", "form"), CASES)
def test_a_crs_that_names_a_file_is_refused_and_the_file_left_alone(make, form, tmp_path, grid):
    path = make(tmp_path, form.format(grid.path))
    grid.was_opened()
    with pytest.raises(TaskError, match="has a CRS that names the file") as caught, opened(path):
        pass
    assert caught.value.code == "UNSAFE_SOURCE"
    assert path.name in caught.value.message
    assert not grid.was_opened()


def test_a_definition_that_gdal_reports_is_looked_at_before_a_crs_is_made_of_it(tmp_path, grid):
    """Here as the name of a CRS in a GeoTIFF's keys, which GDAL does not take for more."""
    name = f"ESRI PE String = +proj=longlat +nadgrids={grid.path}"
    plain = rasterio.crs.CRS.from_string("+proj=utm +zone=42 +ellps=bessel").to_wkt()
    crs = rasterio.crs.CRS.from_wkt(plain.replace("unknown", name, 1))
    with (
        pytest.raises(TaskError, match=r"named\.tif has a CRS that names the file"),
        opened(write(tmp_path / "named.tif", BYTES, crs=crs)),
    ):
        pass


@pytest.mark.parametrize("make", [make for make, _ in MAKERS.values()], ids=MAKERS)
def test_a_grid_of_projs_own_folder_may_be_named(make, tmp_path):
    """Whether PROJ has it is another question, asked where the tile is placed."""
    path = make(tmp_path, WKT.format("BETA2007.gsb"))
    with opened(path) as dataset:
        assert dataset.count == 1
