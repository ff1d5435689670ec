"""Results as users see them: a table and a chart of what each tool takes, without goals."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cog.cases import CASES
from cog.report import middle, peers_of, ratios

__all__ = ["chart", "put_into"]

_MARKS = ("<!-- results -->", "<!-- /results -->")
_SHOWN = {
    "rio_cogeo": "rio-cogeo",
    "rio_cogeo_8gb": "rio-cogeo on a machine with 8 GB",
    "cog_driver": "GDAL's COG driver",
    "gdalwarp": "gdalwarp, tuned",
}
_COLORS = {
    "ours": "#1b6ca8",
    "rio_cogeo": "#d9822b",
    "rio_cogeo_8gb": "#f2c79a",
    "cog_driver": "#c9b37e",
    "gdalwarp": "#7a8793",
}


def put_into(page: Path, results: dict[str, Any]) -> None:
    """Replace the results on a page."""
    text = page.read_text("utf-8")
    before, _, rest = text.partition(_MARKS[0])
    _, _, after = rest.partition(_MARKS[1])
    page.write_text(f"{before}{_MARKS[0]}\n{_markdown(results)}\n{_MARKS[1]}{after}", "utf-8")


def _markdown(results: dict[str, Any]) -> str:
    head = (
        "image",
        "rastercollection",
        *_SHOWN.values(),
        "file, to rio-cogeo's",
        "with the same pixels",
        "peak memory",
    )
    table = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    table += ["| " + " | ".join(_row(results, name)) + " |" for name in _names(results)]
    others = [f"- {_without_goals(entry['text'])}" for entry in results.get("others", {}).values()]
    machine = ", ".join(f"{key} {value}" for key, value in results["machine"].items())
    return "\n".join(["CPU seconds a gigapixel:", "", *table, "", *others, "", f"Measured on: {machine}."])


def _names(results: dict[str, Any]) -> list[str]:
    """Cases that a page shows."""
    return [name for name, case in CASES.items() if case.plain and results["cases"].get(name, {}).get("ours")]


def _row(results: dict[str, Any], name: str) -> tuple[str, ...]:
    ours, peers, found = results["cases"][name]["ours"], peers_of(results, name), ratios(results, name)
    gigapixels = results["size"] ** 2 / 1e9

    def seconds(samples: list[dict[str, Any]]) -> str:
        return f"{middle(samples) / gigapixels:.0f}"

    def share(column: str) -> str:
        return f"{100 * found[column]:.1f}%" if column in found else "–"

    return (
        CASES[name].plain or "",
        f"**{seconds(ours)}**",
        *(seconds(peers[peer]) if peer in peers else "–" for peer in _SHOWN),
        share("size_as_it_comes"),
        share("size"),
        f"{middle(ours, 'memory') / 1e6:.0f} MB",
    )


def _without_goals(text: str) -> str:
    return re.sub(r" \((?:[≥≤<] ?[\d.]+(?:, )?)?(?:not met)?\)", "", text)


def chart(results: dict[str, Any], path: Path) -> bool:
    """CPU time and file size of each tool, side by side; False without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return False
    names = _names(results)
    if not names:
        return True
    size = {"figsize": (11, 1.2 + 1.0 * len(names)), "layout": "constrained"}
    figure, (times, sizes) = pyplot.subplots(1, 2, sharey=True, width_ratios=(3, 2), **size)
    gigapixels = results["size"] ** 2 / 1e9
    _bars(times, results, names, ("ours", *_SHOWN), lambda samples: middle(samples) / gigapixels)
    files = [tool for tool in ("ours", *_SHOWN) if tool != "rio_cogeo_8gb"]
    _bars(sizes, results, names, files, lambda samples: middle(samples, "size") / 1e6 / gigapixels)
    times.set_title("CPU time: seconds for a gigapixel", loc="left", fontsize=11)
    sizes.set_title("File: megabytes for a gigapixel", loc="left", fontsize=11)
    times.set_yticks(range(len(names)), ["\n".join((CASES[name].plain or "").split(", ")) for name in names])
    times.invert_yaxis()
    for label, color in zip(("rastercollection", *_SHOWN.values()), _COLORS.values(), strict=True):
        times.barh(0, 0, color=color, label=label)
    figure.legend(loc="outside upper center", ncols=len(_COLORS), frameon=False, fontsize=9)
    figure.supxlabel("shorter is better", fontsize=9)
    for suffix in (".svg", ".png"):
        figure.savefig(path.with_suffix(suffix), dpi=130)
    return True


def _bars(axes: Any, results: dict[str, Any], names: list[str], tools: Any, figure: Any) -> None:
    """A group of bars for each case."""
    thick = 0.8 / len(tools)
    for row, name in enumerate(names):
        samples = {"ours": results["cases"][name]["ours"], **peers_of(results, name)}
        for place, tool in enumerate(tool for tool in tools if tool in samples):
            at, value = row + thick * (place + 0.5) - 0.4, figure(samples[tool])
            axes.barh(at, value, 0.9 * thick, color=_COLORS[tool])
            weight = "bold" if tool == "ours" else "normal"
            axes.text(value, at, f" {value:,.0f}", va="center", fontsize=8, weight=weight)
    axes.margins(x=0.12, y=0.01)
    axes.tick_params(left=False)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
