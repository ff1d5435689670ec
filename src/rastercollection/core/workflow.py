"""A workflow is an immutable value: stages in order and a finalizer. It runs nothing itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.contexts import JobContext, PlanContext, StartContext, TaskContext
from rastercollection.core.models import ErrorRecord, Task, TaskResult, TaskStatus
from rastercollection.core.records import from_dict
from rastercollection.errors import WorkflowDefinitionError

__all__ = [
    "Admission",
    "Companion",
    "FanIn",
    "FanOut",
    "Finalizer",
    "Handler",
    "Plan",
    "Skip",
    "Stage",
    "StillHolds",
    "Successor",
    "Summary",
    "TaskKind",
    "Workflow",
    "carry_over",
]

_HANDLER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")

Handler = Callable[[Mapping[str, Any], TaskContext], Mapping[str, Any]]
"""``handler(parameters, context)`` does one task and returns JSON-able facts; it raises TaskError or TileError."""


@attrs.frozen(kw_only=True)
class Skip:
    """A planned task that is recorded as skipped, with the reason, instead of being run."""

    task: Task
    reason: ErrorRecord


Plan = Callable[[PlanContext, Sequence[TaskResult]], Iterable[Task | Skip]]
"""``plan(context, previous_results)`` yields the tasks of a stage, lazily; pure, no I/O."""

Finalizer = Callable[[JobContext], Mapping[str, Any]]
"""``finalizer(context)`` makes the job's JSON-able summary from ``context.results``, also of a failed job."""


@attrs.frozen
class FanOut:
    """One stage, many tasks.

    Attributes:
        plan: Yields the tasks.
        expected: The number of tasks where it is known beforehand, for progress.
        needs_one: The job fails when no task of the stage completes.
    """

    plan: Plan
    expected: Callable[[PlanContext, Sequence[TaskResult]], int] | None = attrs.field(default=None, kw_only=True)
    needs_one: bool = attrs.field(default=True, kw_only=True)


StillHolds = Callable[[TaskResult, Mapping[str, Any]], bool]
"""``still_holds(result, resources)``: whether what an earlier run made is there as it was; it may do I/O."""

Successor = Callable[[TaskResult, Mapping[str, Any]], Mapping[str, Any] | None]
"""``successor(result, resources)``: what the summary says of what another job has put in the place of a result that no
longer holds; None where nothing took its place, and the task has to be done again."""

Summary = Callable[[JobContext, Sequence[TaskResult]], Mapping[str, Any]]
"""``summary(context, results)``: what a job's summary says of these results, by key; also of none. Pure."""

Admission = Callable[[StartContext], Any]
"""``admit(context)`` returns the job's facts, without what is not to be done; it raises where nothing may be."""


@attrs.frozen(kw_only=True)
class TaskKind:
    """One kind of tasks: who does them, and what there is to know of their results.

    Attributes:
        task_type: Name of what they do.
        handler: ``module:qualname`` of the function that does one.
        still_holds: Asked of earlier results, besides whether the objects among their ``outputs`` are as they were.
        successor: Asked of results of a finished job that no longer hold.
        summary: What the job's summary says of them.
        version: Changes whenever the same parameters give another output; None where the handler's own code tells.
        record: Class of the values that the handler returns as dicts; an earlier one that is none is not taken over.
        ignores: Parameters of the job that a fan-in task is not given: what it makes does not follow from them.
    """

    task_type: str
    handler: str
    still_holds: StillHolds | None = None
    successor: Successor | None = None
    summary: Summary | None = None
    version: int | None = None
    record: type | None = None
    ignores: tuple[str, ...] = ()

    def holds(self, result: TaskResult, resources: Mapping[str, Any]) -> bool:
        """Whether nothing speaks against an earlier result of this kind.

        Raises:
            RasterCollectionError: Its value is no record of the class that the handler makes.
        """
        if self.record is not None:
            from_dict(self.record, result.value or {})
        return self.still_holds is None or self.still_holds(result, resources)

    def _check(self, called: str, *functions: str) -> None:
        for function in functions:
            if not self.task_type or not _HANDLER.fullmatch(function):
                raise WorkflowDefinitionError(
                    f"{called}: it needs a task type, and its handler {function!r} the form 'module:qualname'.",
                    "Name a function that workers can import.",
                )


@attrs.frozen(kw_only=True)
class Companion(TaskKind):
    """What else a fan-in stage does, in a task of its own, at the same time as its main one where the executor can.

    Its task type is another than the stage's own.
    """

    def __attrs_post_init__(self) -> None:
        self._check(f"Companion {self.task_type!r}", self.handler)


