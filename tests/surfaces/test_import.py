"""``import rastercollection`` is cheap: nothing heavy is loaded before there is work for it."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

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


def test_help_is_shown_without_loading_anything_heavy() -> None:
    ask = "from rastercollection.cli.main import main\nassert main(['run', '--help']) == 0"
    _, modules = _probe(PROBE.replace("import rastercollection", ask))
    assert not modules & HEAVY
