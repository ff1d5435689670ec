"""What the functions of a workflow are given: handlers of tasks, admissions, plans and finalizers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.core.models import Fault, Notice, Notify, Task, TaskResult

if TYPE_CHECKING:
    from rastercollection.core.workflow import Stage, TaskKind, Workflow

__all__ = ["JobContext", "PlanContext", "StartContext", "TaskContext"]


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
        faults: Collected by :meth:`fault`, kept with the task's result.
    """

    job_id: str
    task: Task
    attempt: int = 1
    resources: Mapping[str, Any] = attrs.field(factory=dict)
    inputs: Mapping[str, Sequence[TaskResult]] = attrs.field(factory=dict)
    notices: list[Notice] = attrs.field(factory=list)
    faults: list[Fault] = attrs.field(factory=list)

    def notice(self, code: str, message: str) -> None:
        """Record something the user should know, without stopping."""
        self.notices.append(Notice(code=code, message=message))

    def fault(self, tile: str, code: str, message: str, hint: str = "") -> None:
        """Record what is wrong with a tile, without stopping: the job completes with errors."""
        self.faults.append(Fault(tile=tile, code=code, message=message, hint=hint))


@attrs.frozen(kw_only=True)
class JobContext:
    """What is known of a job at some point of it.

    Attributes:
        job_id: The job.
        workflow: What it runs.
        parameters: The job's normalised parameters.
        facts: Found out for this run and not part of the job's identity; a value of the workflow's own.
        results: Results of every ended stage, in planned order, by stage name.
        notices: About the job as a whole, so far: what was told of the request, and what plans have told.
    """

    job_id: str
    workflow: Workflow
    parameters: Mapping[str, Any]
    facts: Any
    results: Mapping[str, Sequence[TaskResult]]
    notices: tuple[Notice, ...] = ()

    def results_of(self, kind: TaskKind) -> tuple[TaskResult, ...]:
        """Results of the tasks of one kind, in planned order."""
        return tuple(
            result
            for stage in self.workflow.stages
            if kind in stage.kinds
            for result in self.results.get(stage.name, ())
            if result.task.task_type == kind.task_type
        )


@attrs.frozen(kw_only=True)
class StartContext(JobContext):
    """What a stage may look at before anything is done; ``results`` are those of an earlier run of the job.

    Attributes:
        resources: What handlers will be given.
        still_holds: Whether what an earlier result says is there, is.
        notice: Records something the user should know.
        is_plan: The job is only planned: nothing may be written.
    """

    resources: Mapping[str, Any]
    still_holds: Callable[[TaskResult], bool]
    notice: Notify
    is_plan: bool = False


@attrs.frozen(kw_only=True)
class PlanContext(JobContext):
    """What a plan knows: the job so far, the stage to plan and its number, from 1.

    Attributes:
        notice: Records something the user should know of the job as a whole; it is part of the summary.
        versions: Of the code that does each kind of task, by task type.
    """

    stage: Stage
    number: int
    notice: Notify
    versions: Mapping[str, str] = attrs.field(factory=dict)

    def task(self, index: int, parameters: Mapping[str, Any], *, tile: str | None = None, size: int = 0) -> Task:
        """The ``index``-th task of this stage; its id follows from job, stage number, type and index.

        Args:
            index: From 0.
            parameters: JSON-able, for the handler.
            tile: Name of the source that it is about.
            size: How much there is to do, in bytes of data, where it is known.
        """
        return self._task(self.stage, index, parameters, tile, size)

    def fan_in(self, parameters: Mapping[str, Any]) -> list[Task]:
        """The task of a fan-in stage and those of its companions, all with the same parameters.

        Args:
            parameters: With those of the job as ``job``, of which each kind is given those that it does not ignore.
        """
        size = sum(result.task.size for results in self.results.values() for result in results)
        return [self._task(kind, 0, _without(parameters, kind.ignores), None, size) for kind in self.stage.kinds]

    def _task(self, kind: TaskKind, index: int, parameters: Mapping[str, Any], tile: str | None, size: int) -> Task:
        return Task(
            id=f"{self.job_id[:16]}-{self.number}-{kind.task_type}-{index:06d}",
            stage=self.number,
            task_type=kind.task_type,
            handler=kind.handler,
            parameters=parameters,
            tile=tile,
            version=self.versions.get(kind.task_type, ""),
            size=size,
        )


def _without(parameters: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any]:
    if not names:
        return parameters
    job = {name: value for name, value in parameters["job"].items() if name not in names}
    return {**parameters, "job": job}
