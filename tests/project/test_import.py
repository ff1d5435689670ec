"""``import rastercollection`` is cheap: nothing heavy is loaded before there is work for it."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rastercollection
from cog_scenes import write_raster
from rastercollection import errors

PROBE = """
import json, sys, time
began = time.perf_counter()
import rastercollection
seconds = time.perf_counter() - began
print(json.dumps([seconds, sorted({name.partition(".")[0] for name in sys.modules})]))
"""
HEAVY = {
    "adlfs",
    "cogeo_mosaic",
    "dask",
    "distributed",
    "fsspec",
    "numpy",
    "osgeo",
    "psycopg",
    "pypgstac",
    "pyproj",
    "pystac",
    "rasterio",
    "rich",
    "rio_cogeo",
    "shapely",
}


FIRST_JOB = """
import json, logging, sys, time
from concurrent.futures import ThreadPoolExecutor
from rastercollection import process_collection

def root():
    return logging.root.level, list(logging.root.handlers), list(logging.root.filters), logging.root.disabled

class Pool(ThreadPoolExecutor):
    def submit(self, *work, **more):
        began.append(time.process_time())
        return super().submit(*work, **more)

began, before = [], root()
folder = sys.argv[1]
with Pool(1) as pool:
    result = process_collection(
        container_name=folder, blob_list=["tile.tif"], collection_id="first", output_container=f"{folder}/out",
        executor=pool, jobs="memory",
    )
assert result.status == "completed", result
print(json.dumps([began[0], before == root(), sorted({name.partition(".")[0] for name in sys.modules})]))
"""
"""All stages, with whatever they import; CPU seconds of the process before the first task, and the root logger."""


def _first_job(folder: Path) -> tuple[float, bool, set[str]]:
    done = subprocess.run([sys.executable, "-c", FIRST_JOB, str(folder)], capture_output=True, text=True, check=True)
    seconds, same, modules = json.loads(done.stdout.splitlines()[-1])
    return seconds, same, set(modules)


def _probe(code: str) -> tuple[float, set[str]]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, modules = json.loads(done.stdout.splitlines()[-1])
    return seconds, set(modules)


def test_import_loads_nothing_heavy() -> None:
    _, modules = _probe(PROBE)
    assert "rastercollection" in modules
    assert not modules & HEAVY


def test_no_public_name_loads_anything_heavy_either() -> None:
    names = "import rastercollection\nassert all(getattr(rastercollection, name) for name in rastercollection.__all__)"
    _, modules = _probe(PROBE.replace("import rastercollection", names))
    assert not modules & HEAVY


def test_import_takes_less_than_a_fifth_of_a_second() -> None:
    assert statistics.median(_probe(PROBE)[0] for _ in range(7)) < 0.2


def test_a_first_job_begins_soon_and_leaves_the_root_logger_alone(tmp_path: Path) -> None:
    write_raster(tmp_path / "tile.tif", np.ones((1, 300, 300), np.uint8))
    found = [_first_job(tmp_path) for _ in range(3)]
    assert min(seconds for seconds, _, _ in found) < 0.8
    assert all(same for _, same, _ in found)
    assert all("cogeo_mosaic" in modules for _, _, modules in found), "it is the one that changes it"


def test_help_is_shown_without_loading_anything_heavy() -> None:
    ask = "from rastercollection.cli.main import main\nassert main(['run', '--help']) == 0"
    _, modules = _probe(PROBE.replace("import rastercollection", ask))
    assert not modules & HEAVY


def test_public_names_are_those_that_type_checkers_see() -> None:
    stub = ast.parse(Path(rastercollection.__file__).with_suffix(".pyi").read_text())
    aliases = [alias for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    # what a stub imports without an alias is its own, not the package's
    assert [alias.name for alias in aliases] == [alias.asname for alias in aliases]
    assert rastercollection.__all__ == sorted(alias.name for alias in aliases)
    assert set(rastercollection.__all__) <= set(dir(rastercollection))


def test_public_names_are_imported_by_any_way_of_importing_them() -> None:
    found: dict[str, object] = {}
    exec("from rastercollection import *", found)
    assert set(rastercollection.__all__) <= set(found)
    assert found["RasterCollectionError"] is errors.RasterCollectionError
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rastercollection.no_such_name
