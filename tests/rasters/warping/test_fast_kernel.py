"""Where numba's cache has no place, and where numba is not."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from rastercollection.rasters.warping import fast_kernel

pytest.importorskip("numba")

_LOAD = """
import numpy as np
from rastercollection.rasters.warping.fast_kernel import KernelsUnavailableError, is_installed, load
try:
    load("cubic", np.dtype("uint8"))
    print(is_installed(), "loaded")
except KernelsUnavailableError as error:
    print(is_installed(), error)
"""
_WITHOUT_NUMBA = "import sys; sys.modules['numba'] = None"


def python(code: str, **environment: str) -> str:
    given = {**os.environ, **environment}
    done = subprocess.run([sys.executable, "-c", code], env=given, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_where_numba_finds_no_place_for_its_cache_kernels_are_unavailable() -> None:
    code = "from numba.core import caching; caching.CompileResultCacheImpl._locator_classes = []"
    assert python(f"{code}\n{_LOAD}").startswith("True RuntimeError: cannot cache function")


def test_without_numba_nothing_is_loaded() -> None:
    assert python(f"{_WITHOUT_NUMBA}\n{_LOAD}").startswith("False ModuleNotFoundError")


def test_numba_is_not_imported_before_a_kernel_is_asked_for() -> None:
    code = "import rastercollection.stages.cog.warp, sys; print('numba' in sys.modules)"
    assert python(code) == "False"


def test_kernels_are_compiled_once_and_kept_for_other_processes() -> None:
    function = fast_kernel.load("nearest", np.dtype("uint8")).function
    assert fast_kernel.load("cubic", np.dtype("uint8")).function is function
    code = f"""{_LOAD}
from rastercollection.rasters.warping.fast_kernel import _function
stats = _function("uint8").stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""
    assert python(code).splitlines() == ["True loaded", "1 0"]