@attrs.frozen
class FanIn:
    """One stage, one task, made by the engine: it receives the job's parameters and all earlier results.

    Attributes:
        beside: Companions: one task more for each, made alike, which receives the same. The stage ends when all have,
            and fails if one does. Their results are told apart by task type.
    """

    beside: tuple[Companion, ...] = attrs.field(default=(), kw_only=True)


@attrs.frozen(kw_only=True)
class Stage(TaskKind):
    """A step of the workflow: all that there is to know of it.

    Attributes:
        name: Unique in the workflow.
        fan: How tasks come about.
        admit: Looks at the job before anything is done; may refuse it, or leave out a part of it.
        forecast: ``module:qualname`` of a function that is called like the handler, makes nothing and tells what the
            handler would return, or the plan's reader should know; None where that takes doing it.
        product: Address of what a task made of its tile; None where the stage makes no end product. The last stage that
            has one tells what became of a tile.
    """

    name: str
    fan: FanOut | FanIn
    admit: Admission | None = None
    forecast: str | None = None
    product: Callable[[TaskResult], str] | None = None

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise WorkflowDefinitionError("A stage needs a name and a task type.")
        self._check(f"Stage {self.name!r}", self.handler, *([] if self.forecast is None else [self.forecast]))
        types = [kind.task_type for kind in self.kinds]
        if len(set(types)) < len(types):
            raise WorkflowDefinitionError(
                f"Stage {self.name!r}: two of its tasks have one type ({', '.join(types)}).",
                "Give each companion a task type of its own: results are told apart by it.",
            )

    @property
    def kinds(self) -> tuple[TaskKind, ...]:
        """Of its own tasks and of its companions'; a fan-out stage has no companions."""
        return (self, *self.fan.beside) if isinstance(self.fan, FanIn) else (self,)


@attrs.frozen(kw_only=True)
class Workflow:
    """Stages in order and a finalizer.

    Attributes:
        name: The job type.
        stages: Run one after the other; a stage starts when the last task of the one before has ended.
        finalizer: Makes the summary.
    """

    name: str
    stages: tuple[Stage, ...]
    finalizer: Finalizer

    def __attrs_post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if not names:
            raise WorkflowDefinitionError(f"Workflow {self.name!r} has no stages.")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise WorkflowDefinitionError(
                f"Workflow {self.name!r} has several stages called {', '.join(twice)}.",
                "Results are found by stage name: make them unique.",
            )

    def insert_before(self, name: str, stage: Stage) -> Workflow:
        """A copy with ``stage`` in front of the stage called ``name``."""
        at = self._position(name)
        return attrs.evolve(self, stages=(*self.stages[:at], stage, *self.stages[at:]))

    def insert_after(self, name: str, stage: Stage) -> Workflow:
        """A copy with ``stage`` behind the stage called ``name``."""
        at = self._position(name) + 1
        return attrs.evolve(self, stages=(*self.stages[:at], stage, *self.stages[at:]))

    def without(self, name: str) -> Workflow:
        """A copy without the stage called ``name``."""
        at = self._position(name)
        return attrs.evolve(self, stages=(*self.stages[:at], *self.stages[at + 1 :]))

    def kind_of(self, task: Task) -> TaskKind | None:
        """What is known of such a task: of its stage or, where an earlier run had other stages, of any; else None."""
        here = self.stages[task.stage - 1].kinds if 0 < task.stage <= len(self.stages) else ()
        everywhere = (kind for stage in self.stages for kind in stage.kinds)
        return next((kind for kind in (*here, *everywhere) if kind.task_type == task.task_type), None)

    def _position(self, name: str) -> int:
        for position, stage in enumerate(self.stages):
            if stage.name == name:
                return position
        raise WorkflowDefinitionError(
            f"Workflow {self.name!r} has no stage {name!r}.",
            f"Its stages: {', '.join(stage.name for stage in self.stages)}.",
        )


def carry_over(
    context: PlanContext,
    previous: Sequence[TaskResult],
    parameters: Callable[[TaskResult], Mapping[str, Any]],
    size: Callable[[TaskResult], int] = lambda result: result.task.size,
) -> Iterator[Task | Skip]:
    """One task for each completed result of the stage before, one skip, with its reason, for each of the others.

    Args:
        context: Of the stage being planned.
        previous: Results of the stage before.
        parameters: Makes a task's parameters from the completed result it continues.
        size: How much there is to do; as much as in the stage before, unless it says otherwise.
    """
    for index, result in enumerate(previous):
        tile = result.task.tile
        if result.status is TaskStatus.COMPLETED:
            yield context.task(index, parameters(result), tile=tile, size=size(result))
        else:
            reason = result.error or ErrorRecord(code="NOT_RUN", message=f"The stage before ended {result.status}.")
            yield Skip(task=context.task(index, {}, tile=tile), reason=reason)
