"""A page that shows the collection without a tile server: map, thumbnails, table. No script, no network."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence
from importlib import resources

import attrs

from rastercollection.model.cog import Cog, CogFile
from rastercollection.stac.fields import ground_resolution, projection_code
from rastercollection.stac.hrefs import page_href
from rastercollection.stac.items import is_dated
from rastercollection.stac.terms import LATEST
from rastercollection.stages.stac.preview_map import draw_map

__all__ = ["PreviewPlaces", "preview_page"]

MOST_ROWS = 1000
MOST_CLASSES = 60
Href = Callable[[str], str]
# thumbnails may lie beside the page or, where the page was moved, on a web server; nothing is ever run
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src * file: data:"


@attrs.frozen(kw_only=True)
class PreviewPlaces:
    """Public addresses: of the page itself and of what it links to; empty where there is no such thing."""

    page: str
    collection: str
    mosaic: str = ""
    viewer: str = ""


def preview_page(title: str, description: str, cogs: Sequence[Cog], places: PreviewPlaces) -> str:
    """The HTML text. All that comes from the data is escaped.

    Args:
        title, description: Of the collection.
        cogs: The tiles, the one on top first.
        places: Where things are; links are relative where there is a relative path.
    """

    def href(address: str) -> str:
        return page_href(address, places.page)

    links = [
        _link(href(address), text)
        for address, text in (
            (places.viewer, "Open the map"),
            (places.collection, "STAC collection"),
            (places.mosaic, "MosaicJSON"),
        )
        if address
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{html.escape(title)}</h1>\n<p>{html.escape(description)}</p>\n"
        f'<ul class="facts">{"".join(_facts(cogs))}</ul>\n<nav>{"".join(links)}</nav>\n</header>\n'
        f"<main>\n<figure>{draw_map(cogs, href)}</figure>\n{_legend(cogs)}{_table(cogs, href)}\n"
        "</main>\n</body>\n</html>\n"
    )


@functools.cache
def _style() -> str:
    return resources.files(__package__).joinpath("preview.css").read_text(encoding="utf-8")


def _link(address: str, text: str) -> str:
    return f'<a href="{html.escape(address)}">{html.escape(text)}</a>' if address else ""


def _facts(cogs: Sequence[Cog]) -> list[str]:
    facts = [
        ("tile" if len(cogs) == 1 else "tiles", f"{len(cogs):,}"),
        ("in all", _bytes(sum(cog.file.size for cog in cogs))),
        *(("a pixel", size) for size in _resolution(cogs)),
        *(("", text) for text in _few({_crs(cog.file.target_crs) for cog in cogs}, "CRSs")),
        *(("", text) for text in _few({_kind(cog.file) for cog in cogs}, "kinds of data")),
        *(("", text) for text in _acquired(cogs)),
    ]
    return [f"<li><b>{html.escape(value)}</b> {html.escape(unit)}</li>" for unit, value in facts]


def _legend(cogs: Sequence[Cog]) -> str:
    """What values stand for, by the first tile that says so."""
    classes = next((band.classes for cog in cogs for band in cog.file.bands if band.classes), ())
    entries = [
        f'<li><i style="background:rgb{entry.color[:3] if entry.color else (128, 128, 128)}"></i>{entry.value} '
        f"<b>{html.escape(entry.name)}</b></li>"
        for entry in classes[:MOST_CLASSES]
    ]
    rest = len(classes) - MOST_CLASSES
    more = [f"<li>{rest:,} more</li>"] if rest > 0 else []
    return f'<ul class="facts legend">{"".join([*entries, *more])}</ul>\n' if entries else ""


def _resolution(cogs: Sequence[Cog]) -> list[str]:
    sizes = [size for size in (ground_resolution(cog.file) for cog in cogs) if size is not None]
    if not sizes:
        return []
    finest, coarsest = min(sizes), max(sizes)
    ends = [finest] if coarsest < 1.1 * finest else [finest, coarsest]
    return [_span([_length(size) for size in ends])]


def _length(metres: float) -> str:
    rounded = float(f"{metres:.3g}")
    return f"{rounded / 1000:g} km" if rounded >= 1000 else f"{rounded:g} m"


def _few(texts: set[str], plural: str) -> list[str]:
    return sorted(texts) if len(texts) <= 3 else [f"{len(texts)} {plural}"]


def _span(ends: Sequence[str]) -> str:
    return ends[0] if ends[0] == ends[-1] else f"{ends[0]} – {ends[-1]}"


def _acquired(cogs: Sequence[Cog]) -> list[str]:
    dated = [cog for cog in cogs if is_dated(cog)]
    if not dated:
        return []
    first = min(cog.datetime or cog.start_datetime or "" for cog in dated)
    last = max(cog.datetime or cog.end_datetime or LATEST for cog in dated)
    return [_span([_day(first), _day("" if last == LATEST else last)])]


def _day(moment: str | None) -> str:
    return moment[:10] if moment else ".."


def _kind(cog: CogFile) -> str:
    dtypes = sorted({band.dtype for band in cog.bands})
    bands = f"{len(cog.bands)} band{'s' if len(cog.bands) != 1 else ''}"
    return f"{cog.raster_type}, {bands} of {'/'.join(dtypes)}"


def _crs(crs: str) -> str:
    return projection_code(crs) or "CRS without a code"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _table(cogs: Sequence[Cog], href: Href) -> str:
    names = (("", ""), ("", ""), ("Tile", ""), ("Pixels", "n"), ("Size", "n"), ("Content", ""), ("CRS", ""))
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in (*names, ("Acquired", "n")))
    rows = "\n".join(_row(number, cog, href) for number, cog in enumerate(cogs[:MOST_ROWS], 1))
    rest = len(cogs) - MOST_ROWS
    more = f'<p class="more">{rest:,} more tiles are in the STAC collection.</p>' if rest > 0 else ""
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>{more}"


def _row(number: int, cog: Cog, href: Href) -> str:
    file = cog.file
    thumbnail = href(file.thumbnail) if file.thumbnail else ""
    picture = f'<img src="{html.escape(thumbnail)}" alt="" loading="lazy">' if thumbnail else ""
    name = _link(href(file.href), cog.item_id) or html.escape(cog.item_id)
    rows, columns = file.shape
    return (
        f'<tr id="tile-{number}"><td class="n index">{number}</td><td class="picture">{picture}</td>'
        f'<td class="name" data-number="{number}"><b>{name}</b><small>{html.escape(cog.source_blob)}</small></td>'
        f"{_cell('Pixels', f'{columns:,} × {rows:,}', 'n')}{_cell('Size', _bytes(file.size), 'n')}"
        f"{_cell('Content', _kind(file))}{_cell('CRS', _crs(file.target_crs))}{_cell('Acquired', _when(cog), 'n')}</tr>"
    )


def _cell(name: str, text: str, kind: str = "") -> str:
    return f'<td class="{kind}" data-name="{name}">{html.escape(text)}</td>'


def _when(cog: Cog) -> str:
    if not is_dated(cog):
        return "unknown"
    if cog.datetime:
        return cog.datetime[:16].replace("T", " ")
    return _span([_day(moment) for moment in (cog.start_datetime, cog.end_datetime)])
