"""Converting tiles into COGs: CPU and wall time against rio-cogeo, GDAL's COG driver, gdalwarp and the floor.

``python benchmarks/cog_conversion.py --help`` tells what can be chosen. Results are kept after every case, so that a
run can be stopped, and one for other cases adds to them.
"""

from __future__ import annotations

import argparse
import filecmp
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cog.cases import CASES
from cog.measure import Run, run, run_command
from cog.report import PEERS, chart, lines, put_into, told
from cog.tiles import make_many, make_tile, make_wide
from cog.tools import gdalwarp_command

OTHERS = ("already", "wide", "workers")
BUDGET = 600_000_000


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    usual = [*(name for name, case in CASES.items() if not case.beside), "already", "workers"]
    known = ", ".join([*CASES, *OTHERS])
    parser.add_argument("--cases", default=",".join(usual), help=f"of {known}")
    parser.add_argument("--size", type=int, default=8192, help="pixels along a side")
    parser.add_argument("--wide-size", type=int, default=30_000, help="of the tile for the memory budget")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are told; 0 only profiles")
    parser.add_argument(
        "--output", type=Path, default=Path("benchmark-results"), help="folder for results.json and the chart"
    )
    parser.add_argument("--page", type=Path, help="only put the results into this page")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    stored = given.output / "results.json"
    results = json.loads(stored.read_text()) if stored.exists() else {"cases": {}, "others": {}, "raw": {}}
    if not given.page:
        if results.get("size", given.size) != given.size:
            parser.error(f"{stored} is about tiles of {results['size']}² pixels: give another --output")
        if not shutil.which("gdalwarp"):
            print("gdalwarp is not installed: left out")
        results |= {"machine": _machine(), "size": given.size}
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            for name in given.cases.split(","):
                _measure(name, given, Path(folder), results)
                stored.write_text(json.dumps(results, indent=1))
                print(*lines(results), sep="\n", flush=True)
        if not chart(results, given.output / "chart"):
            print("no chart: matplotlib is not installed")
    else:
        put_into(given.page, results)


def _measure(name: str, given: argparse.Namespace, folder: Path, results: dict[str, Any]) -> None:
    tiles = given.output / "tiles"
    tiles.mkdir(exist_ok=True)
    if name in CASES:
        source = _apart(make_tile, CASES[name].tile, given.size, tiles)
        if given.repeat:
            results["cases"] |= _cases(name, source, folder, given.repeat)
        results.setdefault("profiles", {}).update(_profiles(name, source, folder))
    elif given.repeat:
        measure = {"already": _already, "wide": _wide, "workers": _workers}[name]
        text, raw = measure(given, tiles, folder)
        results["others"][name], results["raw"][name] = text, raw


