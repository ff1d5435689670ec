"""What of a job is done again although it was done before: all of it, what failed, a stage, or a tile."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rastercollection.core.engine.reuse import ALL, FAILED, Rerun
from rastercollection.core.models import Task, TaskResult
from rastercollection.core.workflow import Workflow
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.model.checks import close_to

__all__ = ["forgotten_for", "rerun_rule"]


def rerun_rule(wanted: Collection[str], workflow: Workflow, tiles: Collection[str]) -> Rerun:
    """The rule that follows from what was asked for.

    Args:
        wanted: ``all``, ``failed``, names of stages, types of tasks, names of tiles.
        workflow: Of the job.
        tiles: Names of its tiles.

    Raises:
        RequestError: A name is none of these.
    """
    stages = {stage.name: {kind.task_type for kind in stage.kinds} for stage in workflow.stages}
    types = {task_type for found in stages.values() for task_type in found}
    unknown = [name for name in wanted if name not in {ALL, FAILED, *stages, *types}]
    strange = set(unknown) - set(tiles) if unknown else ()
    if strange:
        known = [ALL, FAILED, *stages]
        allowed = f"must be one of {', '.join(known)}, or the name of a tile of the job"
        near = {name: close_to(name, [*known, *tiles]) for name in sorted(strange)}
        raise RequestError([RequestProblem("rerun", repr(name), f"{allowed}{end}") for name, end in near.items()])
    again = {*wanted, *(task_type for name in wanted for task_type in stages.get(name, ()))}

    def rule(task: Task, result: TaskResult) -> bool:
        has_failed = FAILED in again and not result.is_flawless
        return ALL in again or has_failed or task.task_type in again or task.tile in again

    return rule


def forgotten_for(wanted: Collection[str], workflow: Workflow, results: Sequence[TaskResult]) -> tuple[str, ...]:
    """Ids of the tasks whose results have to be forgotten so that whoever runs the job next does them again, once.

    Args:
        wanted, workflow: As for :func:`rerun_rule`.
        results: The journal.

    Raises:
        RequestError: A name is none of these.
    """
    rule = rerun_rule(wanted, workflow, [result.task.tile for result in results if result.task.tile])
    return tuple(result.task.id for result in results if rule(result.task, result))
