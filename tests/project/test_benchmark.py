"""The benchmarks run from end to end, on little."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cog_conversion.py"
FAN_IN = SCRIPT.with_name("fan_in.py")


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
    results = json.loads((tmp_path / "results.json").read_text())
    for tool in ("ours", "rio_cogeo", "rio_cogeo_8gb", "cog_driver", "same_pixels"):
        (sample,) = results["cases"]["jpeg"][tool]
        assert 0 < sample["cpu"] < 60
        assert sample["size"] > 0
        assert sample["memory"] > 0
    (floor,) = results["floors"]["jpeg"]
    assert set(floor) == {"decode", "warp", "overviews", "encode"}
    assert floor["encode"]["JPEG 85"]["seconds"] > 0
    profile = results["profiles"]["jpeg"]
    assert all(profile[part] > 0 for part in ("validation", "decode", "warp", "overviews", "encode", "comparison"))
    # what was measured is not measured again
    again = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert json.loads((tmp_path / "results.json").read_text()) == results
    assert again.stdout == done.stdout
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- results -->\n<!-- /results -->\nafter\n")
    subprocess.run(
        [sys.executable, str(SCRIPT), "--page", str(page), "--output", str(tmp_path)], check=True, timeout=60
    )
    assert page.read_text().startswith("before\n<!-- results -->\nCPU seconds a gigapixel:\n")
    assert "| RGB imagery, JPEG | **" in page.read_text()
    assert "≥" not in page.read_text()
    assert page.read_text().endswith("<!-- /results -->\nafter\n")
    other = subprocess.run([*command, "--size", "700"], capture_output=True, text=True, timeout=60, check=False)
    assert other.returncode == 2
    assert "600² pixels: give another --output" in other.stderr
    assert json.loads((tmp_path / "results.json").read_text())["size"] == 600


def _fan_in(folder: Path, *options: str, seconds: float) -> tuple[str, list[dict[str, Any]]]:
    command = [sys.executable, str(FAN_IN), "--output", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)
    return done.stdout, json.loads((folder / "fan_in.json").read_text())


@pytest.mark.skipif(not FAN_IN.exists(), reason="benchmarks are not part of an installed package")
def test_the_fan_in_is_measured_and_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- fan-in -->\n<!-- /fan-in -->\nafter\n")
    cases = ("--fan-in-cases", "static,engine", "--items", "20,40", "--page", str(page))
    said, results = _fan_in(tmp_path, *cases, seconds=120)
    assert [(result["case"], result["items"]) for result in results] == [
        ("static", 20),
        ("static", 40),
        ("engine", 20),
        ("engine", 40),
    ]
    for result in results:
        assert result["opened"] == 0
        assert 0 < result["stage_3"] < 60
        assert 0 < result["stage_4"] < 60
        assert result["before"] <= result["memory"]
    assert "whole job by the engine" in said
    assert page.read_text().startswith("before\n<!-- fan-in -->\n| case |")
    assert page.read_text().endswith("<!-- /fan-in -->\nafter\n")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not FAN_IN.exists(), reason="benchmarks are not part of an installed package")
def test_ten_thousand_items_stay_within_a_minute_and_a_gigabyte(tmp_path: Path) -> None:
    cases = ("--fan-in-cases", "static,geoparquet,engine", "--items", "10000")
    _, results = _fan_in(tmp_path, *cases, seconds=800)
    assert len(results) >= 2
    for result in results:
        assert result["opened"] == 0
        assert result["stage_3"] + result["stage_4"] < 60, result
        assert result["memory"] < 1_000_000_000, result
