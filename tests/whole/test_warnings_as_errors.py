"""``python -W error``, by which people find warnings in their own code, fails no tile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from cog_scenes import write_raster

JOB = """
import sys, warnings
from rastercollection import process_collection

if __name__ == "__main__":
    for executor in ("serial", "thread", "process"):
        result = process_collection(
            container_name=sys.argv[1], blob_list=["*.tif"], collection_id="c", target_crs="EPSG:3857", jobs="memory",
            output_container=f"{sys.argv[1]}/{executor}", executor=executor, max_workers=2,
        )
        print(executor, result.status, *(tile.code or "ok" for tile in result.tiles))
    try:
        warnings.warn("of the program itself")
    except UserWarning:
        print("raised")
"""


def test_a_job_of_a_program_that_raises_warnings(tmp_path: Path) -> None:
    heights = np.random.default_rng(0).random((1, 100, 100), "float32")
    heights[:, :40] = np.nan
    write_raster(tmp_path / "heights.tif", heights)
    script = tmp_path / "job.py"
    script.write_text(JOB)
    command = [sys.executable, "-W", "error", str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    lines = [f"{executor} completed ok" for executor in ("serial", "thread", "process")]
    assert (done.stdout.splitlines(), done.stderr) == ([*lines, "raised"], "")
