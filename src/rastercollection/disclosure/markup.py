"""HTML that notebooks show: every text escaped, one look for all, readable without styles and on any theme. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

from rastercollection.disclosure.escaping import safe_text

__all__ = ["badge", "byte_count", "card", "code", "facts", "folded", "link", "paragraph", "picture", "safe", "table"]

_RULES = (
    "&{font:13px/1.5 system-ui,'Segoe UI',Roboto,sans-serif;max-width:960px;margin:0 0 1em;color:inherit}"
    "& h4{margin:.2em 0 .4em;font-size:1.2em;font-weight:600;overflow-wrap:anywhere}"
    "& p,& ul{margin:.4em 0}"
    "& code{padding:0 .3em;border-radius:3px;background:rgba(128,128,128,.15);color:inherit;"
    "font-size:.95em;overflow-wrap:anywhere}"
    "& a{color:#1c8ea8}"
    "& .soft{opacity:.72}"
    "& .badge{display:inline-block;padding:0 .6em;border:1px solid;border-radius:99px;font-size:12px;"
    "font-weight:500;vertical-align:middle}"
    "& .good{color:#2b9a66}& .bad{color:#e0533d}& .fair{color:#b9850b}"
    "& .going{color:#1c8ea8}"
    "& .note{margin:.5em 0;padding:.2em .8em;border-left:3px solid}"
    "& .note span{color:var(--jp-content-font-color1,inherit)}"
    "& .map{display:block;width:100%;max-width:680px;height:auto;margin:.5em 0;border-radius:6px;"
    "border:1px solid rgba(128,128,128,.35);background:none}"
    "& .thumb{display:block;max-width:72px;max-height:48px;margin:0;border-radius:3px;background:none}"
    "& table{width:auto;margin:.4em 0;border-collapse:collapse;border:0;font-size:13px;"
    "table-layout:auto;color:inherit;background:none}"
    "& table th,& table td{padding:.3em 1em .3em 0;text-align:left;"
    "vertical-align:middle;border:0;border-bottom:1px solid rgba(128,128,128,.25);white-space:normal;"
    "overflow-wrap:break-word;max-width:48em}"
    "& table th{font-weight:600;opacity:.72;white-space:nowrap}"
    "& table td.n,& table th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}"
    "& table tbody tr:nth-child(n){background:none}"
    "& table td.bar{width:16em;vertical-align:middle}"
    "& .bar>span{display:block;height:.6em;border-radius:99px;background:rgba(128,128,128,.25)}"
    "& .bar>span>span{display:block;height:100%;border-radius:99px;background:#1c8ea8}"
    "& .bar .good{background:#2b9a66}& .bar .fair{background:#d29a1b}"
    "& details{margin:.4em 0}"
    "& summary{cursor:pointer;display:list-item}"
    "& .legend{padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.1em 1.2em}"
    "& .legend i{display:inline-block;width:.9em;height:.9em;margin:0 .35em;border-radius:2px;"
    "vertical-align:-.1em;outline:1px solid rgba(128,128,128,.4)}"
    "& .legend i.ramp{width:9em}"
)
"""Colours that are legible on white and on black, and the surroundings' own for all else: notebooks have themes that
the browser does not tell of."""

_STYLE = _RULES.replace("&", ".rastercollection.rastercollection")
"""Twice the class, so that these rules count for more than what the notebook says of all tables."""


def safe(text: object, *, most: int = 0) -> str:
    """A text as HTML: without secrets, and nothing of it is markup or acts upon what shows it.

    Args:
        text: Of anybody.
        most: Characters that are shown, all when 0.
    """
    shown = safe_text(text, lines=True)
    return html.escape(f"{shown[: most - 1]}…" if most and len(shown) > most else shown)


def card(title: str, badges: Iterable[str], *parts: str) -> str:
    """One object as a notebook shows it.

    Args:
        title: A text.
        badges: HTML behind it.
        parts: HTML below; empty ones are left out.
    """
    head = " ".join((safe(title), *badges)).strip()
    body = "".join(filter(None, parts))
    heading = f"<h4>{head}</h4>" if head else ""
    return f'<div class="rastercollection"><style>{_STYLE}</style>{heading}{body}</div>'


def badge(text: str, kind: str = "") -> str:
    """A word in a frame; ``kind`` is ``good``, ``fair``, ``bad``, ``going`` or nothing."""
    return f'<span class="badge {kind}">{safe(text)}</span>'


def code(text: str) -> str:
    """What can be typed, an id or a path."""
    return f"<code>{safe(text)}</code>"


def link(address: str, text: str) -> str:
    """A link that opens beside the notebook."""
    return f'<a href="{safe(address)}" target="_blank" rel="noopener">{safe(text)}</a>'


def paragraph(content: str, kind: str = "") -> str:
    """HTML as a paragraph; empty without any."""
    return f'<p class="{kind}">{content}</p>' if content else ""


def facts(known: Mapping[str, str]) -> str:
    """Names and what holds, which is HTML, as a table of two columns; empty facts are left out."""
    rows = [[safe(name), value] for name, value in known.items() if value]
    return table((), rows) if rows else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, kinds: Sequence[str] = ()) -> str:
    """A table of HTML cells.

    Args:
        head: Texts; none for a table without a head.
        rows: As many cells each; the first of a row is its head where the table has none.
        kinds: Classes of the columns, as ``n`` for numbers.
    """
    classes = [*kinds, *([""] * (max(len(head), 2) - len(kinds)))]
    first = "td" if head else "th"
    top = "".join(f'<th class="{kind}">{safe(name)}</th>' for name, kind in zip(head, classes, strict=False))
    body = "".join(
        "<tr>"
        + "".join(
            f'<{tag} class="{kind}">{cell}</{tag}>' if kind else f"<{tag}>{cell}</{tag}>"
            for tag, cell, kind in zip((first, *("td" for _ in row[1:])), row, classes, strict=False)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table>{f'<thead><tr>{top}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"


def folded(summary: str, content: str, *, is_open: bool = False) -> str:
    """HTML below a line that unfolds it; empty without any."""
    return (
        f"<details{' open' if is_open else ''}><summary>{safe(summary)}</summary>{content}</details>" if content else ""
    )


def picture(source: str, text: str, kind: str) -> str:
    """An image of a data URI; empty without one."""
    return f'<img class="{kind}" src="{html.escape(source)}" alt="{safe(text)}">' if source else ""


def byte_count(size: float) -> str:
    """A number of bytes in words: ``117 kB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
