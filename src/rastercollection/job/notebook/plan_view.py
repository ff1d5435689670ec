"""A plan as a notebook shows it: what each tile will become and take, and with which parameters. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rastercollection.disclosure import markup
from rastercollection.job.notebook.result_view import MOST_OPEN, MOST_TEXT, notice_list
from rastercollection.model.parameter_table import parameters_table
from rastercollection.model.request import CollectionRequest

if TYPE_CHECKING:
    from rastercollection.api import CollectionPlan
    from rastercollection.model.joining import Joining
    from rastercollection.model.tile_forecast import TileForecast

__all__ = ["plan_html"]

MOST_ROWS = 500


def plan_html(plan: CollectionPlan) -> str:
    """The HTML: at most a megabyte or two, however many tiles there are."""
    parameters = plan.parameters
    problems = sum(tile.problem is not None for tile in plan.tiles)
    badges = [markup.badge("plan"), *([markup.badge(f"{problems:,} with problems", "bad")] if problems else [])]
    return markup.card(
        str(parameters.get("collection_id", "job")),
        badges,
        markup.paragraph(markup.safe(_counts(plan))),
        _tiles(plan),
        notice_list(_notices(plan)),
        markup.facts(_facts(plan)),
        markup.folded("Parameters", parameters_table(CollectionRequest, parameters)),
    )


def _counts(plan: CollectionPlan) -> str:
    rasters = "1 raster" if len(plan.sources) == 1 else f"{len(plan.sources):,} rasters"
    made = sum(tile.bytes_out or 0 for tile in plan.tiles if tile.problem is None)
    cogs = f"about {markup.byte_count(made)} of COGs" if made else ""
    return " · ".join(filter(None, (rasters, f"{markup.byte_count(plan.total_size)} of sources", cogs)))


def _facts(plan: CollectionPlan) -> dict[str, str]:
    parameters = plan.parameters
    made = [tile for tile in plan.tiles if tile.problem is None]
    memory, disk = (max((get(tile) or 0 for tile in made), default=0) for get in (_memory, _disk))
    places = (parameters.get("output_container"), parameters.get("output_folder"))
    stages = ", ".join(f"{name} ({count:,})" for name, count in plan.stages.items())
    each = f"up to {markup.byte_count(memory)} of memory, {markup.byte_count(disk)} of temporary disk" if made else ""
    return {
        "Each tile": markup.safe(each),
        "Output": markup.code("/".join(str(place) for place in places if place)),
        "Joins": markup.safe(_joining(plan.joining)),
        "Stages": markup.safe(stages),
        "Job": markup.code(plan.job_id),
    }


def _memory(tile: TileForecast) -> int | None:
    return tile.peak_memory


def _disk(tile: TileForecast) -> int | None:
    return tile.temporary_disk


def _joining(joining: Joining | None) -> str:
    if joining is None:
        return ""
    counts = {"added": joining.added, "replaced": joining.replaced, "left": joining.left, "removed": joining.removed}
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    return f"{joining.collection}, which holds {joining.published:,} items: {told}"


def _tiles(plan: CollectionPlan) -> str:
    """What will not be converted comes first."""
    if not plan.tiles:
        rows = [(markup.safe(source.blob, most=MOST_TEXT), markup.byte_count(source.size)) for source in plan.sources]
        return _folded(markup.table(("Raster", "Size"), rows[:MOST_ROWS], kinds=("", "n")), len(rows))
    sizes = {source.blob: source.size for source in plan.sources}
    ordered = sorted(plan.tiles, key=lambda tile: tile.problem is None)
    head = ("Tile", "Source", "COG", "Pixels", "", "Codec")
    rows_of_tiles = [_row(tile, sizes.get(tile.blob)) for tile in ordered[:MOST_ROWS]]
    return _folded(markup.table(head, rows_of_tiles, kinds=("", "n", "n", "n")), len(ordered))


def _folded(table: str, count: int) -> str:
    more = markup.paragraph(f"{count - MOST_ROWS:,} more", "soft") if count > MOST_ROWS else ""
    title = "1 tile" if count == 1 else f"{count:,} tiles"
    return markup.folded(title, table + more, is_open=count <= MOST_OPEN)


def _row(tile: TileForecast, size: int | None) -> Sequence[str]:
    source = "" if size is None else markup.byte_count(size)
    name = markup.safe(tile.blob, most=MOST_TEXT)
    if tile.problem is not None:
        hint = f'<br><span class="soft">{markup.safe(tile.problem.hint, most=MOST_TEXT)}</span>'
        told = f"{markup.code(tile.problem.code)} {markup.safe(tile.problem.message, most=MOST_TEXT)}{hint}"
        return name, source, markup.badge("will fail", "bad"), "", told, ""
    rows, columns = tile.shape or (0, 0)
    made = "" if tile.bytes_out is None else f"~ {markup.byte_count(tile.bytes_out)}"
    change = "" if tile.resampled is None else "resampled" if tile.resampled else "pixels kept"
    return name, source, made, f"{columns:,} × {rows:,}", change, markup.safe(tile.compression or "")


def _notices(plan: CollectionPlan) -> list[str]:
    lines = [f"{notice.code}: {notice.message}" for notice in plan.notices]
    told = {notice.code for notice in plan.notices}
    for tile in plan.tiles:
        for notice in tile.notices:
            if notice.code not in told:
                told.add(notice.code)
                lines.append(f"{notice.code}: {tile.blob}: {notice.message}")
    return lines
