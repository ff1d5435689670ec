"""What the user should know of a job's tiles, and of those that they join, when they are published."""

from __future__ import annotations

from collections.abc import Sequence

from rastercollection.core.contexts import TaskContext
from rastercollection.disclosure.listing import listed
from rastercollection.model.cog import Cog
from rastercollection.model.joining import PublishedTile
from rastercollection.model.names import source_mark
from rastercollection.ports.addresses import public_form
from rastercollection.stac.items import is_dated
from rastercollection.stac.published import published_tile
from rastercollection.stac.terms import EARLIEST
from rastercollection.stages.members import Members

__all__ = ["report_tiles"]


def report_tiles(members: Members, context: TaskContext) -> None:
    """Say what the user should know of the job's tiles, and of those that they join."""
    _report_undated(members.made, context)
    _report_other_sources(members, context)
    _report_same_sources(members, context)


def _report_undated(cogs: Sequence[Cog], context: TaskContext) -> None:
    undated = [cog.source_blob for cog in cogs if not is_dated(cog)]
    if undated:
        context.notice(
            "DATETIME_UNKNOWN",
            f"{len(undated)} of {len(cogs)} items are without an acquisition time and stand at {EARLIEST}, where no "
            f"search looks ({listed(undated)}): set `datetime` or `datetime_pattern`; require_datetime=True refuses "
            "them.",
        )


def _report_other_sources(members: Members, context: TaskContext) -> None:
    """Say where an item is replaced that was made of another source, as a.tif and a.png would give one id."""
    made = {cog.item_id: cog for cog in members.made}
    other = [
        f"{tile.item_id} (of {_names_of_both(tile, cog)})"
        for tile in map(published_tile, members.replaced)
        if not tile.is_of((cog := made[tile.item_id]).source_container, cog.source_blob)
    ]
    if other:
        context.notice(
            "ITEM_OF_OTHER_SOURCE",
            f"{len(other)} items take the place of items that were made of other sources: {listed(other)}. Give the "
            "sources distinct names, or use collections of their own.",
        )


def _report_same_sources(members: Members, context: TaskContext) -> None:
    """Say where items stay that were made of the job's own sources, as the two sides of a tile that is one now."""
    made = {source_mark(cog.source_container, cog.source_blob) for cog in members.made}
    same = [tile.item_id for tile in map(published_tile, members.items) if tile.source in made]
    if same:
        context.notice(
            "ITEM_OF_SAME_SOURCE",
            f"{len(same)} items of the collection were made of sources that have other items now, and show the same: "
            f"{listed(same)}. Remove them, or run a job of all sources with mode='replace'.",
        )


def _names_of_both(tile: PublishedTile, cog: Cog) -> str:
    """Which source an item was made of, and which it is now; only containers tell those of one name apart."""
    if tile.title != cog.source_blob:
        return f"{tile.title}, now of {cog.source_blob}"
    return f"{tile.title} in another container, now of that in {public_form(cog.source_container)}"
