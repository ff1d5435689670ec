"""Converting tiles into COGs: CPU and wall time against rio-cogeo, GDAL's COG driver, gdalwarp and the floor.

``python benchmarks/cog_conversion.py --help`` tells what can be chosen. Results are kept after every sample: a run that
was stopped goes on where it was, and one for other cases adds to them. ``--again`` measures anew.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from cog.cases import CASES, PEERS, together
from cog.others import OTHERS, Asked, apart
from cog.page import chart, put_into
from cog.report import lines
from cog.rounds import Rounds
from cog.tiles import make_tile

_USUAL = [*(name for name, case in CASES.items() if not case.beside), "already", "cores", "small"]


def main() -> None:
    """Measure what was asked for."""
    parser = _parser()
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    stored = given.output / "results.json"
    results: dict[str, Any] = json.loads(stored.read_text()) if stored.exists() else {"cases": {}, "others": {}}
    if given.page:
        put_into(given.page, results)
        if (images := given.page.parent / "images").is_dir():
            chart(results, images / "benchmark")
        return
    if results.get("size", given.size) != given.size:
        parser.error(f"{stored} is about tiles of {results['size']}² pixels: give another --output")
    if not shutil.which("gdalwarp"):
        print("gdalwarp is not installed: left out")
    results |= {"machine": _machine(), "size": given.size}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for name in given.cases.split(","):
            if given.again:
                _forget(name, results)
            _measure(name, given, Path(folder), results)
            print(f"{name}: done", flush=True)
    said = "\n".join(lines(results))
    print(said)
    (given.output / "results.txt").write_text(f"{said}\n", "utf-8")
    if not chart(results, given.output / "chart"):
        print("no chart: matplotlib is not installed")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    known = ", ".join([*(name for name, case in CASES.items() if not case.beside), *OTHERS])
    parser.add_argument("--cases", default=",".join(_USUAL), help=f"of {known}")
    parser.add_argument("--size", type=int, default=8192, help="pixels along a side")
    parser.add_argument("--wide-size", type=int, default=30_000, help="of the tile for the memory budget")
    parser.add_argument("--repeat", type=int, default=3, help="rounds; medians are told; 0 only profiles")
    parser.add_argument("--patience", type=float, default=25, help="CPU seconds after which a peer has no second round")
    parser.add_argument("--thorough", action="store_true", help="all peers, slow ones as often as others: hours")
    parser.add_argument("--without", default="", help=f"peers to leave out, of {', '.join(PEERS)}")
    parser.add_argument("--again", action="store_true", help="measure these cases anew")
    output = {"type": Path, "default": Path("benchmark-results")}
    parser.add_argument("--output", **output, help="folder for results.json and the chart")
    parser.add_argument("--page", type=Path, help="only put the results into this page, and the chart beside it")
    return parser


def _forget(name: str, results: dict[str, Any]) -> None:
    for case in together(name) if name in CASES else (name,):
        for kind in ("cases", "floors", "profiles", "others"):
            results.get(kind, {}).pop(case, None)


def _measure(name: str, given: argparse.Namespace, folder: Path, results: dict[str, Any]) -> None:
    tiles, stored = given.output / "tiles", given.output / "results.json"
    tiles.mkdir(exist_ok=True)

    def store() -> None:
        partial = stored.with_suffix(".part")
        partial.write_text(json.dumps(results, indent=1))
        partial.replace(stored)

    if name in CASES:
        source = apart(make_tile, CASES[name].tile, given.size, tiles)
        how = {"repeat": given.repeat, "patience": given.patience, "thorough": given.thorough}
        how["without"] = given.without.split(",")
        Rounds(results, store, folder, **how).measure(name, source)
    elif given.repeat and name not in results["others"]:
        asked = Asked(given.size, given.wide_size, given.repeat, tiles, folder)
        text, samples = OTHERS[name](asked)
        results["others"][name] = {"text": text, "samples": samples}
    store()


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
