"""One attempt at one task, as it runs where the executor runs: whatever a handler does, an outcome comes back."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from rastercollection import TaskContext, TileError
from rastercollection.core.engine.worker import Outcome, load_handler, run_task
from rastercollection.core.models import Task
from rastercollection.errors import WorkflowDefinitionError


class Things:
    @staticmethod
    def deep(error: BaseException, floors: int) -> None:
        if floors == 0:
            raise error  # the ground
        Things.deep(error, floors - 1)

    @staticmethod
    def say(parameters: Mapping[str, Any], context: TaskContext) -> Any:
        context.notice("TOLD", "before anything else")
        if "raises" in parameters:
            Things.deep(parameters["raises"], 12)
        seen = context.job_id, context.attempt, sorted(context.resources), sorted(context.inputs)
        context.notice("SEEN", str(seen))
        return parameters["value"]


def run(**parameters: Any) -> Outcome:
    task = Task(id="t", stage=1, task_type="say", handler=f"{__name__}:Things.say", parameters=parameters)
    outcome = run_task("job", task, 2, {"storage": 1}, {"before": ()})
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    assert 0 <= outcome.seconds < 5
    return outcome


def test_a_value_and_what_the_handler_was_given() -> None:
    outcome = run(value={"a": (1, float("nan"))})
    assert (outcome.value, outcome.error) == ({"a": [1, "nan"]}, None)
    assert [notice.message for notice in outcome.notices][1:] == ["('job', 2, ['storage'], ['before'])"]


@pytest.mark.parametrize("value", [None, [1], "text", 5, {"a": object()}, {"a": {1, 2}}])
def test_what_is_no_jsonable_mapping(value: Any) -> None:
    outcome = run(value=value)
    assert outcome.value is None
    assert outcome.error is not None
    assert outcome.error.code == "RESULT_NOT_JSON"
    assert "Things.say" in outcome.error.message
    assert "JSON serializable" in outcome.error.message or f"it is a {type(value).__name__}" in outcome.error.message
    assert "dict" in outcome.error.hint


def test_errors_of_the_library_keep_all_they_say() -> None:
    outcome = run(raises=TileError("No.", "Do.", "BROKEN", details={"at": 5}, retryable=True))
    error = outcome.error
    assert error is not None
    assert (error.code, error.message, error.hint, error.retryable) == ("BROKEN", "No.", "Do.", True)
    assert error.details == {"at": 5}
    assert outcome.value is None
    assert [notice.code for notice in outcome.notices] == ["TOLD"], "what was told before it failed"


def test_a_bug_is_its_tasks_failure_with_the_place_where_it_lies() -> None:
    error = run(raises=KeyError("gone")).error
    assert error is not None
    assert (error.code, error.message) == ("UNEXPECTED_ERROR", "KeyError: 'gone'")
    assert "raise error  # the ground" in error.details["traceback"]
    assert "bug" in error.hint


def test_want_of_memory_says_what_to_do() -> None:
    error = run(raises=MemoryError("5 GiB")).error
    assert error is not None
    assert (error.code, error.message) == ("OUT_OF_MEMORY", "Memory ran out: 5 GiB")
    assert "in_memory=False" in error.hint


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interrupts_get_through(kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        run(raises=kind())


@pytest.mark.parametrize("name", ["no.such.module:f", f"{__name__}:Things.shout", f"{__name__}:nothing"])
def test_handlers_that_cannot_be_imported(name: str) -> None:
    with pytest.raises(WorkflowDefinitionError, match="cannot be imported") as caught:
        load_handler(name)
    assert name in caught.value.message
    assert "workers" in caught.value.hint
