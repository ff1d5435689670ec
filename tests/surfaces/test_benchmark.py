"""The benchmark runs from end to end, on a small tile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cog_conversion.py"


@pytest.mark.skipif(not SCRIPT.exists(), reason="benchmarks are not part of an installed package")
def test_a_case_is_measured_and_told(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(SCRIPT),
        "--size",
        "600",
        "--repeat",
        "1",
        "--cases",
        "jpeg",
        "--output",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "RGB, JPEG 85" in done.stdout
    case = json.loads((tmp_path / "results.json").read_text())["cases"]["jpeg"]
    for tool in ("ours", "rio_cogeo", "cog_driver"):
        (sample,) = case["samples"][tool]
        assert 0 < sample["cpu"] < 60
        assert sample["size"] > 0
        assert sample["memory"] > 0
    (floor,) = case["floor"]
    assert set(floor) == {"decode", "warp", "overviews", "encode"}
    profile = json.loads((tmp_path / "results.json").read_text())["profiles"]["jpeg"]
    assert all(profile[part] > 0 for part in ("decode", "warp", "overviews", "encode", "receipt"))
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results -->\n<!-- /results -->\nafter\n")
    subprocess.run(
        [sys.executable, str(SCRIPT), "--page", str(page), "--output", str(tmp_path)], check=True, timeout=60
    )
    assert page.read_text().startswith("before\n<!-- results -->\nMeasured on: ")
    assert "| RGB, JPEG 85 |" in page.read_text()
    assert "| receipt | " in page.read_text()
    assert page.read_text().endswith("<!-- /results -->\nafter\n")
    other = subprocess.run([*command, "--size", "700"], capture_output=True, text=True, timeout=60, check=False)
    assert other.returncode == 2
    assert "600² pixels: give another --output" in other.stderr
    assert json.loads((tmp_path / "results.json").read_text())["size"] == 600
