"""A job that has ended with a tile that failed, and a process that is taken for a notebook's kernel."""

from __future__ import annotations

import sys
import types

import pytest

from notebook_scene import Screen, run_scene
from rastercollection import JobResult
from rastercollection.cli.demo import make_scene


@pytest.fixture(scope="session")
def ended(tmp_path_factory: pytest.TempPathFactory) -> JobResult:
    """Its outputs are there, and stay as they are."""
    folder = tmp_path_factory.mktemp("notebook")
    make_scene(folder / "bronze", size=192)
    return run_scene(folder)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """This process as if it was the kernel of a notebook."""
    screen = Screen()
    package, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    package.get_ipython = lambda: types.SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.display = screen.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return screen
