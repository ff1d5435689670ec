"""What of an earlier run of a job is taken over: by what was done, never by where it stood."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from rastercollection.core.engine.code_version import code_version
from rastercollection.core.models import Notice, Task, TaskResult, TaskStatus
from rastercollection.core.records import digest
from rastercollection.core.workflow import TaskKind, Workflow
from rastercollection.errors import RecordUnreadableError

__all__ = ["ALL", "FAILED", "Earlier", "Rerun", "identity", "is_final", "nothing_again", "unreadable", "versions"]

ALL, FAILED = "all", "failed"

Rerun = Callable[[Task, TaskResult], bool]
"""Whether a task is to be done again although there is a result of it."""


def nothing_again(_task: Task, _result: TaskResult) -> bool:
    """Nothing is."""
    return False


def versions(workflow: Workflow) -> Mapping[str, str]:
    """Version of the code that does each kind of task, by task type."""
    return {kind.task_type: _version(kind) for stage in workflow.stages for kind in stage.kinds}


def _version(kind: TaskKind) -> str:
    return code_version(kind.handler) if kind.version is None else str(kind.version)


def identity(task: Task) -> str:
    """What makes a task the same as another: its handler, the version of its code, and its parameters.

    What it reads is among the parameters, with its fingerprint.
    """
    return digest([task.handler, task.version, _plain(task.parameters)])


def is_final(result: TaskResult) -> bool:
    """Whether the same task would only fail again."""
    return result.status is TaskStatus.FAILED and result.error is not None and result.error.settled


@attrs.frozen(kw_only=True)
class Earlier:
    """Results of an earlier run: completed ones, and failures that would only repeat themselves.

    Attributes:
        results: By identity of their tasks.
        holds: Whether what a completed one made is there as it was.
        is_to_be_rerun: What is to be done again all the same.
    """

    results: Mapping[str, TaskResult]
    holds: Callable[[TaskResult], bool]
    is_to_be_rerun: Rerun = nothing_again

    @classmethod
    def of(cls, results: Iterable[TaskResult], holds: Callable[[TaskResult], bool], rerun: Rerun) -> Earlier:
        """Of the journal of a job."""
        final = [result for result in results if result.ok or is_final(result)]
        return cls(results={identity(one.task): one for one in final}, holds=holds, is_to_be_rerun=rerun)

    def result(self, task: Task) -> TaskResult | None:
        """The earlier result of a task that is as good as doing it again, if there is one."""
        found = self.results.get(identity(task)) if self.results else None
        if found is None or self.is_to_be_rerun(task, found):
            return None
        return found if not found.ok or self.holds(attrs.evolve(found, task=task)) else None


def unreadable(results: Iterable[TaskResult]) -> tuple[Notice, ...]:
    """What is told of results that the job store could not read; their tasks are done again."""
    bad = [one for one in results if one.error is not None and one.error.code == RecordUnreadableError.code]
    if not bad:
        return ()
    first = bad[0].error.message if bad[0].error else ""
    message = f"{len(bad)} results of an earlier run cannot be read and are made again. The first: {first}"
    return (Notice(code=RecordUnreadableError.code, message=message),)


def _plain(value: Any) -> Any:
    """Parameters without the versions of the records among them, which say how they are written, not what they are."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if key != "schema_version"}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
