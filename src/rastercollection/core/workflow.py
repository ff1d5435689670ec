"""A workflow is an immutable value: stages in order and a finalizer. It runs nothing itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.models import ErrorRecord, Notice, Task, TaskResult, TaskStatus
from rastercollection.errors import WorkflowDefinitionError

__all__ = [
    "Companion",
    "FanIn",
    "FanOut",
    "Finalizer",
    "Handler",
    "JobContext",
    "Plan",
    "PlanContext",
    "Skip",
    "Stage",
    "TaskContext",
    "Workflow",
    "carry_over",
]

_HANDLER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


@attrs.define(kw_only=True)
class TaskContext:
    """What a handler is given beside its parameters.

    Attributes:
        job_id: The job.
        task: The task.
        attempt: Which try this is, from 1.
        resources: What the job's owner passed in (storage, catalog, limits), by name.
        inputs: For the tasks of a fan-in stage, the results of every earlier stage by stage name; empty otherwise.
        notices: Collected by :meth:`notice`, kept with the task's result.
    """

    job_id: str
    task: Task
    attempt: int = 1
    resources: Mapping[str, Any] = attrs.field(factory=dict)
    inputs: Mapping[str, Sequence[TaskResult]] = attrs.field(factory=dict)
    notices: list[Notice] = attrs.field(factory=list)

    def notice(self, code: str, message: str) -> None:
        """Record something the user should know, without stopping."""
        self.notices.append(Notice(code=code, message=message))


Handler = Callable[[Mapping[str, Any], TaskContext], Mapping[str, Any]]
"""``handler(parameters, context)`` does one task and returns JSON-able facts; it raises TaskError or TileError."""


@attrs.frozen(kw_only=True)
class Skip:
    """A planned task that is recorded as skipped, with the reason, instead of being run."""

    task: Task
    reason: ErrorRecord


@attrs.frozen(kw_only=True)
class JobContext:
    """What is known of a job at some point of it.

    Attributes:
        job_id: The job.
        parameters: The job's normalised parameters.
        facts: Found out for this run and not part of the job's identity (the sources with their versions).
        results: Results of every ended stage, in planned order, by stage name.
    """

    job_id: str
    parameters: Mapping[str, Any]
    facts: Mapping[str, Any]
    results: Mapping[str, Sequence[TaskResult]]


@attrs.frozen(kw_only=True)
class PlanContext(JobContext):
    """What a plan knows: the job so far, the stage to plan and its number, from 1."""

    stage: Stage
    number: int

    def task(self, index: int, parameters: Mapping[str, Any], *, tile: str | None = None) -> Task:
        """The ``index``-th task of this stage; its id follows from job, stage number, type and index."""
        return self._task(self.stage, index, parameters, tile)

    def beside(self, companion: Companion, parameters: Mapping[str, Any]) -> Task:
        """A companion's task; its id follows from job, stage number and type."""
        return self._task(companion, 0, parameters, None)

    def _task(self, kind: Stage | Companion, index: int, parameters: Mapping[str, Any], tile: str | None) -> Task:
        return Task(
            id=f"{self.job_id[:16]}-{self.number}-{kind.task_type}-{index:06d}",
            stage=self.number,
            task_type=kind.task_type,
            handler=kind.handler,
            parameters=parameters,
            tile=tile,
        )


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


def _is_handler(name: str) -> bool:
    return _HANDLER.fullmatch(name) is not None


@attrs.frozen(kw_only=True)
class Companion:
    """What else a fan-in stage does, in a task of its own, at the same time as its main one where the executor can.

    Attributes:
        task_type: Name of what it does, another than the stage's own.
        handler: ``module:qualname`` of the function that does it.
    """

    task_type: str
    handler: str

    def __attrs_post_init__(self) -> None:
        if not self.task_type or not _is_handler(self.handler):
            raise WorkflowDefinitionError(
                f"Companion {self.task_type!r}: it needs a task type, and a handler of the form 'module:qualname'.",
                "Name a function that workers can import.",
            )


@attrs.frozen
class FanIn:
    """One stage, one task, made by the engine: it receives the job's parameters and all earlier results.

    Attributes:
        beside: Companions: one task more for each, made alike, which receives the same. The stage ends when all have,
            and fails if one does. Their results are told apart by task type.
    """

    beside: tuple[Companion, ...] = attrs.field(default=(), kw_only=True)

    @property
    def task_count(self) -> int:
        """Tasks of the stage."""
        return 1 + len(self.beside)


@attrs.frozen(kw_only=True)
class Stage:
    """A step of the workflow.

    Attributes:
        name: Unique in the workflow.
        task_type: Name of what its tasks do; a registered handler, unless ``handler`` says otherwise.
        fan: How tasks come about.
        handler: ``module:qualname`` of the function that does one task.
    """

    name: str
    task_type: str
    handler: str
    fan: FanOut | FanIn

    def __attrs_post_init__(self) -> None:
        if not self.name or not self.task_type:
            raise WorkflowDefinitionError("A stage needs a name and a task type.")
        if not _is_handler(self.handler):
            raise WorkflowDefinitionError(
                f"Stage {self.name!r}: handler {self.handler!r} is not of the form 'module:qualname'.",
                "Name a function that workers can import.",
            )
        types = [self.task_type, *(companion.task_type for companion in self.companions)]
        if len(set(types)) < len(types):
            raise WorkflowDefinitionError(
                f"Stage {self.name!r}: two of its tasks have one type ({', '.join(types)}).",
                "Give each companion a task type of its own: results are told apart by it.",
            )

    @property
    def companions(self) -> tuple[Companion, ...]:
        """Of a fan-in stage; a fan-out stage has none."""
        return self.fan.beside if isinstance(self.fan, FanIn) else ()

    @property
    def handlers(self) -> tuple[str, ...]:
        """Of its own tasks and of its companions'."""
        return (self.handler, *(companion.handler for companion in self.companions))


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
) -> Iterator[Task | Skip]:
    """One task for each completed result of the stage before, one skip, with its reason, for each of the others.

    Args:
        context: Of the stage being planned.
        previous: Results of the stage before.
        parameters: Makes a task's parameters from the completed result it continues.
    """
    for index, result in enumerate(previous):
        tile = result.task.tile
        if result.status is TaskStatus.COMPLETED:
            yield context.task(index, parameters(result), tile=tile)
        else:
            reason = result.error or ErrorRecord(code="NOT_RUN", message=f"The stage before ended {result.status}.")
            yield Skip(task=context.task(index, {}, tile=tile), reason=reason)
