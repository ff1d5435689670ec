"""Each page on a plug-in leads from an empty folder to a passing suite and a job, by its blocks alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs" / "plugins").glob("*.md"))
BLOCK = re.compile(r"^```python\n(?:# (\w+\.py)\n)?(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Names of files and their texts; what has no name is the program ``page.py``, in the order of the page."""
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        yield match[1] or "page.py", match[2]


def _run(folder: Path, *command: str) -> str:
    without = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**without, "RASTERCOLLECTION_STATE": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _files(page: Path) -> Mapping[str, str]:
    files: dict[str, str] = {}
    for name, text in _blocks(page):
        files[name] = files.get(name, "") + text + "\n"
    return files


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_from_an_empty_folder(page: Path, tmp_path: Path) -> None:
    files = _files(page)
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    suites = [name for name in files if name.startswith("test_")]
    assert suites, "a page shows how its plug-in is tested"
    told = _run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *suites)
    assert " passed" in told
    assert " failed" not in told
    _run(tmp_path, "page.py")


def test_there_is_a_page_for_each_kind_of_plug_in() -> None:
    assert {page.stem for page in PAGES} >= {"storage", "catalog", "job-store", "executor", "stage", "render"}
