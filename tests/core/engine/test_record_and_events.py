"""What the record and the events say of a run: which job, when, how long, how it ended, and why."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import time
from typing import Any

import attrs
import handlers
import pytest
from test_engine import QUICK, ByHand, in_background, job, logged, one_stage, run, word_count

from rastercollection import Workflow, WorkflowDefinitionError
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.events import Event, JobEnded, JobStarted, StageEnded, StageStarted, TaskEnded, TaskRetried
from rastercollection.core.lease import Owner
from rastercollection.core.models import JobStatus, TaskStatus
from rastercollection.core.records import canonical_json, digest


def test_all_events_say_which_job_when_and_how_it_ended() -> None:
    events: list[Event] = []
    began = time.time()
    outcome = run(word_count(), job(texts=["one two", "three", ""]), observers=(events.append,))
    assert {event.job_id for event in events} == {job().id}
    times = [event.at for event in events]
    assert began <= min(times) <= max(times) <= time.time()
    assert times == sorted(times)
    first, last = events[0], events[-1]
    assert isinstance(first, JobStarted)
    assert (first.job_type, first.total_stages, first.reused) == ("word_count", 2, 0)
    assert isinstance(last, JobEnded)
    assert last.status is outcome.job.status is JobStatus.COMPLETED_WITH_ERRORS
    assert last.error is None
    assert 0 <= last.seconds <= time.time() - began
    for ended in (event for event in events if isinstance(event, StageEnded)):
        assert 0 <= ended.seconds <= last.seconds
    assert outcome.executed == 4


def test_plans_are_asked_how_many_tasks_there_will_be() -> None:
    events: list[Event] = []
    workflow = word_count()
    fan = attrs.evolve(workflow.stages[0].fan, expected=lambda context, _: len(context.parameters["texts"]))
    stages = (attrs.evolve(workflow.stages[0], fan=fan), *workflow.stages[1:])
    run(attrs.evolve(workflow, stages=stages), job(texts=["a", "b", "c"]), observers=(events.append,))
    assert [event.expected for event in events if isinstance(event, StageStarted)] == [3, 1]


def test_a_failed_job_says_why_in_its_record_and_to_observers() -> None:
    events: list[Event] = []
    outcome = run(word_count(), job(texts=[""]), observers=(events.append,))
    last = events[-1]
    assert isinstance(last, JobEnded)
    assert last.status is outcome.job.status is JobStatus.FAILED
    assert last.error == outcome.job.error
    assert outcome.job.error is not None


def test_a_retry_says_what_it_is_for_and_a_reused_result_that_it_is(tmp_path: Any) -> None:
    events: list[Event] = []
    run(one_stage(handlers.flaky, [{"succeeds_at": 2}]), retry=QUICK, observers=(events.append,))
    (retried,) = (event for event in events if isinstance(event, TaskRetried))
    assert (retried.error.code, retried.tile, retried.stage) == ("BUSY", "0", 1)
    store = MemoryJobStore()
    told: dict[bool, list[bool]] = {}
    for again in (False, True):
        events.clear()
        run(
            logged(["a"]),
            jobs=store,
            resources={"folder": str(tmp_path)},
            still_holds=lambda _: True,
            observers=(events.append,),
        )
        told[again] = [event.reused for event in events if isinstance(event, TaskEnded)]
    assert told == {False: [False, False], True: [True, True]}


def test_the_record_keeps_when_it_was_made_and_changed() -> None:
    store = MemoryJobStore()
    began = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    first = run(word_count(), job(texts=["a"]), jobs=store).job
    created, updated = (dt.datetime.fromisoformat(text) for text in (first.created_at, first.updated_at))
    assert began <= created <= updated <= dt.datetime.now(dt.UTC)
    time.sleep(0.01)
    second = run(word_count(), job(texts=["a"]), jobs=store).job
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


@pytest.mark.parametrize("texts", [["a"], [""]])
def test_a_finalizer_that_fails_hides_nothing(texts: list[str], caplog: pytest.LogCaptureFixture) -> None:
    def broken(context: Any) -> Any:
        raise ZeroDivisionError("no summary")

    outcome = run(attrs.evolve(word_count(), finalizer=broken), job(texts=texts))
    assert outcome.job.status is JobStatus.FAILED
    assert outcome.job.result is None
    assert outcome.job.error is not None
    assert ("no summary" in outcome.job.error.message) == (texts == ["a"]), "what went wrong first is told"
    assert "the finalizer of word_count failed" in caplog.text


def test_an_observer_that_fails_is_named_in_the_log_with_what_it_was_told(caplog: pytest.LogCaptureFixture) -> None:
    def grumpy(event: Event) -> None:
        raise ValueError

    run(word_count(), job(texts=["a"]), observers=(grumpy,))
    assert "grumpy" in caplog.text
    assert "failed on JobStarted" in caplog.text


def test_a_job_is_leased_by_its_own_id_and_others_run_beside_it() -> None:
    store, executor = MemoryJobStore(), ByHand()
    workflow = one_stage(handlers.count_words, [{"text": "a"}])
    thread, answers = in_background(lambda: run(workflow, executor=executor, jobs=store))
    executor.wait_for(1)
    assert store.acquire(job().id, Owner.current(), 1) is None
    other = run(workflow, attrs.evolve(job(), id="e" * 64), jobs=store, lease_seconds=0.5)
    assert other.job.status is JobStatus.COMPLETED
    executor.complete(0)
    thread.join(10)
    assert answers[0].job.status is JobStatus.COMPLETED


def test_a_fan_in_task_depends_on_what_was_done_before_by_a_lasting_digest() -> None:
    """Results in a database of any age are found again by it."""
    store = MemoryJobStore()
    run(word_count(), job(texts=["one two", ""]), jobs=store)
    total = hashlib.sha256()
    for line in (["text 0", "completed", {"words": 2}, None], ["text 1", "failed", None, "TEXT_EMPTY"]):
        total.update(canonical_json(line).encode() + b"\n")
    (last,) = (result for result in store.results(job().id) if result.task.stage == 2)
    assert last.task.parameters["inputs"] == digest({"count": total.hexdigest()})


def test_what_waits_for_another_try_when_a_job_is_stopped_is_cancelled_in_its_place() -> None:
    workflow = one_stage(handlers.flaky, [{"succeeds_at": 9}, {"succeeds_at": 1}, {"succeeds_at": 9}])

    events: list[Event] = []
    cancel = threading.Event()

    def watch(event: Event) -> None:
        events.append(event)
        if sum(isinstance(each, TaskRetried) for each in events) == 2:
            cancel.set()

    outcome = run(
        workflow, cancel=cancel, observers=(watch,), window=3, retry=attrs.evolve(QUICK, base=60.0, limit=60.0)
    )
    (results,) = outcome.results.values()
    assert [result.task.tile for result in results] == ["0", "1", "2"]
    assert [result.status for result in results] == [TaskStatus.CANCELLED, TaskStatus.COMPLETED, TaskStatus.CANCELLED]
    assert results[0].notices[0].code == "RETRIED"
    assert outcome.job.status is JobStatus.CANCELLED


def test_stages_are_put_in_and_left_out_by_name() -> None:
    workflow: Workflow = word_count()
    extra = attrs.evolve(workflow.stages[0], name="extra")
    names = [stage.name for stage in workflow.insert_before("total", extra).stages]
    assert names == ["count", "extra", "total"]
    longer = workflow.insert_after("total", extra)
    assert [stage.name for stage in longer.stages] == ["count", "total", "extra"]
    assert [stage.name for stage in longer.without("count").stages] == ["total", "extra"]
    with pytest.raises(WorkflowDefinitionError, match="has no stage 'nowhere'") as caught:
        workflow.without("nowhere")
    assert "count, total" in caught.value.hint
