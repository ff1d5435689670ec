"""Secrets planted in every parameter and in files: they are in no message, log, event, record, document or frame."""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import rasterio
import rasterio.shutil
from scipy.io import netcdf_file

from carried_scenes import beside, table
from rastercollection import RasterCollectionError, RequestError, plan_collection, process_collection, status
from rastercollection.model.parameters import parameters
from rastercollection.model.request import CollectionRequest
from validation_scenes import write

SECRET = "Zq9x7SECRETk3v0"
PLANTED = {
    "SAS": f"https://account.blob.core.windows.net/c/x?sv=2021&sig={SECRET}&se=2030",
    "password": f"https://user:{SECRET}@host/x",
    "keys": f"s3://AKIAABCDEFGHIJKLMNOP:{SECRET}/x+y@bucket/prefix",
    "database": f"postgresql://user:{SECRET}@host/db",
    "pair": f"password={SECRET}",
    "control": f"a\n\x1b[2Kb?token={SECRET}",
}
RIGHT = {"blob_list": ["*.tif"], "collection_id": "c", "jobs": "memory", "executor": "serial"}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    path = write(folder / "a.tif", np.arange(90_000, dtype="int16").reshape(300, 300))
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(origin=f"made from https://h/x?sig={SECRET}", note=f"password={SECRET}")
        dataset.set_band_description(1, f"https://h/x?sig={SECRET}")
    return folder


def told(error: BaseException) -> str:
    """All that an error shows of itself, and what it is pickled with."""
    return f"{error} {error!r} {error.args} {vars(error)}"


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        pytest.param(name, planted, id=f"{name}: {form}")
        for name in parameters(CollectionRequest)
        for form, planted in PLANTED.items()
    ],
)
def test_no_parameter_is_repeated_with_its_secret(name, planted, source, caplog):
    caplog.set_level(logging.DEBUG, "rastercollection")
    value = [planted] if parameters(CollectionRequest)[name].hint not in (str,) and name == "blob_list" else planted
    shown, error = "", None
    try:
        shown = json.dumps(
            plan_collection(predict=False, **{"container_name": str(source), **RIGHT, name: value}).to_dict()
        )
    except RequestError as caught:
        shown, error = told(caught), caught
    assert SECRET not in shown + caplog.text
    assert "\x1b" not in str(error)


