"""No text of a CRS leads PROJ to a file outside of its own folders, in whatever form it names it."""

from __future__ import annotations

import json
import time

import pyproj
import pytest
from pyproj.database import query_crs_info

from rastercollection.errors import TaskError
from rastercollection.geo.crs import parse_crs
from rastercollection.geo.crs_files import file_elsewhere, file_elsewhere_in_bytes
from watching import Watched

BESSEL = "+proj=longlat +ellps=bessel"
NAMES = {
    "grids": BESSEL + " +nadgrids={} +no_defs",
    "grids, one of several": BESSEL + " +nadgrids=@null,{}",
    "grids that may be missing": BESSEL + " +nadgrids=@{}",
    "grids, with blanks": BESSEL + " +nadgrids = {}",
    "grids, with semicolons": "+proj=longlat;+ellps=bessel;+nadgrids={}",
    "grids, without plus signs": "proj=longlat ellps=bessel nadgrids={}",
    "geoid": BESSEL + " +geoidgrids={} +type=crs",
    "init file": "+init={}:foo",
    "init file without a plus sign": "init={}:foo",
    "triangles": "+proj=tinshift +file={}",
    "a pipeline": "+proj=pipeline +step +proj=hgridshift +grids={}",
    "a model": "+proj=defmodel +model={}",
    "WKT 1": 'GEOGCS["x",DATUM["U",SPHEROID["B",6377397.155,299.15],EXTENSION["PROJ4_GRIDS","{}"]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]',
    "WKT 1, unquoted": 'GEOGCS["x",DATUM["U",SPHEROID["B",6377397.155,299.15],extension ( PROJ4_GRIDS , {} )],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]',
    "WKT 1, printed quotes": 'GEOGCS["x",DATUM["U",SPHEROID["B",6377397.155,299.15],EXTENSION[“PROJ4_GRIDS”,“{}”]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]',
    "WKT 1 with a PROJ string": 'PROJCS["x",GEOGCS["x",DATUM["U",SPHEROID["B",6377397.155,299.15]],PRIMEM'
    '["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Mercator_1SP"],UNIT["metre",1],'
    'EXTENSION["PROJ4","+proj=merc +ellps=bessel +nadgrids={}"]]',
}
ELSEWHERE = (
    "/tmp/grid",
    "../grid.gsb",
    "sub/grid.gsb",
    "http://127.0.0.1/grid.tif",
    "~/grid",
    "C:grid",
    "\\\\host\\grid",
)


@pytest.mark.parametrize("form", [form for form in NAMES.values() if "init=" not in form])
@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_file_elsewhere_is_found_in_every_form(form, name):
    assert name.removeprefix("@") in str(file_elsewhere(form.format(name)))


