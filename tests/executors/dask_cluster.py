"""A real Dask cluster for the tests, or the reason why there is none."""

from __future__ import annotations

import importlib.util
import os

import pytest

HINT = "distributed is not installed; pip install 'rastercollection[dask]'"


def require_distributed() -> None:
    """Skip the module where Dask is missing; fail where the whole suite is demanded."""
    if importlib.util.find_spec("distributed") is not None:
        return
    if os.environ.get("RASTERCOLLECTION_REQUIRE_SERVICES") == "1":
        pytest.fail(HINT, pytrace=False)
    pytest.skip(HINT, allow_module_level=True)
