"""What is measured beside conversions of one tile by one core: each returns a line of text and its samples."""

from __future__ import annotations

import filecmp
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from cog.cases import CASES
from cog.measure import Run, run, run_command
from cog.report import told
from cog.tiles import make_many, make_tile, make_wide

__all__ = ["OTHERS", "Asked", "apart"]

_BUDGET = 600_000_000
_SMALL_TILES = 100


@dataclass(frozen=True)
class Asked:
    """What was asked for: pixels along a side, of the huge tile too, rounds, and where tiles and outputs are."""

    size: int
    wide_size: int
    repeat: int
    tiles: Path
    folder: Path

    @property
    def target(self) -> str:
        return str(self.folder / "out.tif")


def apart(make: Callable[..., Any], *arguments: Any) -> Any:
    """Make tiles in a process of its own: what it takes would count as memory of all that is started afterwards."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(make, *arguments).result()


def _already(asked: Asked) -> tuple[str, Any]:
    """A source that is the COG asked for."""
    case = CASES["same_crs"]
    cog = asked.tiles / f"asked_for_{asked.size}.tif"
    source = apart(make_tile, "degrees", asked.size, asked.tiles)
    # made anew: another version of this library would ask for another COG
    run("ours", {"source": str(source), "target": str(cog), "parameters": case.ours})
    rounds = []
    for _ in range(asked.repeat):
        ours = run("ours", {"source": str(cog), "target": asked.target, "parameters": case.ours})
        assert filecmp.cmp(asked.target, cog, shallow=False)
        peer = run("rio_cogeo", {"source": str(cog), "target": asked.target, "codec": case.codec})
        rounds.append((ours, peer, run("copy_and_validate", {"source": str(cog), "target": asked.target})))
    ours, peer, least = (median(row[tool].cpu for row in rounds) for tool in range(3))
    text = (
        f"already the COG asked for: {ours:.2f} s of CPU; rio-cogeo takes {told(peer / ours, least=15)} as much; "
        f"{told(ours / least)} of a copy and validation"
    )
    return text, [[item.to_dict() for item in row] for row in rounds]


def _cores(asked: Asked) -> tuple[str, Any]:
    """One large tile, by one core and by two."""
    source = apart(make_tile, "rgb", asked.size, asked.tiles)
    runs: dict[str, list[Run]] = {"one": [], "all": []}
    for _ in range(asked.repeat):
        for name, items in runs.items():
            arguments = {"source": str(source), "target": asked.target, "parameters": CASES["rgb"].ours}
            items.append(run("ours", arguments, pinned=name == "one"))
    one, every = (median(item.wall for item in items) for items in runs.values())
    text = f"one tile by all cores against one core: {told(one / every, least=1.8)} less wall time ({every:.1f} s)"
    return text, {name: [item.to_dict() for item in items] for name, items in runs.items()}


def _wide(asked: Asked) -> tuple[str, Any]:
    """A huge tile under a memory budget, and without one."""
    tile = apart(make_tile, "rgb", asked.size, asked.tiles)
    source = apart(make_wide, tile, asked.wide_size, asked.tiles)
    base = {"source": str(source), "target": asked.target}
    runs: dict[str, list[Run]] = {"tight": [], "free": []}
    for _ in range(max(1, asked.repeat // 3)):
        for name, limits in (("tight", {"memory_budget": _BUDGET}), ("free", {})):
            runs[name].append(run("ours", {**base, "parameters": CASES["rgb"].ours | limits}, pinned=False))
    peak = max(item.memory for item in runs["tight"])
    slower = median(item.wall for item in runs["tight"]) / median(item.wall for item in runs["free"])
    free = max(item.memory for item in runs["free"])
    text = (
        f"{asked.wide_size}² RGB within {_BUDGET / 1e6:.0f} MB: peak RSS {peak / 1e6:.0f} MB"
        f"{'' if peak <= _BUDGET else ' (not met)'}, "
        f"{told(slower, most=1.3)} of the wall time without the limit, which takes {free / 1e6:.0f} MB"
    )
    return text, {name: [item.to_dict() for item in items] for name, items in runs.items()}


def _workers(asked: Asked) -> tuple[str, Any]:
    """Many tiles, by one worker and by two."""
    sources = [str(path) for path in apart(make_many, 8, min(asked.size, 4096), asked.tiles)]
    runs: dict[int, list[Run]] = {1: [], 2: []}
    for _ in range(asked.repeat):
        for workers, items in runs.items():
            parameters = CASES["rgb"].ours | {"executor": "process", "max_workers": workers}
            target = str(asked.folder / f"many_{workers}.tif")
            # a single worker would use all cores by threads: it is given one
            arguments = {"source": sources, "target": target, "parameters": parameters}
            items.append(run("ours", arguments, pinned=workers == 1))
            shutil.rmtree(Path(target).with_suffix(""), ignore_errors=True)
    ratio = median(item.wall for item in runs[1]) / median(item.wall for item in runs[2])
    text = f"8 tiles, 2 workers against 1: {told(ratio, least=1.85)} less wall time"
    return text, {str(name): [item.to_dict() for item in items] for name, items in runs.items()}


def _small(asked: Asked) -> tuple[str, Any]:
    """Small tiles in a warm process: what stage 2 takes for each."""
    script = Path(__file__).parents[1] / "small_tiles.py"
    done = run_command([sys.executable, str(script), "--tiles", str(_SMALL_TILES)], asked.target)
    cases = re.findall(r"^(.+), milliseconds .*\n(?:.*\n)*?  stage 2: ([\d.]+)", done.said, re.MULTILINE)
    told_each = [f"{case}: {value} ms (≤ 40{'' if float(value) <= 40 else ', not met'})" for case, value in cases]
    return f"CPU a tile of 512² pixels in stage 2, {', '.join(told_each)}", done.to_dict()


OTHERS: dict[str, Callable[[Asked], tuple[str, Any]]] = {
    "already": _already,
    "cores": _cores,
    "small": _small,
    "workers": _workers,
    "wide": _wide,
}
