"""A page that shows the collection without a tile server: map, legend, table, in one file that asks for no other."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
from collections.abc import Callable, Sequence
from importlib import resources

import attrs

from rastercollection.disclosure.markup import byte_count
from rastercollection.model.cog import Cog, CogFile
from rastercollection.model.look import Look
from rastercollection.stac.fields import ground_resolution, projection_code
from rastercollection.stac.hrefs import page_href
from rastercollection.stac.items import is_dated
from rastercollection.stac.terms import LATEST
from rastercollection.stages.stac.preview.frame import tile_box
from rastercollection.stages.stac.preview.layer import Layer
from rastercollection.stages.stac.preview.legend import legend
from rastercollection.stages.stac.preview.sheet import Sheet, sheet_of
from rastercollection.stages.stac.preview.svg_map import draw_map, in_reading_order, tile_day

__all__ = ["Drawn", "PreviewPlaces", "preview_page"]

MOST_ROWS = 1000
Href = Callable[[str], str]


@attrs.frozen(kw_only=True)
class PreviewPlaces:
    """Public addresses: of the page itself and of what it links to; empty where there is no such thing."""

    page: str
    collection: str
    mosaic: str = ""
    viewer: str = ""


@attrs.frozen(kw_only=True)
class Drawn:
    """What was drawn of a collection.

    Attributes:
        layers: Pictures, the one at the bottom first.
        look: How values became colours; None where nothing was drawn.
        remark: What is to be known of the pictures, as that tiles are missing in them.
    """

    layers: tuple[Layer, ...] = ()
    look: Look | None = None
    remark: str = ""


def preview_page(
    title: str, description: str, cogs: Sequence[Cog], places: PreviewPlaces, drawn: Drawn | None = None
) -> str:
    """The HTML text. All that comes from the data is escaped.

    Args:
        title, description: Of the collection.
        cogs: The tiles, the one on top first.
        places: Where things are; links are relative where there is a relative path.
        drawn: Pictures of the tiles, on the sheet of :func:`~rastercollection.stages.stac.preview.sheet.sheet_of`.
    """

    def href(address: str) -> str:
        return page_href(address, places.page)

    drawn = drawn or Drawn()
    sheet = sheet_of(cogs)
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
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(_policy())}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_file('preview.css')}</style>\n</head>\n<body>\n"
        f"<header>\n<h1>{html.escape(title)}</h1>\n<p>{html.escape(description)}</p>\n"
        f'<ul class="facts">{"".join(_facts(cogs))}</ul>\n<nav>{"".join(links)}</nav>\n</header>\n'
        f"<main>\n<figure>{draw_map(cogs, sheet, drawn.layers)}</figure>\n{_controls(drawn.layers)}"
        f"{legend(drawn.look, cogs)}{_remark(drawn.remark)}{_table(cogs, href, _Thumbnails(sheet, drawn.layers))}\n"
        f"</main>\n<script>{_file('preview.js')}</script>\n</body>\n</html>\n"
    )


def _policy() -> str:
    """Nothing is fetched, and nothing runs but the script of the page itself."""
    digest = base64.b64encode(hashlib.sha256(_file("preview.js").encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'"


def _controls(layers: Sequence[Layer]) -> str:
    """Sliders; the script shows them."""
    if not layers:
        return ""
    return (
        '<form class="controls" hidden><label>Opacity <input type="range" name="opacity" min="0" max="100" value="100">'
        f"</label>{_day_slider(sorted({layer.day for layer in layers if layer.day}))}"
        '<label><input type="checkbox" name="outlines" checked> Outlines</label></form>\n'
    )


def _day_slider(days: Sequence[str]) -> str:
    """Its first place shows all days; empty where there is one day only."""
    if len(days) < 2:
        return ""
    told = html.escape(" ".join(days))
    return (
        f'<label>Day <input type="range" name="day" min="0" max="{len(days)}" value="0" step="1" data-days="{told}">'
        "</label><output>all days</output>"
    )


def _remark(text: str) -> str:
    return f'<p class="more">{html.escape(text)}</p>\n' if text else ""


@functools.cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _link(address: str, text: str) -> str:
    return f'<a href="{html.escape(address)}">{html.escape(text)}</a>' if address else ""


def _facts(cogs: Sequence[Cog]) -> list[str]:
    facts = [
        ("tile" if len(cogs) == 1 else "tiles", f"{len(cogs):,}"),
        ("in all", byte_count(sum(cog.file.size for cog in cogs))),
        *(("a pixel", size) for size in _resolution(cogs)),
        *(("", text) for text in _few({_crs(cog.file.target_crs) for cog in cogs}, "CRSs")),
        *(("", text) for text in _few({_kind(cog.file) for cog in cogs}, "kinds of data")),
        *(("", text) for text in _acquired(cogs)),
    ]
    return [f"<li><b>{html.escape(value)}</b> {html.escape(unit)}</li>" for unit, value in facts]


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


@attrs.frozen
class _Thumbnails:
    """Cuttings of the map's pictures, which are in the page once."""

    sheet: Sheet
    layers: Sequence[Layer]

    def of(self, cog: Cog) -> str:
        """An ``<svg>`` of what the map shows of a tile; empty where there is no picture of it."""
        left, top, width, height = tile_box(self.sheet.map_of(cog).placed, cog)
        day = tile_day(cog)
        has_days = any(layer.day for layer in self.layers)
        names = [layer.name for layer in self.layers if layer.day == day or not has_days]
        if not names or width <= 0 or height <= 0:
            return ""
        uses = "".join(f'<use href="#{name}"/>' for name in names)
        place = f'viewBox="{left:.2f} {top:.2f} {width:.2f} {height:.2f}"'
        inner = f'<svg x="{left:.2f}" y="{top:.2f}" width="{width:.2f}" height="{height:.2f}" {place}>'  # cuts
        return f'<svg class="cut" {place}>{inner}{uses}</svg></svg>'


def _table(cogs: Sequence[Cog], href: Href, thumbnails: _Thumbnails) -> str:
    names = (("", ""), ("", ""), ("Tile", ""), ("Pixels", "n"), ("Size", "n"), ("Content", ""), ("CRS", ""))
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in (*names, ("Acquired", "n")))
    numbered = enumerate(in_reading_order(cogs)[:MOST_ROWS], 1)
    rows = "\n".join(_row(number, cog, href, thumbnails.of(cog)) for number, cog in numbered)
    rest = len(cogs) - MOST_ROWS
    more = f'<p class="more">{rest:,} more tiles are in the STAC collection.</p>' if rest > 0 else ""
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>{more}"


def _row(number: int, cog: Cog, href: Href, picture: str) -> str:
    file = cog.file
    name = _link(href(file.href), cog.item_id) or html.escape(cog.item_id)
    rows, columns = file.shape
    return (
        f'<tr id="tile-{number}" data-day="{html.escape(tile_day(cog))}"><td class="n index">{number}</td>'
        f'<td class="picture">{picture}</td>'
        f'<td class="name" data-number="{number}"><b>{name}</b><small>{html.escape(cog.source_blob)}</small></td>'
        f"{_cell('Pixels', f'{columns:,} × {rows:,}', 'n')}{_cell('Size', byte_count(file.size), 'n')}"
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
