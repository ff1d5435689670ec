"""GDAL as the system has it, in processes of its own: of another version than the one inside rasterio's wheel."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

INSTALL = "apt-get install gdal-bin python3-gdal"
READER = Path(__file__).parents[1] / "clients" / "gdal_reader.py"

Question = tuple[str, Sequence[tuple[float, float]]]
"""A raster and places in its own CRS."""


@attrs.frozen
class SystemGdal:
    """An interpreter that has GDAL's Python package, and the package's version."""

    python: str
    version: str

    def read(self, questions: Sequence[Question]) -> list[dict[str, Any]]:
        """What it sees of each raster, see ``clients/gdal_reader.py``; a refusal is an error."""
        answers: list[dict[str, Any]] = _ask(self.python, questions)["answers"]
        for (address, _), answer in zip(questions, answers, strict=True):
            assert "error" not in answer, f"GDAL {self.version} on {address}: {answer['error']}"
        return answers


def system_gdal() -> SystemGdal | None:
    """None where programs or package are not installed."""
    python = "/usr/bin/python3"
    if shutil.which("gdalinfo") is None or not Path(python).exists():
        return None
    try:
        return SystemGdal(python, _ask(python, [])["version"])
    except subprocess.CalledProcessError:
        return None


def _ask(python: str, questions: Sequence[Question]) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-I", str(READER)],
        input=json.dumps(questions),
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
