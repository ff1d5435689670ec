"""A result as a notebook shows it: the map, the tiles with what became of them, and what to do next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rastercollection.disclosure import markup
from rastercollection.model.entry import StacSummary

if TYPE_CHECKING:
    from rastercollection.job.notebook.map_picture import MapPicture
    from rastercollection.job.result import JobResult, TileOutcome
    from rastercollection.stages.stac.preview.page_content import LegendEntry

__all__ = ["link_or_path", "notice_list", "result_html", "status_badge"]

MOST_OPEN = 12
"""Tiles whose table is not folded."""

MOST_ROWS = 500
MOST_TEXT = 400
MOST_NOTICES = 50

_KINDS = {
    **dict.fromkeys(("completed", "cog", "done"), "good"),
    **dict.fromkeys(("completed_with_errors", "unserved", "skipped", "not_run", "cancelled", "retrying"), "fair"),
    "failed": "bad",
    "processing": "going",
}
_WORDS = {"cog": "COG", "unserved": "COG, not shown", "not_run": "not run"}


def result_html(result: JobResult, picture: MapPicture) -> str:
    """The HTML: at most a megabyte or two, however many tiles there are.

    Args:
        result: Of a job.
        picture: Of its collection.
    """
    summary = result.summary
    again = [markup.badge("done before: nothing was recomputed")] if result.reused else []
    return markup.card(
        str(summary.get("collection_id") or "job"),
        [status_badge(result.status), *again],
        markup.paragraph(_counts(result)),
        _error(result),
        markup.picture(picture.source, "Map of the tiles", "map"),
        _legend(picture.legend),
        markup.paragraph(markup.safe(picture.problem and f"No picture: {picture.problem}", most=MOST_TEXT), "soft"),
        _tiles(result.tiles, picture),
        notice_list(_notices(result)),
        _next(result),
    )


def status_badge(status: str) -> str:
    """What became of a job or of a tile, in words and in a colour."""
    return markup.badge(_WORDS.get(status, status.replace("_", " ")), _KINDS.get(status, ""))


def link_or_path(address: str, text: str) -> str:
    """A link where a browser may follow it from a notebook, which is not so of files; else the path."""
    return markup.link(address, text) if address.startswith(("http://", "https://")) else markup.code(address)


def notice_list(lines: Sequence[str]) -> str:
    """What was told on the way, folded."""
    shown = "".join(f"<li>{markup.safe(line, most=MOST_TEXT)}</li>" for line in lines[:MOST_NOTICES])
    more = f"<li>and {len(lines) - MOST_NOTICES:,} more</li>" if len(lines) > MOST_NOTICES else ""
    title = "1 notice" if len(lines) == 1 else f"{len(lines):,} notices"
    return markup.folded(title, f"<ul>{shown}{more}</ul>") if lines else ""


def _counts(result: JobResult) -> str:
    size = sum(tile.size or 0 for tile in result.tiles)
    published = StacSummary.of(result.summary)
    items = published.items_in_collection if published else 0
    told = [
        result.became,
        f"{markup.byte_count(size)} of COGs" if size else "",
        f"{items:,} {'item' if items == 1 else 'items'} in the collection" if items else "",
    ]
    return markup.safe(" · ".join(filter(None, told)))


def _error(result: JobResult) -> str:
    error = result.error
    if error is None:
        return ""
    hint = f"<br>{markup.safe(error.hint, most=MOST_TEXT)}" if error.hint else ""
    text = f"{markup.code(error.code)} {markup.safe(error.message, most=4 * MOST_TEXT)}{hint}".replace("\n", "<br>")
    return f'<div class="note bad"><span>{text}</span></div>'


def _legend(entries: Sequence[LegendEntry]) -> str:
    shown = "".join(
        f"<li>{markup.safe(entry.before)}{_swatch(entry)}{markup.safe(entry.behind)}</li>" for entry in entries
    )
    return f'<ul class="legend">{shown}</ul>' if shown else ""


def _swatch(entry: LegendEntry) -> str:
    kind = "ramp" if entry.is_ramp else ""
    return f'<i class="{kind}" style="background:{markup.safe(entry.color)}"></i>' if entry.color else ""


def _tiles(tiles: Sequence[TileOutcome], picture: MapPicture) -> str:
    """What is not as it should be comes first, and is not folded."""
    bad = [tile for tile in tiles if not tile.ok]
    good = [tile for tile in tiles if tile.ok]
    wrong = f"{_tile_count(bad)} not as they should be" if len(bad) != 1 else "1 tile is not as it should be"
    return _folded(wrong, bad, picture, MOST_ROWS, is_open=True) + _folded(
        f"{_tile_count(good)} made",
        good,
        picture,
        MOST_ROWS - min(len(bad), MOST_ROWS // 2),
        is_open=len(tiles) <= MOST_OPEN,
    )


def _tile_count(tiles: Sequence[TileOutcome]) -> str:
    return "1 tile" if len(tiles) == 1 else f"{len(tiles):,} tiles"


def _folded(title: str, tiles: Sequence[TileOutcome], picture: MapPicture, most: int, *, is_open: bool) -> str:
    if not tiles:
        return ""
    rest = len(tiles) - most
    more = f"{rest:,} more: {markup.code('result.to_frame()')} lists all." if rest > 0 else ""
    return markup.folded(title, _table(tiles[:most], picture) + markup.paragraph(more, "soft"), is_open=is_open)


def _table(tiles: Sequence[TileOutcome], picture: MapPicture) -> str:
    """Columns of which no tile has anything are left out."""
    head = ("No.", "", "Tile", "Outcome", "Size", "Reason")
    kinds = ("n", "", "", "", "n", "")
    rows = [tuple(_cells(tile, picture)) for tile in tiles]
    kept = [column for column in range(len(head)) if any(row[column] for row in rows)]
    return markup.table(
        [head[column] for column in kept],
        ([row[column] for column in kept] for row in rows),
        kinds=[kinds[column] for column in kept],
    )


def _cells(tile: TileOutcome, picture: MapPicture) -> Iterator[str]:
    yield str(picture.numbers.get(tile.blob, ""))
    yield markup.picture(picture.thumbnails.get(tile.blob, ""), "", "thumb")
    yield markup.safe(tile.blob, most=MOST_TEXT)
    yield status_badge(tile.outcome)
    yield "" if tile.size is None else markup.byte_count(tile.size)
    yield _reason(tile)


def _reason(tile: TileOutcome) -> str:
    if tile.ok:
        return ""
    hint = f'<br><span class="soft">{markup.safe(tile.hint, most=MOST_TEXT)}</span>' if tile.hint else ""
    return f"{markup.code(tile.code)} {markup.safe(tile.reason, most=MOST_TEXT)}{hint}"


def _notices(result: JobResult) -> list[str]:
    """Of the job; then one line a code of what was told of tiles."""
    of_all = [f"{notice.get('code')}: {notice.get('message')}" for notice in result.summary.get("notices") or ()]
    told = {notice.get("code") for notice in result.summary.get("notices") or ()}
    first: dict[str, str] = {}
    concerned: dict[str, int] = {}
    for tile in result.tiles:
        for code, message in {notice.code: notice.message for notice in tile.notices}.items():
            if code not in told:
                first.setdefault(code, f"{code}: {tile.blob}: {message}")
                concerned[code] = concerned.get(code, 0) + 1
    others = {code: f" (and {count - 1:,} more)" if count > 1 else "" for code, count in concerned.items()}
    return [*of_all, *(f"{line}{others[code]}" for code, line in first.items())]


def _next(result: JobResult) -> str:
    """What can be done with what was made, and about what was not."""
    steps = list(_steps(result, result.summary))
    return markup.facts({name: step for name, step in steps if step})


def _steps(result: JobResult, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    published, mosaic = StacSummary.of(summary), summary.get("mosaicjson") or {}
    document = published.collection_url if published else ""
    if any(tile.outcome in ("failed", "skipped", "not_run") for tile in result.tiles):
        call = "process_collection(…, rerun=&quot;failed&quot;)"
        yield "Failed tiles", f"Mend them, then <code>{call}</code> does them again, and nothing else."
    yield "Map", link_or_path(result.share_url, "Open the map") if result.share_url else ""
    if document and mosaic:
        yield "Look closer", f"{markup.code('result.view()')} serves an interactive map here."
    if published:
        ways = ("result.to_frame()", "result.to_xarray()", "result.items")
        yield "Work with it", " ".join(map(markup.code, ways))
    outputs = [tile.output for tile in result.tiles if tile.output]
    yield "COGs", markup.code(outputs[0].rpartition("/")[0]) if outputs else ""
    yield "STAC", link_or_path(document, document) if document else ""
    yield "Mosaic", link_or_path(mosaic["url"], mosaic["url"]) if mosaic.get("url") else ""
    yield "Job", markup.code(result.job_id)