@pytest.mark.parametrize(
    "name", ["container_name", "output_container", "mosaicjson_container", "output_folder", "scratch", "catalog"]
)
@pytest.mark.parametrize(
    "text",
    [
        f"host=127.0.0.1 port=1 password={SECRET}",
        "host=127.0.0.1 port=1 user=me",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET}==",
        "DefaultEndpointsProtocol=https;AccountName=a",
        f"password: {SECRET}",
    ],
)
def test_no_folder_is_made_of_a_connection_string(name, text, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"container_name": str(source), "output_container": str(tmp_path / "out"), **RIGHT}
    with pytest.raises(RequestError, match=f"{name}=.*must") as caught:
        process_collection(**{**given, name: text})
    assert SECRET not in told(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_folders_may_be_called_by_partitions(source, tmp_path):
    """As Hive names them; only connection strings are refused."""
    for folder in ("year=2019/month=7", "tokens", "a;b=1", "host=a"):
        assert plan_collection(
            predict=False, container_name=str(source), **RIGHT, output_container=str(tmp_path / "out" / folder)
        )


def test_nothing_that_a_job_leaves_behind_holds_a_secret(source, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    events = []
    result = process_collection(
        container_name=str(source),
        output_container=str(tmp_path / "out"),
        **{**RIGHT, "jobs": f"sqlite:///{tmp_path}/jobs.db"},
        collection_description=f"See https://h/x?sig={SECRET}",
        providers=[{"name": "me", "url": f"https://user:{SECRET}@h/", "description": f"token={SECRET}"}],
        keywords=[f"api_key={SECRET}"],
        license=f"https://h/licence?token={SECRET}",
        storage_options={"key": f"key{SECRET}", "secret": SECRET, "connection_string": f"AccountKey={SECRET}"},
        observers=[events.append],
    )
    assert [notice["code"] for notice in result.to_dict()["notices"]].count("SECRET_REDACTED") == 1
    assert all(name in str(result.to_dict()) for name in ("collection_description", "providers", "keywords", "license"))
    assert SECRET not in json.dumps(result.to_dict())
    assert SECRET not in repr(events)
    assert SECRET not in caplog.text
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as database, database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and source not in path.parents]
    assert len(written) > 5
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


PIXELS = np.arange(90_000, dtype="uint8").reshape(300, 300)
AS_PUBLISHED = {"blocksize": 512, "compress": "DEFLATE", "predictor": "YES"}
"""As this library makes COGs, which it therefore takes as they are."""
IN_A_QUERY = f"https://h/x?a=1&amp;sig={SECRET}"
RPC = "".join(
    f'<MDI key="{key}">{value}</MDI>'
    for key, value in {
        **dict.fromkeys(("LINE_OFF", "SAMP_OFF"), 150),
        **dict.fromkeys(("LINE_SCALE", "SAMP_SCALE"), 150),
        "LAT_OFF": 50,
        "LONG_OFF": 10,
        "HEIGHT_OFF": 0,
        "LAT_SCALE": 0.1,
        "LONG_SCALE": 0.1,
        "HEIGHT_SCALE": 100,
        "LINE_NUM_COEFF": "0 0 -1" + 17 * " 0",
        "SAMP_NUM_COEFF": "0 1" + 18 * " 0",
        **dict.fromkeys(("LINE_DEN_COEFF", "SAMP_DEN_COEFF"), "1" + 19 * " 0"),
    }.items()
)


def _described(*, driver="GTiff", unit=None, description=None, **tags):
    """Makes a raster with such texts, whatever its driver."""

    def make(folder):
        plain = write(folder / ("plain.tif" if driver == "COG" else "a.tif"), PIXELS)
        with rasterio.open(plain, "r+") as dataset:
            for domain, texts in tags.items():
                dataset.update_tags(ns=None if domain == "plain" else domain, **texts)
                dataset.update_tags(1, ns=None if domain == "plain" else domain, **texts)
            if unit:
                dataset.set_band_unit(1, unit)
            if description:
                dataset.set_band_description(1, description)
        if driver == "COG":
            rasterio.shutil.copy(plain, folder / "a.tif", driver=driver, **AS_PUBLISHED)
            plain.unlink()

    return make


def _beside(band="", whole="", **options):
    """Makes a raster with such texts in the file beside it."""

    def make(folder):
        path = write(folder / "a.tif", PIXELS, **options)
        beside(path, band)
        file = path.with_name("a.tif.aux.xml")
        file.write_text(file.read_text().replace("<PAMDataset>", f"<PAMDataset>{whole}"))

    return make


def _netcdf(folder):
    with netcdf_file(folder / "a.nc", "w") as file:
        for name, values in {"lat": np.linspace(50, 49, 300), "lon": np.linspace(10, 11, 300)}.items():
            file.createDimension(name, 300)
            axis = file.createVariable(name, "d", (name,))
            axis[:] = values
            axis.units = {"lat": "degrees_north", "lon": "degrees_east"}[name]
            axis.comment = f"token={SECRET}"
        values = file.createVariable("z", "f", ("lat", "lon"))
        values[:] = PIXELS
        values.units = f"password={SECRET}"
        values.long_name, values.secret = f"https://h/x?sig={SECRET}", SECRET
        file.history, file.password = f"wget https://user:{SECRET}@h/x", SECRET


CORNERS = "".join(
    f'<GCP Id="password={SECRET}{row}{col}" Info="{IN_A_QUERY}" Pixel="{col}" Line="{row}" X="{10 + col / 3000}" '
    f'Y="{50 - row / 3000}"/>'
    for row in (0, 300)
    for col in (0, 300)
)
TEXTS = {
    "unit": _described(unit=f"password={SECRET}"),
    "unit of a COG": _described(driver="COG", unit=f"password={SECRET}"),
    "tag of a COG": _described(driver="COG", plain={"note": f"password={SECRET}"}),
    "description of a COG": _described(driver="COG", description=f"password={SECRET}"),
    "tag that is called a secret": _described(plain={"password": SECRET}, OTHER={"api_key": SECRET}),
    "name of a tag": _described(plain={f"https://user:{SECRET}@h/": "x"}),
    "document": _described(**{"xml:XMP": {"<x password": f'"{SECRET}"/>'}}),
    "names of classes in tags": _described(CLASS_NAMES={"1": f"password={SECRET}"}),
    "names of classes": _beside(f"<CategoryNames><Category>{IN_A_QUERY}</Category></CategoryNames>"),
    "attribute table": _beside(table((1, IN_A_QUERY, 1, 2, 3, 4))),
    "column": _beside(table((1, "water", 1, 2, 3, 4)).replace("Area_ha", f"password={SECRET}")),
    "colour interpretation": _beside(f"<ColorInterp>password={SECRET}</ColorInterp>"),
    "RPC": _beside(
        whole=f'<Metadata domain="RPC">{RPC}<MDI key="NOTE">{IN_A_QUERY}</MDI></Metadata>', crs=None, transform=None
    ),
    "netCDF": _netcdf,
    "ground control points": _beside(
        whole=f'<GCPList Projection="EPSG:4326">{CORNERS}</GCPList>', crs=None, transform=None
    ),
}


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("make", TEXTS.values(), ids=TEXTS)
def test_no_text_of_a_raster_is_published_with_its_secret(make, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "rastercollection")
    (tmp_path / "source").mkdir()
    make(tmp_path / "source")
    assert SECRET in "".join(path.read_bytes().decode("latin-1") for path in (tmp_path / "source").iterdir())
    result = process_collection(
        container_name=str(tmp_path / "source"),
        output_container=str(tmp_path / "out"),
        **{**RIGHT, "blob_list": ["*.nc" if make is _netcdf else "*.tif"], "jobs": f"sqlite:///{tmp_path}/jobs.db"},
        **({"input_crs": "EPSG:4326"} if make is _netcdf else {}),
    )
    assert result.to_dict()["status"] == "completed"
    assert SECRET not in json.dumps(result.to_dict()) + caplog.text
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.db")) as database, database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "source"]
    assert {".tif", ".json", ".parquet", ".db"} <= {path.suffix for path in written}
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []
    for path in written:
        if path.suffix == ".parquet":  # compressed
            assert SECRET not in str(pyarrow.parquet.read_table(path).to_pylist())


def _raise(parameters, context):
    raise ValueError(f"cannot open https://h/x?sig={SECRET}\n  - b.tif: [FORGED] line")


def test_what_other_code_raises_is_redacted_before_it_is_kept(source, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("rastercollection.stages.validate.task.validate", _raise)
    with pytest.raises(RasterCollectionError) as caught:
        process_collection(
            container_name=str(source),
            output_container=str(tmp_path / "out"),
            **{**RIGHT, "jobs": f"sqlite:///{tmp_path}/jobs.db"},
        )
    assert "ValueError" in str(caught.value)
    assert SECRET not in str(caught.value) + caplog.text + json.dumps(caught.value.result.to_dict())
    assert not any(line.startswith("  - b.tif") for line in str(caught.value).splitlines())
    assert all(SECRET.encode() not in path.read_bytes() for path in Path(tmp_path).glob("jobs.db*"))


def _locals(error: BaseException | None) -> Iterator[str]:
    """The local variables of all frames that reporters show, but for this module's."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                yield from (f"{frame.f_code.co_qualname}: {name} = {value!r}" for name, value in frame.f_locals.items())
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


@pytest.mark.parametrize(
    "secretive",
    [
        {"catalog": f"postgresql://user:{SECRET}@127.0.0.1:1/db"},
        {"catalog": f"host=127.0.0.1 port=1 password={SECRET}"},
        {"storage_options": {"secret": SECRET}, "container_name": "s3://no-such-bucket/x"},
        {"storage_options": {"secret": SECRET}, "blob_list": ["none.tif"]},
        {"jobs": f"unknown://user:{SECRET}@host"},
        {"jobs": f"host=h password={SECRET}"},
    ],
)
def test_frames_hold_no_secrets_in_the_clear(secretive, source, tmp_path, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(RasterCollectionError) as caught:
        process_collection(
            **{"container_name": str(source), "output_container": str(tmp_path / "out"), **RIGHT, **secretive}
        )
    found = list(_locals(caught.value))
    assert len(found) > 5
    assert [local for local in found if SECRET in local] == []


@pytest.mark.parametrize("jobs", [f"unknown://user:{SECRET}@host", f"host=h password={SECRET}", f"sqlite:{SECRET}"])
def test_frames_of_asking_for_the_status_hold_none_either(jobs):
    with pytest.raises(RasterCollectionError) as caught:
        status("abc", jobs=jobs)
    assert SECRET not in told(caught.value)
    found = list(_locals(caught.value))
    assert len(found) > 2
    assert [local for local in found if SECRET in local] == []


def test_rasters_may_be_called_by_parameters(source):
    (source / "a.tif").rename(source / "a=1;b=2.tif")
    assert plan_collection(predict=False, container_name=str(source), **{**RIGHT, "blob_list": ["a=1;b=2.tif"]})
