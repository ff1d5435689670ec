"""What users get: the wheel holds all that has to go with the code."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of the licence's text as the Apache Software Foundation publishes it."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def _metadata(wheel: zipfile.ZipFile, name: str) -> bytes:
    (found,) = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(found)


def test_it_holds_the_whole_licence_and_that_of_leaflet(wheel: zipfile.ZipFile) -> None:
    assert hashlib.sha256(_metadata(wheel, "licenses/LICENSE")).hexdigest() == APACHE_2
    leaflet = "rastercollection/viewer/static/leaflet/LICENSE"
    assert b"BSD 2-Clause" in _metadata(wheel, f"licenses/src/{leaflet}")
    assert leaflet in wheel.namelist()


def test_it_holds_the_names_for_type_checkers(wheel: zipfile.ZipFile) -> None:
    assert {"rastercollection/__init__.pyi", "rastercollection/py.typed"} <= set(wheel.namelist())


def test_it_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    package = ROOT / "src" / "rastercollection"
    files = (path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.relative_to(package.parent).as_posix() for path in files} <= set(wheel.namelist())
