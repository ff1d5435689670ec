"""Results as a table, as Markdown and as a chart."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

from cog.cases import CASES
from cog.profile_parts import PARTS

__all__ = ["chart", "lines", "markdown", "put_into", "told"]

PEERS = {"rio_cogeo": "rio-cogeo", "cog_driver": "COG driver", "gdalwarp": "tuned gdalwarp"}
_MARKS = ("<!-- results -->", "<!-- /results -->")


def _median(samples: list[dict[str, Any]], name: str = "cpu") -> float:
    return median(sample[name] for sample in samples)


def ratios(result: dict[str, Any]) -> dict[str, float]:
    """CPU of each peer to ours, of ours to the floor, and sizes."""
    ours = result["samples"]["ours"]
    found = {peer: _median(result["samples"][peer]) / _median(ours) for peer in PEERS if result["samples"].get(peer)}
    if result.get("floor"):
        found["floor"] = _median(ours) / sum(median(part.values()) for part in _parts(result))
    if result["samples"].get("rio_cogeo"):
        found["size"] = _median(ours, "size") / _median(result["samples"]["rio_cogeo"], "size")
    return found


def _parts(result: dict[str, Any]) -> list[dict[int, float]]:
    names = result["floor"][0]
    return [{number: sample[name] for number, sample in enumerate(result["floor"])} for name in names]


def _goals(name: str) -> dict[str, float | None]:
    goals = CASES[name].goals
    return {"rio_cogeo": goals.rio_cogeo, "gdalwarp": goals.gdalwarp, "floor": goals.floor, "size": goals.size}


def told(value: float, *, least: float | None = None, most: float | None = None) -> str:
    """A ratio, the goal for it, and whether that was not met."""
    text = f"{value:.3f}×" if 0.9 < value < 1.1 else f"{value:.2f}×"
    if least is not None:
        return f"{text} (≥ {least}{'' if value >= least else ', not met'})"
    return text if most is None else f"{text} (≤ {most}{'' if value <= most else ', not met'})"


def _cell(found: dict[str, float], goals: dict[str, float | None], name: str) -> str:
    if name not in found:
        return "–"
    limit = "most" if name in ("floor", "size") else "least"
    return told(found[name], **{limit: goals.get(name)})


def _rows(results: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    for name in CASES:
        if name not in results["cases"]:
            continue
        result = results["cases"][name]
        found, goals = ratios(result), _goals(name)
        ours = result["samples"]["ours"]
        rows.append(
            (
                CASES[name].title,
                f"{_median(ours):.1f} s",
                *(_cell(found, goals, peer) for peer in PEERS),
                _cell(found, goals, "floor"),
                _cell(found, goals, "size"),
                f"{_median(ours, 'memory') / 1e6:.0f} MB",
            )
        )
    return rows


_HEAD = ("case", "CPU", *(f"{peer} / ours" for peer in PEERS.values()), "ours / floor", "size to rio-cogeo", "peak RSS")


def lines(results: dict[str, Any]) -> list[str]:
    """For a terminal."""
    rows = [_HEAD, *_rows(results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [*table, *(f"{key}: {text}" for key, text in results.get("others", {}).items())]


def markdown(results: dict[str, Any]) -> str:
    """For the page on performance."""
    table = ["| " + " | ".join(_HEAD) + " |", "|---" * len(_HEAD) + "|"]
    table += ["| " + " | ".join(row) + " |" for row in _rows(results)]
    others = [f"- {key}: {text}" for key, text in results.get("others", {}).items()]
    machine = ", ".join(f"{key} {value}" for key, value in results["machine"].items())
    profiles = _profiles(results.get("profiles", {}), results["cases"])
    return "\n".join([f"Measured on: {machine}.", "", *table, "", *others, *profiles])


def _profiles(profiles: dict[str, dict[str, float]], cases: dict[str, Any]) -> list[str]:
    """Where the time goes, of every case, beside the floor's parts in parentheses."""
    shown = [name for name in CASES if name in profiles]
    if not shown:
        return []
    rows = [
        "",
        "| CPU seconds | " + " | ".join(CASES[name].title for name in shown) + " |",
        "|---" * len(shown) + "|---|",
    ]
    for part in PARTS:
        cells = []
        for name in shown:
            floor = [sample[part] for sample in cases.get(name, {}).get("floor", ()) if part in sample]
            beside = f" ({median(floor):.2f})" if floor else ""
            cells.append(f"{profiles[name][part]:.2f}{beside}" if profiles[name][part] > 0.005 else "–")
        rows.append(f"| {part} | " + " | ".join(cells) + " |")
    return rows


def put_into(page: Path, results: dict[str, Any]) -> None:
    """Replace the results on a page."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(_MARKS[0])
    _, _, after = rest.partition(_MARKS[1])
    page.write_text(f"{before}{_MARKS[0]}\n{markdown(results)}\n{_MARKS[1]}{after}", "utf-8")


def chart(results: dict[str, Any], path: Path) -> bool:
    """Bars of CPU seconds, of each tool and of the floor; False without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return False
    names = [name for name in CASES if name in results["cases"]]
    colors = {"ours": "#1b6ca8", "rio_cogeo": "#d9822b", "cog_driver": "#c9b37e", "gdalwarp": "#7a8793"}
    labels = {"ours": "rastercollection", **PEERS}
    figure, axes = pyplot.subplots(figsize=(9, 0.9 + 1.05 * len(names)), layout="constrained")
    for row, name in enumerate(names):
        result = results["cases"][name]
        floor = sum(median(part.values()) for part in _parts(result)) if result.get("floor") else 0
        for place, tool in enumerate(labels):
            if not result["samples"].get(tool):
                continue
            seconds = _median(result["samples"][tool])
            at = row + 0.2 * place - 0.3
            axes.barh(at, seconds, 0.18, color=colors[tool], label=labels[tool] if row == 0 else None)
            axes.text(seconds, at, f" {seconds:.1f}", va="center", fontsize=8)
        if floor:
            axes.plot([floor, floor], [row - 0.42, row + 0.42], color="black", lw=1.5, ls=":")
    axes.plot([], [], color="black", lw=1.5, ls=":", label="floor: decode, warp, overviews, encode, each alone")
    axes.set_yticks(range(len(names)), [CASES[name].title for name in names])
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel(f"CPU seconds for a tile of {results['size']}² pixels, one core")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, frameon=False, fontsize=9)
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), dpi=130)
    return True
