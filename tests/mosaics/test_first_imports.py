"""Whoever imports first: threads of one process may ask for the same packages at the same moment."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import importlib, sys, threading
from rastercollection.mosaics import mosaicjson

sys.setswitchinterval(1e-6)
first = threading.Thread(target=importlib.import_module, args=("rasterio",))
first.start()
while "rasterio.crs" not in sys.modules:
    pass
print(mosaicjson._mosaicjson().__name__)
first.join()
"""


@pytest.mark.parametrize("trial", range(3))
def test_a_mosaic_is_made_while_another_thread_imports_rasterio(trial: int) -> None:
    made = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120)
    assert (made.stdout.strip(), made.returncode) == ("MosaicJSON", 0), made.stderr
