"""The picture of a collection for a notebook: what its preview page shows, as one image, with cuttings of it."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from rastercollection.rasters.writing.picture_bytes import decode_picture, encode_picture
from rastercollection.stages.stac.preview.frame import WIDTH
from rastercollection.stages.stac.preview.layer import Box, Layer
from rastercollection.stages.stac.preview.page_content import LegendEntry, PageContent

__all__ = ["MapPicture", "draw_map_picture"]

COLUMNS = (1000, 700, 450, 300)
"""Pixels across: the first with which the picture is not too large."""

MOST_PICTURE_BYTES = 450_000
MOST_OUTLINE_CHARACTERS = 250_000
MOST_THUMBNAILS = 100
THUMBNAIL_COLUMNS, THUMBNAIL_ROWS = 96, 64
_QUALITY = 78

_STYLE = (
    "text{font:13px system-ui,sans-serif}"
    ".label{fill:#7c888d;text-anchor:middle;dominant-baseline:hanging}"
    ".side{text-anchor:start;dominant-baseline:central}.bar-text{text-anchor:start;dominant-baseline:auto}"
    ".number{fill:#fff;font-weight:700;font-size:16px;text-anchor:middle;dominant-baseline:central;paint-order:stroke;"
    "stroke:#000a;stroke-width:4px;stroke-linejoin:round}"
    ".letter{fill:#7c888d;font-weight:700;font-size:18px;text-anchor:middle;dominant-baseline:central}"
    ".mark{fill:none;stroke:#7c888d;stroke-width:1.2;vector-effect:non-scaling-stroke}"
    ".grid{fill:none;stroke:#808a8f;stroke-opacity:.35;vector-effect:non-scaling-stroke}"
    ".bar{fill:none;stroke:#7c888d;stroke-width:2;vector-effect:non-scaling-stroke}"
    ".outline{fill:none;stroke:#e8590c;stroke-width:1.2;stroke-linejoin:round;vector-effect:non-scaling-stroke}"
)
"""An image knows nothing of the notebook's theme: what it is drawn with is legible on light and dark."""

_Rgba = NDArray[np.uint8]


@attrs.frozen(kw_only=True)
class MapPicture:
    """What is shown of a collection's map; all of it is empty where there is no picture.

    Attributes:
        source: An image, as a data URI.
        thumbnails: Of tiles, as data URIs, by source.
        numbers: Which tiles have which number on the map, by source.
        legend: What colours stand for.
        problem: Why there is no picture.
    """

    source: str = attrs.field(default="", repr=False)
    thumbnails: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    numbers: Mapping[str, int] = attrs.field(factory=dict, repr=False)
    legend: tuple[LegendEntry, ...] = ()
    problem: str = ""


def draw_map_picture(page: PageContent) -> MapPicture:
    """The picture of what a preview page holds, small enough for a notebook whatever the page holds.

    Raises:
        ValueError, RasterioIOError: The page's own pictures are none.
    """
    mosaic, image = _mosaic(page)
    drawing = _drawing(page, image)
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawing.encode()).decode()}"
    shown = list(page.blobs.items())
    numbered = any(kind == "number" for kind, *_ in page.labels)
    return MapPicture(
        source=source,
        thumbnails={blob: uri for number, blob in shown[:MOST_THUMBNAILS] if (uri := _cut(mosaic, page.box(number)))},
        numbers={blob: number for number, blob in shown} if numbered else {},
        legend=page.legend,
    )


def _mosaic(page: PageContent) -> tuple[_Rgba, str]:
    """All layers as one picture, and the same as a data URI; nothing of them where there are none."""
    for columns in COLUMNS:
        picture = _painted(page, columns)
        if not picture[3].any():
            break
        uri = _uri(picture, _QUALITY)
        if len(uri) <= MOST_PICTURE_BYTES:
            return picture, uri
    return picture, ""


def _painted(page: PageContent, columns: int) -> _Rgba:
    rows = max(1, round(page.height * columns / WIDTH))
    canvas = np.zeros((4, rows, columns), np.uint8)
    for layer in page.layers:
        _paint(canvas, layer, columns / WIDTH)
    return canvas


def _paint(canvas: _Rgba, layer: Layer, scale: float) -> None:
    """Put a layer where it belongs; what it does not cover stays."""
    window = _window(layer.box, scale, canvas.shape[2], canvas.shape[1])
    if window is None:
        return
    rows, columns = window
    below = canvas[:, rows, columns]
    _, height, width = below.shape
    above = decode_picture(layer.media_type, layer.picture, width, height)
    np.copyto(below, above, where=above[3] > 0)


def _window(box: Box, scale: float, width: int, height: int) -> tuple[slice, slice] | None:
    """Rows and columns of a box on the map; None where it lies outside of it."""
    left, top = max(0, round(box[0] * scale)), max(0, round(box[1] * scale))
    right, bottom = min(width, round((box[0] + box[2]) * scale)), min(height, round((box[1] + box[3]) * scale))
    return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None


def _cut(mosaic: _Rgba, box: Box | None) -> str:
    """A tile's cutting as a data URI; empty where the map shows nothing of it."""
    window = None if box is None else _window(box, mosaic.shape[2] / WIDTH, mosaic.shape[2], mosaic.shape[1])
    if window is None:
        return ""
    cutting = mosaic[:, window[0], window[1]]
    _, rows, columns = cutting.shape
    step = max(1, -(-columns // THUMBNAIL_COLUMNS), -(-rows // THUMBNAIL_ROWS))
    small = _reduced(cutting, step)
    return _uri(small, _QUALITY) if small[3].any() else ""


def _reduced(picture: _Rgba, step: int) -> _Rgba:
    """A pixel of each square of ``step`` pixels: the mean of those that show something."""
    _, rows, columns = picture.shape
    padded = np.pad(picture, ((0, 0), (0, -rows % step), (0, -columns % step)))
    squares = padded.reshape(4, padded.shape[1] // step, step, padded.shape[2] // step, step)
    weights = (squares[3:] > 0).astype(np.float32)
    totals = (squares * weights).sum(axis=(2, 4))
    return np.ascontiguousarray(np.rint(totals / np.maximum(weights.sum(axis=(2, 4)), 1)).astype(np.uint8))


def _uri(picture: _Rgba, quality: int) -> str:
    media_type, data = encode_picture(picture, quality=quality)
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _drawing(page: PageContent, image: str) -> str:
    """An SVG that needs nothing else."""
    outlines = "".join(page.outlines.values())
    lines = {kind: "".join(path for each, path in page.lines if each == kind) for kind in ("grid", "bar", "mark")}
    parts = [
        f'<path class="grid" d="{lines["grid"]}"/>',
        f'<image width="1000" height="{page.height}" preserveAspectRatio="none" href="{image}"/>' if image else "",
        f'<path class="outline" d="{outlines}"/>' if len(outlines) <= MOST_OUTLINE_CHARACTERS else "",
        *(f'<text class="{kind}" x="{x:g}" y="{y:g}">{html.escape(text)}</text>' for kind, x, y, text in page.labels),
        *(f'<path class="{kind}" d="{lines[kind]}"/>' for kind in ("bar", "mark")),
    ]
    size = f'width="1000" height="{page.height}" viewBox="0 0 1000 {page.height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{"".join(parts)}</svg>'