def _apart(make: Callable[..., Any], *arguments: Any) -> Any:
    """Make tiles in a process of its own: what it takes would count as memory of all that is started afterwards."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(make, *arguments).result()


def _cases(first: str, source: Path, folder: Path, repeat: int) -> dict[str, Any]:
    """Rounds of all tools, one after the other, so that whatever else the machine does meets them alike."""
    together = _together(first)
    peers: dict[str, list[Any]] = {peer: [] for peer in PEERS if peer != "gdalwarp" or shutil.which("gdalwarp")}
    ours: dict[str, list[Any]] = {name: [] for name in together}
    floors: dict[str, list[Any]] = {name: [] for name in together}
    base = {"source": str(source), "target": str(folder / "out.tif")}
    for _ in range(repeat):
        for peer, samples in peers.items():
            samples.append(_peer(peer, {**base, "codec": CASES[first].codec}).to_dict())
            _check(peer, base["target"])
        for name in together:
            case = CASES[name]
            ours[name].append(run("ours", {**base, "parameters": case.ours}).to_dict())
            _check("ours", base["target"])
            if case.goals.floor is not None:
                done = run("floor", {**base, "codec": case.floor_codec or case.codec, "warps": case.warps})
                floors[name].append(json.loads(done.said))
    return {name: {"samples": {"ours": ours[name], **peers}, "floor": floors[name]} for name in together}


def _together(first: str) -> list[str]:
    return [first, *(name for name, case in CASES.items() if case.beside == first)]


def _profiles(first: str, source: Path, folder: Path) -> dict[str, dict[str, float]]:
    """Where the time goes, once each."""
    target = str(folder / "out.tif")
    return {
        name: json.loads(run("profile", {"source": str(source), "target": target, "parameters": CASES[name].ours}).said)
        for name in _together(first)
    }


def _peer(name: str, arguments: dict[str, Any]) -> Run:
    return (
        run_command(gdalwarp_command(**arguments), arguments["target"]) if name == "gdalwarp" else run(name, arguments)
    )


def _check(tool: str, target: str) -> None:
    """Nobody is measured on a failed output."""
    import rasterio

    with rasterio.open(target) as cog:
        assert cog.crs.to_epsg() == 4326, tool
        assert cog.block_shapes[0] == (512, 512), tool
        assert max(cog.shape) <= 512 or cog.overviews(1), tool


def _already(given: argparse.Namespace, tiles: Path, folder: Path) -> tuple[str, Any]:
    """A source that is the COG asked for."""
    case = CASES["same_crs"]
    cog = tiles / f"asked_for_{given.size}.tif"
    if not cog.exists():
        run(
            "ours",
            {
                "source": str(_apart(make_tile, "degrees", given.size, tiles)),
                "target": str(cog),
                "parameters": case.ours,
            },
        )
    target, rounds = str(folder / "out.tif"), []
    for _ in range(given.repeat):
        ours = run("ours", {"source": str(cog), "target": target, "parameters": case.ours})
        assert filecmp.cmp(target, cog, shallow=False)
        peer = run("rio_cogeo", {"source": str(cog), "target": target, "codec": case.codec})
        rounds.append((ours, peer, run("copy_and_validate", {"source": str(cog), "target": target})))
    ours, peer, least = (median(row[tool].cpu for row in rounds) for tool in range(3))
    text = (
        f"already the COG asked for: {ours:.2f} s of CPU; rio-cogeo takes {told(peer / ours, least=20)} as much; "
        f"{told(ours / least, most=1.5)} of a copy and validation"
    )
    return text, [[item.to_dict() for item in row] for row in rounds]


def _wide(given: argparse.Namespace, tiles: Path, folder: Path) -> tuple[str, Any]:
    """A huge tile under a memory budget, and without one."""
    source = _apart(make_wide, _apart(make_tile, "rgb", given.size, tiles), given.wide_size, tiles)
    base = {"source": str(source), "target": str(folder / "out.tif")}
    runs: dict[str, list[Run]] = {"tight": [], "free": []}
    for _ in range(max(1, given.repeat // 3)):
        for name, limits in (("tight", {"memory_budget": BUDGET}), ("free", {})):
            runs[name].append(run("ours", {**base, "parameters": CASES["rgb"].ours | limits}, pinned=False))
    peak = max(item.memory for item in runs["tight"])
    slower = median(item.wall for item in runs["tight"]) / median(item.wall for item in runs["free"])
    free = max(item.memory for item in runs["free"])
    text = (
        f"{given.wide_size}² RGB within {BUDGET / 1e6:.0f} MB: peak RSS {peak / 1e6:.0f} MB"
        f"{'' if peak <= BUDGET else ' (not met)'}, "
        f"{told(slower, most=1.3)} of the wall time without the limit, which takes {free / 1e6:.0f} MB"
    )
    return text, {name: [item.to_dict() for item in items] for name, items in runs.items()}


def _workers(given: argparse.Namespace, tiles: Path, folder: Path) -> tuple[str, Any]:
    """Many tiles, by one worker and by two."""
    sources = [str(path) for path in _apart(make_many, 8, min(given.size, 4096), tiles)]
    runs: dict[int, list[Run]] = {1: [], 2: []}
    for _ in range(given.repeat):
        for workers, items in runs.items():
            parameters = CASES["rgb"].ours | {"executor": "process", "max_workers": workers}
            target = str(folder / f"many_{workers}.tif")
            # a single worker would use all cores by threads: it is given one
            arguments = {"source": sources, "target": target, "parameters": parameters}
            items.append(run("ours", arguments, pinned=workers == 1))
            shutil.rmtree(Path(target).with_suffix(""), ignore_errors=True)
    ratio = median(item.wall for item in runs[1]) / median(item.wall for item in runs[2])
    text = f"8 tiles, 2 workers against 1: {told(ratio, least=1.85)} less wall time"
    return text, {str(name): [item.to_dict() for item in items] for name, items in runs.items()}


def _machine() -> dict[str, str]:
    import rasterio

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    facts = {"RAM": f"{memory / 2**30:.0f} GiB", "Python": platform.python_version(), "GDAL": rasterio.__gdal_version__}
    facts |= {name: importlib.metadata.version(name) for name in ("rasterio", "rio-cogeo", "rastercollection")}
    try:
        models = [
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ]
        facts["CPU"] = f"{models[0]}, {os.cpu_count()} cores"
    except (OSError, IndexError):
        facts["CPU"] = platform.processor()
    if shutil.which("gdalwarp"):
        said = subprocess.run(["gdalwarp", "--version"], capture_output=True, text=True, check=True).stdout
        facts["gdalwarp"] = said.split(",")[0].removeprefix("GDAL ")
    return facts


if __name__ == "__main__":
    main()