@pytest.mark.parametrize("form", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("name", ["BETA2007.gsb", "us_noaa_conus.tif", "null", "epsg"])
def test_files_in_projs_own_folders_may_be_named(form, name):
    assert file_elsewhere(form.format(name)) is None


@pytest.mark.parametrize("form", NAMES.values(), ids=NAMES)
def test_the_file_is_never_opened(form, tmp_path):
    grid = Watched(tmp_path / "grid")
    with pytest.raises(TaskError, match="is no usable CRS") as caught:
        parse_crs(form.format(grid.path))
    assert caught.value.code == "CRS_INVALID"
    assert not grid.was_opened()
    grid.close()


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_proj_would_open_it(tmp_path):
    """The test above cannot pass because nobody would open the file anyway."""
    grid = Watched(tmp_path / "grid")
    with pytest.raises(pyproj.exceptions.CRSError):
        pyproj.CRS.from_user_input(NAMES["init file"].format(grid.path))
    assert grid.was_opened()
    grid.close()


def test_what_proj_makes_of_a_definition_is_looked_at_in_all_its_forms():
    grid = pyproj.CRS.from_user_input(NAMES["grids"].format("/tmp/grid"))
    forms = [
        grid.to_wkt(),
        grid.to_wkt("WKT1_GDAL"),
        grid.to_wkt("WKT2_2015"),
        grid.to_json(),
        grid.to_json(pretty=True),
    ]
    assert [file_elsewhere(form) for form in forms] == ["/tmp/grid"] * 5
    assert file_elsewhere(json.dumps([{"value": "/tmp/grid"}])[1:-1]) == "/tmp/grid"


def test_definitions_in_the_bytes_of_a_file():
    definition = NAMES["WKT 1"].format("/tmp/grid").encode()
    for before in (0, 1, 2**20 - 100, 2**20, 3 * 2**20 - 50):
        assert file_elsewhere_in_bytes(b"\x81" * before + definition + b"\0" * 5000) == "/tmp/grid"
        long = definition.replace(b"/tmp", b"null," * 20_000 + b"/tmp")
        assert file_elsewhere_in_bytes(b"\x81" * before + long + b"\0" * 5000) == "/tmp/grid"
    assert file_elsewhere_in_bytes(b"\x81" * 5000 + NAMES["WKT 1"].format("BETA2007.gsb").encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        BESSEL + " +nadgrids=/tmp/grid",
        "nadgrids=/tmp/grid " + BESSEL,
        BESSEL + " +geoidgrids = ../grid",
        "+proj=tinshift +FILE=sub/grid",
        "+proj=defmodel +model=/tmp/grid",
        "+proj=pipeline +step +proj=hgridshift +grids=null,/tmp/grid",
        "+init=/tmp/grid:1",
        '{"type": "BoundCRS", "transformation": {"parameters": [{"name": "f", "value": "/tmp/grid"}]}}',
        '{"type": "BoundCRS", "transformation": {"parameters": [{"name": "f", "valu\\u0065": "/tmp/grid"}]}}',
        '{"type": "BoundCRS", "transformation": {"parameters": [{"name": "f", "value" : "/tmp/grid"}]}',
    ],
)
def test_other_forms_in_the_bytes_of_a_file(text):
    for before in (b"", b"\0\0\0a", b"\0\0\0{", b"\0" * (2**20 - 5)):
        assert "grid" in str(file_elsewhere_in_bytes(before + text.encode() + b"\0\1\2"))


@pytest.mark.parametrize(
    "text",
    [
        BESSEL + " +nadgrids=BETA2007.gsb +to_meter=1/3",
        "gdalwarp -t_srs +proj=utm +zone=42 in=/data/a.tif out=/data/b.tif profile=/etc/x",
        "model --init=/data/restart.nc --file=/data/x.nc",
        '{"type": "Feature", "properties": {"value": "https://example.org/x"}}',
    ],
)
def test_other_words_in_the_bytes_of_a_file_are_no_crs(text):
    assert file_elsewhere_in_bytes(b"\0\0" + text.encode() + b"\0") is None


@pytest.mark.parametrize("unit", ["EXTENSION[", 'EXTENSION["', "+proj=", "{", '"type"{CRS', " ", "\0proj", "x proj=a,"])
def test_no_bytes_take_long(unit):
    content = b"+proj= aCRS EXTENSION[" + (unit * 2**20)[: 2**20].encode()
    began = time.process_time()
    file_elsewhere_in_bytes(content)
    assert time.process_time() - began < 5


def test_no_crs_that_proj_knows_is_suspected():
    """Slashes in names, fractions and DMS angles are no paths."""
    known = [info for info in query_crs_info() if info.auth_name in ("EPSG", "ESRI", "IAU_2015", "OGC")][::7]
    assert len(known) > 1000
    for info in known:
        crs = pyproj.CRS.from_authority(info.auth_name, info.code)
        assert file_elsewhere(crs.to_wkt()) is None
        assert file_elsewhere(crs.to_json()) is None
    assert file_elsewhere("+proj=tmerc +lat_0=48d30'N +lon_0=10 +to_meter=1/3 +ellps=bessel +nadgrids=@null") is None
