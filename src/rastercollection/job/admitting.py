"""What the stages of a workflow let in of a job, asked before anything is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.contexts import StartContext
from rastercollection.core.models import Notice, TaskResult
from rastercollection.core.records import from_dict
from rastercollection.core.workflow import Admission, Workflow
from rastercollection.errors import RasterCollectionError, WorkflowDefinitionError
from rastercollection.model.output import Made, Verify
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import Sources
from rastercollection.ports.storage import StorageBackend
from rastercollection.stages.cog.settling import settle_names
from rastercollection.stages.verifying import is_as_written

__all__ = ["admitted", "are_there"]


def admitted(
    request: CollectionRequest,
    workflow: Workflow,
    sources: Sources,
    *,
    resources: Mapping[str, Any],
    earlier: Sequence[TaskResult],
    still_holds: Callable[[TaskResult], bool],
    is_plan: bool,
) -> Sources:
    """The sources that every stage lets in.

    The last stage is asked first: what it does not publish, those before it need not make. Where it lets nothing in,
    no other is asked.

    Args:
        request: What was asked for.
        workflow: What is to be done.
        sources: What was found.
        resources: What handlers will be given.
        earlier: Results of an earlier run of the job.
        still_holds: Whether what such a result says is there, is.
        is_plan: Nothing may be written.

    Raises:
        RasterCollectionError: A stage refuses the job.
    """
    notices, results = list(sources.notices), _by_stage(workflow, earlier)
    sources = settle_names(request, sources, resources)
    context = StartContext(
        job_id=request.job_id,
        workflow=workflow,
        parameters=request.to_parameters(),
        facts=sources,
        results=results,
        resources=resources,
        still_holds=still_holds,
        notice=lambda code, message: notices.append(Notice(code=code, message=message)),
        is_plan=is_plan,
    )
    for stage in reversed(workflow.stages):
        if stage.admit is None:
            continue
        sources = _let_in(stage.name, stage.admit, attrs.evolve(context, facts=sources))
        if not sources.files:
            break
    return attrs.evolve(sources, notices=tuple(notices))


def _let_in(name: str, admit: Admission, context: StartContext) -> Sources:
    """What one stage lets in, which may be a user's.

    Raises:
        WorkflowDefinitionError: It did not say.
    """
    sources = admit(context)
    if not isinstance(sources, Sources):
        raise WorkflowDefinitionError(
            f"Stage {name!r}: its admit returned {sources!r}, no Sources.", "Return context.facts."
        )
    return sources


def are_there(result: TaskResult, storage: StorageBackend, verify: Verify) -> bool:
    """Whether what any handler says it wrote is as it was; what it says in words of its own cannot be looked at.

    Raises:
        BackendError: The store could not be asked.
    """
    try:
        outputs = from_dict(Made, result.value or {}).outputs
    except RasterCollectionError:
        return False
    return all(is_as_written(output, storage, verify) for output in outputs)


def _by_stage(workflow: Workflow, results: Sequence[TaskResult]) -> Mapping[str, Sequence[TaskResult]]:
    """Results of an earlier run by the stages that make such now, wherever they stood in the workflow then."""
    names = {kind.task_type: stage.name for stage in workflow.stages for kind in stage.kinds}
    found: dict[str, list[TaskResult]] = defaultdict(list)
    for result in results:
        if result.task.task_type in names:
            found[names[result.task.task_type]].append(result)
    return found
