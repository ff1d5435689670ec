"""What a preview page holds, read back from its text: picture, outlines, legend. The reverse of ``page``. Pure.

Whoever can write where the page lies can have changed it: what is read is data, and no text of it is markup.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator, Mapping

import attrs

from rastercollection.stages.stac.preview.layer import Box, Layer

__all__ = ["LegendEntry", "PageContent", "page_content"]

_MAP = re.compile(r'<svg class="map[^"]*" viewBox="0 0 1000 (\d{1,5})"[^>]*>(.*?)</svg>', re.DOTALL)
_LAYERS = re.compile(r'<g class="layers">(.*?)</g>', re.DOTALL)
_NUMBER = r'"(-?\d+(?:\.\d+)?)"'
_LAYER = re.compile(
    r'<image id="layer-(\d+)" data-day="([\d-]*)" href="data:(image/\w+);base64,([A-Za-z0-9+/=]+)" '
    rf"x={_NUMBER} y={_NUMBER} width={_NUMBER} height={_NUMBER}"
)
_OUTLINE = re.compile(r'<a href="#tile-(\d+)" class="tile"[^>]*><path d="([MLZ\d.,-]*)">.*?</a>', re.DOTALL)
_TEXT = "label(?: side| bar-text)?|number|letter"
_LABEL = re.compile(rf'<text class="({_TEXT})" x="([\d.-]+)" y="([\d.-]+)">([^<]*)</text>')
_LINE = re.compile(r'<path class="(grid|bar|mark)" d="([MLHVmlhvz\d.,-]*)"/>')
_ROW = re.compile(r'<tr id="tile-(\d+)".*?<small>([^<]*)</small>', re.DOTALL)
_LEGEND = re.compile(r'<ul class="facts legend">(.*?)</ul>', re.DOTALL)
_COLOR = r"(?:rgb\(\d{1,3}, \d{1,3}, \d{1,3}\)|red|green|blue)"
_SWATCH = re.compile(rf'<i(?: class="ramp")? style="background:({_COLOR}|linear-gradient\(to right(?:, {_COLOR})+\))">')


@attrs.frozen(kw_only=True)
class LegendEntry:
    """A colour, or colours from lowest to highest, and what they stand for.

    Attributes:
        color: As CSS has it; empty where the entry is just text.
        before, behind: Texts around it.
    """

    color: str
    before: str
    behind: str

    @property
    def is_ramp(self) -> bool:
        return self.color.startswith("linear-gradient")


@attrs.frozen(kw_only=True)
class PageContent:
    """What a page shows.

    Attributes:
        height: Of the map, which is 1000 units wide.
        layers: Pictures, the one at the bottom first.
        outlines: Paths of SVG in the map's units, by the numbers of tiles.
        lines: Paths of graticules, scale bars and frames, by ``grid``, ``bar`` and ``mark``.
        labels: Class, x, y and text of what is written on the map.
        blobs: Sources of the tiles, by number, as far as the page lists them.
        legend: What the colours stand for.
    """

    height: int
    layers: tuple[Layer, ...]
    outlines: Mapping[int, str]
    lines: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, float, float, str], ...]
    blobs: Mapping[int, str]
    legend: tuple[LegendEntry, ...]

    def box(self, number: int) -> Box | None:
        """Where a tile lies on the map; None where it has no outline."""
        points = [part.split(",") for part in re.findall(r"-?[\d.]+,-?[\d.]+", self.outlines.get(number, ""))]
        if not points:
            return None
        across, down = [float(x) for x, _ in points], [float(y) for _, y in points]
        return min(across), min(down), max(across) - min(across), max(down) - min(down)


def page_content(text: str) -> PageContent | None:
    """What a page of :func:`~rastercollection.stages.stac.preview.page.preview_page` holds; None of another text."""
    found = _MAP.search(text)
    if found is None:
        return None
    drawing = found[2]
    layers = _LAYERS.search(drawing)
    return PageContent(
        height=int(found[1]),
        layers=tuple(_layers(layers[1])) if layers else (),
        outlines={int(number): path for number, path in _OUTLINE.findall(drawing)},
        lines=tuple((kind, path) for kind, path in _LINE.findall(drawing)),
        labels=tuple((kind, float(x), float(y), html.unescape(told)) for kind, x, y, told in _LABEL.findall(drawing)),
        blobs={int(number): html.unescape(blob) for number, blob in _ROW.findall(text, found.end())},
        legend=tuple(_legend(text)),
    )


def _layers(text: str) -> Iterator[Layer]:
    for number, day, media_type, data, *box in _LAYER.findall(text):
        left, top, width, height = map(float, box)
        try:
            picture = base64.b64decode(data, validate=True)
        except binascii.Error:
            continue
        yield Layer(number=int(number), day=day, box=(left, top, width, height), media_type=media_type, picture=picture)


def _legend(text: str) -> Iterator[LegendEntry]:
    found = _LEGEND.search(text)
    for entry in found[1].split("</li>")[:-1] if found else ():
        swatch = _SWATCH.search(entry)
        before, behind = (entry[: swatch.start()], entry[swatch.end() :]) if swatch else ("", entry)
        yield LegendEntry(color=swatch[1] if swatch else "", before=_plain(before), behind=_plain(behind))


def _plain(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())
