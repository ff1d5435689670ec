"""Results beside what was hoped for, for a terminal."""

from __future__ import annotations

from statistics import median
from typing import Any

from cog.cases import CASES, PEERS
from cog.profile_parts import PARTS

__all__ = ["floor_of", "lines", "middle", "peers_of", "ratios", "told"]

_COLUMNS = {
    "rio_cogeo": "rio-cogeo / ours",
    "rio_cogeo_8gb": "on 8 GB",
    "gdalwarp": "tuned gdalwarp / ours",
    "gdalwarp_8gb": "on 8 GB",
    "cog_driver": "COG driver / ours",
    "cog_driver_8gb": "on 8 GB",
    "floor": "ours / floor",
    "size": "size, same pixels",
    "size_as_it_comes": "size, as it comes",
}


def middle(samples: list[dict[str, Any]], name: str = "cpu") -> float:
    """The median of one figure of all rounds."""
    return median(sample[name] for sample in samples)


def peers_of(results: dict[str, Any], name: str) -> dict[str, list[dict[str, Any]]]:
    """Samples of the peers that a case is compared with."""
    found = results["cases"].get(CASES[name].beside or name, {})
    return {peer: found[peer] for peer in PEERS if found.get(peer)}


def floor_of(results: dict[str, Any], name: str) -> dict[str, float]:
    """CPU seconds of each necessary part; empty where none was measured."""
    case = CASES[name]
    samples = results.get("floors", {}).get(case.beside or name, [])
    found = [sample for sample in samples if case.encoder in sample["encode"]]
    if not found:
        return {}
    parts = {part: median(sample[part] for sample in found) for part in found[0] if part != "encode"}
    return {**parts, "encode": median(sample["encode"][case.encoder]["seconds"] for sample in found)}


def ratios(results: dict[str, Any], name: str) -> dict[str, float]:
    """CPU of each peer to ours, of ours to the floor, and sizes."""
    ours, peers = results["cases"][name]["ours"], peers_of(results, name)
    found = {peer: middle(samples) / middle(ours) for peer, samples in peers.items()}
    if floor := floor_of(results, name):
        found["floor"] = middle(ours) / sum(floor.values())
    for column, peer in (("size", "same_pixels"), ("size_as_it_comes", "rio_cogeo")):
        if peer in peers:
            found[column] = middle(ours, "size") / middle(peers[peer], "size")
    return found


def told(value: float, *, least: float | None = None, most: float | None = None) -> str:
    """A ratio, the goal for it, and whether that was not met."""
    text = f"{value:.3f}×" if 0.9 < value < 1.1 else f"{value:.2f}×"
    if least is not None:
        return f"{text} (≥ {least}{'' if value >= least else ', not met'})"
    return text if most is None else f"{text} (≤ {most}{'' if value <= most else ', not met'})"


def _cell(results: dict[str, Any], name: str, column: str) -> str:
    found, goal = ratios(results, name), getattr(CASES[name].goals, column, None)
    if column not in found:
        return "–"
    text = told(found[column], **{"most" if column in ("floor", "size") else "least": goal})
    rounds = len(peers_of(results, name).get(column, ()))
    return f"{text} *" if rounds == 1 < len(results["cases"][name]["ours"]) else text


def lines(results: dict[str, Any]) -> list[str]:
    """The table, all other figures, and of each case with a goal that is not met, where its time goes."""
    measured = [name for name in CASES if results["cases"].get(name, {}).get("ours")]
    found: list[str] = []
    if measured:
        head = ("case", "CPU", "CPU / gigapixel", *_COLUMNS.values(), "file", "peak RSS")
        rows = [head, *(_row(results, name) for name in measured)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        found += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        found += ["* one round only: a slow peer", ""]
    found += [f"{key}: {entry['text']}" for key, entry in results.get("others", {}).items()]
    for name in measured:
        if name in results.get("profiles", {}) and any("not met" in cell for cell in _row(results, name)):
            found += ["", *_profile(results, name)]
    return found


def _row(results: dict[str, Any], name: str) -> tuple[str, ...]:
    ours = results["cases"][name]["ours"]
    return (
        CASES[name].title,
        f"{middle(ours):.1f} s",
        f"{middle(ours) / results['size'] ** 2 * 1e9:.0f} s",
        *(_cell(results, name, column) for column in _COLUMNS),
        f"{middle(ours, 'size') / 1e6:.1f} MB",
        f"{middle(ours, 'memory') / 1e6:.0f} MB",
    )


def _profile(results: dict[str, Any], name: str) -> list[str]:
    """Where the time of one profiled run goes, beside the floor."""
    spent, floor = results["profiles"][name], floor_of(results, name)
    parts = ", ".join(
        f"{part} {spent[part]:.2f}{f' ({floor[part]:.2f})' if part in floor else ''}"
        for part in PARTS
        if spent.get(part, 0) > 0.005 or part in floor
    )
    by = {sample["encode"][CASES[name].encoder]["by"] for sample in _floors(results, name)}
    return [
        f"{CASES[name].title}: CPU seconds by part (the floor's), its encoder {', '.join(sorted(by))}",
        f"  {parts}",
    ]


def _floors(results: dict[str, Any], name: str) -> list[dict[str, Any]]:
    case = CASES[name]
    samples = results.get("floors", {}).get(case.beside or name, [])
    return [sample for sample in samples if case.encoder in sample["encode"]]
