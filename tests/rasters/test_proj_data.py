"""PROJ's data of another program, named in the environment: the job works in spite of them, or says what is wrong."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.env import PROJDataFinder

from covering import every_value
from validation_scenes import write

JOB = """
import json, sys
from rastercollection import RasterCollectionError, process_collection
{before}
try:
    job = process_collection(container_name={source!r}, blob_list=["*.tif"], collection_id="c", target_crs="EPSG:3857",
                             output_container={output!r}, executor={executor!r}, jobs="memory", max_workers=1)
except RasterCollectionError as error:
    job = error.result
codes = [notice.code for tile in job.tiles for notice in tile.notices]
messages = [notice.message for tile in job.tiles for notice in tile.notices if notice.code == "PROJ_DATA_IGNORED"]
tiles = [[str(tile.code), tile.reason, tile.hint] for tile in job.tiles]
print(json.dumps([str(job.status), tiles, codes, messages[:1]]))
"""
WITHOUT_OWN = "from rasterio.env import PROJDataFinder; PROJDataFinder.search_wheel = lambda self: None"


@pytest.fixture
def foreign(tmp_path):
    """A folder of data as another version of PROJ has it."""
    own = PROJDataFinder().search_wheel()
    if own is None:
        pytest.skip("rasterio's package brings no data of its own")
    folder = tmp_path / "foreign"
    folder.mkdir()
    shutil.copy(Path(own) / "proj.db", folder)
    with contextlib.closing(sqlite3.connect(folder / "proj.db")) as database, database:
        database.execute("UPDATE metadata SET value='2' WHERE key='DATABASE.LAYOUT.VERSION.MINOR'")
    return folder


def run(tmp_path, variables, executor="serial", before=""):
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    write(source / "a.tif", np.arange(90_000, dtype="int16").reshape(300, 300))
    code = JOB.format(source=str(source), output=str(tmp_path / "out"), executor=executor, before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, timeout=300
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("executor", "variable"), every_value(["serial", "thread", "process"], ["PROJ_LIB", "PROJ_DATA"])
)
def test_data_of_another_proj_are_not_used_and_the_notice_says_so(tmp_path, foreign, variable, executor):
    status, tiles, codes, messages = run(tmp_path, {variable: str(foreign)}, executor)
    assert status == "completed", tiles
    assert codes.count("PROJ_DATA_IGNORED") == 1
    assert f"{variable}={foreign}" in messages[0]
    assert "DATABASE.LAYOUT.VERSION.MINOR" in messages[0], "PROJ's own sentence"


def test_without_other_data_the_cause_is_passed_on_and_no_file_is_blamed(tmp_path, foreign):
    status, [[code, reason, hint]], _, _ = run(tmp_path, {"PROJ_DATA": str(foreign)}, before=WITHOUT_OWN)
    assert (status, code) == ("failed", "PROJ_DATA_UNUSABLE")
    assert f"PROJ_DATA={foreign}" in reason
    assert "DATABASE.LAYOUT.VERSION.MINOR" in reason
    assert "PROJ_DATA" in hint
    assert "input_crs" not in reason + hint


def test_data_that_gdal_can_use_are_left_alone(tmp_path):
    own = PROJDataFinder().search_wheel() or rasterio.env.PROJDataFinder().search()
    status, _, codes, _ = run(tmp_path, {"PROJ_DATA": str(own)})
    assert status == "completed"
    assert "PROJ_DATA_IGNORED" not in codes
