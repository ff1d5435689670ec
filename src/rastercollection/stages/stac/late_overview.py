"""The overview of a collection that others have added to while this job's was made: whoever comes last makes it."""

from __future__ import annotations

from rastercollection.core.contexts import TaskContext
from rastercollection.core.engine.worker import load_handler
from rastercollection.core.models import TaskResult
from rastercollection.core.records import from_dict
from rastercollection.errors import TaskError
from rastercollection.model.mosaic import Overview
from rastercollection.mosaics.low_zooms import LowZooms, find_low_zooms
from rastercollection.mosaics.mosaicjson import members_digest
from rastercollection.stages.fan_in import overview_result
from rastercollection.stages.members import Members

__all__ = ["is_outdated", "make_anew"]


def is_outdated(overview: Overview | None, members: Members) -> bool:
    """Whether an overview does not show all members, or there is none although they need one.

    One of a user's stage need not tell what it shows.
    """
    if overview is None or overview.members in ("", members_digest(members.cogs)):
        return False
    return overview.image is not None or isinstance(find_low_zooms([cog.file for cog in members.combined]), LowZooms)


def make_anew(context: TaskContext) -> Overview | None:
    """An overview of the collection as it is published now, by the handler that has made the job's own.

    None where that fails, which is told: the items are published, and running the job again makes it.
    """
    made = overview_result(context)
    if made is None:
        return None
    try:
        return from_dict(Overview, load_handler(made.task.handler)(_of_all(made), context))
    except TaskError as error:
        context.notice(
            "OVERVIEW_OUTDATED",
            "Another job changed the collection in the meantime, and another overview could not be made: "
            f"[{error.code}] {error.message} The one that is published, if any, does not show all of it. Run this job "
            "again to have it made.",
        )
        return None


def _of_all(made: TaskResult) -> dict[str, object]:
    """The parameters of the job's own, with which others stay that were published since, whatever the mode."""
    return {**made.task.parameters, "job": {**made.task.parameters["job"], "mode": "upsert"}}
