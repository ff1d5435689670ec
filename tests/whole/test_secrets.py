"""Secrets planted in every parameter and in files: they are in no message, log, event, record, document or frame."""

from __future__ import annotations

import json
import logging
import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio

from rastercollection import RasterCollectionError, RequestError, plan_collection, process_collection
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
    with sqlite3.connect(tmp_path / "jobs.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and source not in path.parents]
    assert len(written) > 5
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


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
        {"catalog": f"host=127.0.0.1 port=1 password={SECRET}"},  # no address: it would become a folder
        {"storage_options": {"secret": SECRET}, "container_name": "s3://no-such-bucket/x"},
        {"storage_options": {"secret": SECRET}, "blob_list": ["none.tif"]},
        {"jobs": f"unknown://user:{SECRET}@host"},
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
