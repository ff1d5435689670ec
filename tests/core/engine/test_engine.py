"""The engine on workflows without a raster: order, window, retries, failures, resume, cancellation, events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import attrs
import handlers
import pytest

from rastercollection import (
    Companion,
    FanIn,
    FanOut,
    JobBusyError,
    Skip,
    Stage,
    Workflow,
    WorkflowDefinitionError,
    carry_over,
)
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.engine.attempts import RetryPolicy
from rastercollection.core.engine.engine import Engine
from rastercollection.core.engine.job_run import JobOutcome
from rastercollection.core.events import Event, JobEnded, JobStarted, StageEnded, StageStarted, TaskEnded, TaskRetried
from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.core.lease import Owner
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus, Task, TaskStatus
from rastercollection.errors import ExecutorBrokenError, WorkerDiedError
from rastercollection.executors.serial import SerialExecutor
from rastercollection.executors.thread import ThreadExecutor

QUICK = RetryPolicy(attempts=3, base=0.01)


def handler(function: Callable[..., Any]) -> str:
    return f"handlers:{function.__name__}"


def one_stage(function: Callable[..., Any], parameters: list[dict[str, Any]], **fan: Any) -> Workflow:
    """A workflow whose only stage runs ``function`` once for each of ``parameters``."""

    def plan(context: Any, previous: Any) -> Iterator[Any]:
        for index, each in enumerate(parameters):
            yield context.task(index, each, tile=str(index))

    stage = Stage(name="only", task_type="work", handler=handler(function), fan=FanOut(plan, **fan))
    return Workflow(name="test", stages=(stage,), finalizer=lambda context: {"done": len(context.results)})


def word_count() -> Workflow:
    """Texts in, the total of their words out."""

    def plan(context: Any, previous: Any) -> Iterator[Any]:
        for index, text in enumerate(context.parameters["texts"]):
            yield context.task(index, {"text": text}, tile=f"text {index}")

    def finalize(context: Any) -> dict[str, Any]:
        last = context.results.get("total", ())
        return {"total": last[0].value["total"] if last and last[0].ok else None}

    return Workflow(
        name="word_count",
        stages=(
            Stage(name="count", task_type="count", handler=handler(handlers.count_words), fan=FanOut(plan)),
            Stage(name="total", task_type="total", handler=handler(handlers.total), fan=FanIn()),
        ),
        finalizer=finalize,
    )


def job(**parameters: Any) -> JobRecord:
    return JobRecord(id="f" * 64, job_type="test", parameters={"title": "t", **parameters})


def run(workflow: Workflow, record: JobRecord | None = None, **engine: Any) -> JobOutcome:
    engine.setdefault("jobs", MemoryJobStore())
    engine.setdefault("retry", QUICK)
    with engine.pop("executor", None) or ThreadExecutor(max_workers=2) as executor:
        return Engine(executor=executor, **engine).run(workflow, record or job())


class ByHand:
    """An executor whose futures the test completes itself, in the order it likes."""

    def __init__(self, workers: int = 2) -> None:
        self.capabilities = ExecutorCapabilities(max_workers=workers, shares_memory=True)
        self.calls: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.submitted = threading.Semaphore(0)

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.calls.append((future, lambda: fn(*args, **kwargs)))
        self.submitted.release()
        return future

    def complete(self, number: int) -> None:
        future, call = self.calls[number]
        future.set_running_or_notify_cancel()
        future.set_result(call())

    def fail(self, number: int, error: BaseException) -> None:
        self.calls[number][0].set_running_or_notify_cancel()
        self.calls[number][0].set_exception(error)

    def wait_for(self, count: int) -> None:
        for _ in range(count):
            assert self.submitted.acquire(timeout=10)

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None: ...

    def __enter__(self) -> ByHand:
        return self

    def __exit__(self, *exc: object) -> None: ...


def in_background(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()), daemon=True)
    thread.start()
    return thread, answers


def test_fan_out_then_fan_in_over_a_workflow_without_rasters() -> None:
    outcome = run(word_count(), job(texts=["one two", "three"]))
    assert outcome.job.status is JobStatus.COMPLETED
    assert outcome.job.result == {"total": 3}
    assert outcome.results["total"][0].value == {"total": 3, "stages": ["count"], "job": "t"}
    assert outcome.job.current_stage == outcome.job.total_stages == 2


def test_a_bad_task_is_left_out_with_its_reason_and_the_rest_goes_on() -> None:
    outcome = run(word_count(), job(texts=["one two", "", "HEY"]))
    assert outcome.job.status is JobStatus.COMPLETED_WITH_ERRORS
    assert outcome.job.result == {"total": 3}
    good, bad, loud = outcome.results["count"]
    assert good.ok
    assert bad.error == ErrorRecord(
        code="TEXT_EMPTY",
        message="The text is empty.",
        hint="Write something.",
        details={"length": 0},
        settled=True,
    )
    assert bad.attempts == 1
    assert [notice.code for notice in loud.notices] == ["SHOUTING"]


def test_no_good_task_fails_the_job_with_every_reason() -> None:
    outcome = run(word_count(), job(texts=["", ""]))
    assert outcome.job.status is JobStatus.FAILED
    assert outcome.job.error is not None
    assert outcome.job.error.message.count("TEXT_EMPTY") == 2
    assert outcome.job.result == {"total": None}
    assert "total" not in outcome.results


def test_policy_fail_stops_at_the_first_bad_task() -> None:
    workflow = one_stage(handlers.count_words, [{"text": ""}, *[{"text": "a"}] * 50])
    outcome = run(workflow, executor=SerialExecutor(), stop_on_error=True, window=1)
    assert outcome.job.status is JobStatus.FAILED
    assert outcome.executed == 1


def test_a_stage_can_be_inserted_and_sees_what_came_before() -> None:
    double = Stage(
        name="double",
        task_type="double",
        handler=handler(handlers.double),
        fan=FanOut(lambda context, previous: carry_over(context, previous, lambda result: result.value)),
    )
    outcome = run(word_count().insert_after("count", double), job(texts=["one two", "", "three"]))
    assert outcome.job.result == {"total": 6}
    assert [result.status for result in outcome.results["double"]] == ["completed", "skipped", "completed"]
    assert outcome.results["double"][1].error.code == "TEXT_EMPTY"


def test_only_as_many_tasks_as_the_window_are_pulled_and_submitted() -> None:
    pulled = []

    def plan(context: Any, previous: Any) -> Iterator[Any]:
        for index in range(1000):
            pulled.append(index)
            yield context.task(index, {"text": "a"})

    stage = Stage(name="only", task_type="work", handler=handler(handlers.count_words), fan=FanOut(plan))
    executor = ByHand(workers=3)
    cancel = threading.Event()
    workflow = Workflow(name="test", stages=(stage,), finalizer=lambda context: {})
    thread, answers = in_background(lambda: run(workflow, executor=executor, cancel=cancel))
    executor.wait_for(6)
    time.sleep(0.1)
    assert (len(executor.calls), len(pulled)) == (6, 6)
    executor.complete(4)
    executor.wait_for(1)
    assert len(pulled) == 7
    cancel.set()
    for number in (0, 1, 2, 3, 5, 6):
        if not executor.calls[number][0].cancelled():
            executor.calls[number][0].cancel()
    thread.join(10)
    assert answers[0].job.status is JobStatus.CANCELLED


def test_results_are_in_planned_order_whatever_the_order_of_completion() -> None:
    executor = ByHand(workers=2)
    workflow = one_stage(handlers.count_words, [{"text": "a " * n} for n in (1, 2, 3, 4)])
    thread, answers = in_background(lambda: run(workflow, executor=executor))
    executor.wait_for(4)
    for number in (3, 0, 2, 1):
        executor.complete(number)
    thread.join(10)
    assert [result.value["words"] for result in answers[0].results["only"]] == [1, 2, 3, 4]


def test_a_straggler_blocks_nobody() -> None:
    handlers.RELEASED.clear()
    ended: list[str] = []

    def watch(event: Event) -> None:
        if isinstance(event, TaskEnded):
            ended.append(event.result.task.tile)
            if len(ended) == 30:
                handlers.RELEASED.set()

    workflow = one_stage(handlers.wait_for_release, [{"slow": index == 0} for index in range(31)])
    outcome = run(workflow, observers=(watch,))
    assert outcome.job.status is JobStatus.COMPLETED
    assert ended[-1] == "0"


def test_retryable_failures_are_tried_again_and_every_try_is_recorded() -> None:
    events: list[Event] = []
    workflow = one_stage(handlers.flaky, [{"succeeds_at": 1}, {"succeeds_at": 3}, {"succeeds_at": 9}])
    outcome = run(workflow, observers=(events.append,))
    first, third, never = outcome.results["only"]
    assert [result.attempts for result in (first, third, never)] == [1, 3, 3]
    assert third.ok
    assert [notice.code for notice in third.notices] == ["RETRIED", "RETRIED"]
    assert never.status is TaskStatus.FAILED
    assert never.error.code == "BUSY"
    assert [(e.tile, e.attempt) for e in events if isinstance(e, TaskRetried) and e.tile == "1"] == [("1", 1), ("1", 2)]


def test_a_dead_worker_costs_its_task_one_attempt() -> None:
    executor = ByHand(workers=2)
    workflow = one_stage(handlers.count_words, [{"text": "a"}, {"text": "b"}])
    thread, answers = in_background(lambda: run(workflow, executor=executor))
    executor.wait_for(2)
    executor.fail(0, WorkerDiedError("killed"))
    executor.complete(1)
    executor.wait_for(1)
    executor.complete(2)
    thread.join(10)
    assert [(result.ok, result.attempts) for result in answers[0].results["only"]] == [(True, 2), (True, 1)]


def test_a_broken_executor_fails_the_job_and_keeps_what_was_done() -> None:
    executor, store = ByHand(workers=2), MemoryJobStore()
    workflow = one_stage(handlers.count_words, [{"text": "a"}, {"text": "b"}])
    thread, answers = in_background(lambda: run(workflow, executor=executor, jobs=store))
    executor.wait_for(2)
    executor.complete(0)
    time.sleep(0.5)
    executor.fail(1, ExecutorBrokenError("gone"))
    thread.join(10)
    assert answers[0].job.status is JobStatus.FAILED
    assert answers[0].job.error.code == "EXECUTOR_BROKEN"
    assert [result.task.tile for result in store.results("f" * 64)] == ["0"]


@pytest.mark.parametrize(
    ("kind", "code", "settled"),
    [
        ("bug", "UNEXPECTED_ERROR", False),
        ("unpicklable", "UNEXPECTED_ERROR", False),
        ("not json", "RESULT_NOT_JSON", False),
        ("memory", "OUT_OF_MEMORY", False),
    ],
)
def test_whatever_a_handler_does_stays_its_tasks_failure(kind: str, code: str, settled: bool) -> None:
    outcome = run(one_stage(handlers.misbehave, [{"kind": kind}, {"kind": "fine"}]))
    bad, good = outcome.results["only"]
    assert (bad.error.code, bad.error.settled) == (code, settled)
    assert good.ok


def test_numbers_that_json_lacks_are_kept_as_text() -> None:
    assert run(one_stage(handlers.misbehave, [{"kind": "nan"}])).results["only"][0].value == {"value": "nan"}


def test_a_missing_handler_and_a_broken_plan_are_reported() -> None:
    lost = Stage(name="s", task_type="t", handler="handlers:nowhere", fan=FanIn())
    outcome = run(Workflow(name="w", stages=(lost,), finalizer=lambda context: {}))
    assert "handlers:nowhere" in outcome.job.error.message

    def broken(context: Any, previous: Any) -> Iterator[Any]:
        yield context.task(0, {"text": "a"})
        raise KeyError("lost")

    stage = Stage(name="s", task_type="t", handler=handler(handlers.count_words), fan=FanOut(broken))
    outcome = run(Workflow(name="w", stages=(stage,), finalizer=lambda context: {}))
    assert outcome.job.status is JobStatus.FAILED
    assert outcome.job.error.code == "PLAN_FAILED"
    assert "lost" in outcome.job.error.message


def test_observers_see_the_whole_story_and_a_failing_one_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    events: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("observer")

    outcome = run(word_count(), job(texts=["a", "b"]), observers=(broken, events.append))
    assert outcome.job.status is JobStatus.COMPLETED
    kinds = [type(event) for event in events]
    assert kinds[0] is JobStarted
    assert kinds[-1] is JobEnded
    assert kinds.count(StageStarted) == kinds.count(StageEnded) == 2
    assert kinds.count(TaskEnded) == 3
    assert "observer" in caplog.text


class Folder:
    """A folder that handlers write to, and the check that their outputs are still there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds(self, result: Any) -> bool:
        return "output" not in result.value or Path(result.value["output"]).exists()

    def runs(self) -> list[str]:
        log = self.path / "runs.log"
        lines = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return sorted(lines)


def logged(names: list[str], version: int = 1) -> Workflow:
    made = one_stage(handlers.log_run, [{"name": name, "version": version} for name in names])
    gather = Stage(name="gather", task_type="gather", handler=handler(handlers.collect), fan=FanIn())
    return attrs.evolve(made, stages=(*made.stages, gather))


@pytest.mark.parametrize("durable", [False, True])
def test_only_what_is_missing_or_changed_is_done_again(tmp_path: Path, durable: bool) -> None:
    store = SqliteJobStore(tmp_path / "jobs.db") if durable else MemoryJobStore()
    folder = Folder(tmp_path)
    engine = {"jobs": store, "resources": {"folder": str(tmp_path)}, "still_holds": folder.holds}
    run(logged(["a", "b"]), **engine)
    assert folder.runs() == ["a", "b", "collect"]
    run(logged(["a", "b"]), **engine)
    assert folder.runs() == []
    (tmp_path / "b.out").unlink()
    run(logged(["a", "b"]), **engine)
    assert folder.runs() == ["b"]
    run(logged(["c", "a", "b"]), **engine)
    assert folder.runs() == ["c", "collect"]
    outcome = run(logged(["b"]), **engine)
    assert folder.runs() == ["collect"]
    assert len(store.results(outcome.job.id)) == 2
    run(logged(["b"], version=2), **engine)
    assert folder.runs() == ["b"]
    store.close()


def test_a_cancelled_job_is_recorded_and_resumes_where_it_stopped(tmp_path: Path) -> None:
    store, folder, cancel = MemoryJobStore(), Folder(tmp_path), threading.Event()
    names = [f"t{number}" for number in range(20)]
    engine = {"jobs": store, "resources": {"folder": str(tmp_path)}, "still_holds": folder.holds}

    def stop_after_five(event: Event) -> None:
        if isinstance(event, TaskEnded) and event.result.task.tile == "5":
            cancel.set()

    one_by_one = {"executor": ThreadExecutor(max_workers=1), "window": 4}
    outcome = run(logged(names), cancel=cancel, observers=(stop_after_five,), **one_by_one, **engine)
    assert outcome.job.status is JobStatus.CANCELLED
    done = set(folder.runs())
    assert 6 <= len(done) <= 6 + 4
    outcome = run(logged(names), **engine)
    assert outcome.job.status is JobStatus.COMPLETED
    assert set(folder.runs()) == {*names, "collect"} - done


class InterruptAt:
    """A serial executor in which Ctrl-C arrives during one task."""

    def __init__(self, number: int) -> None:
        self.inner, self.left = SerialExecutor(), number
        self.capabilities = self.inner.capabilities

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.inner.submit(fn, *args, **kwargs)

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None: ...

    def __enter__(self) -> InterruptAt:
        return self

    def __exit__(self, *exc: object) -> None: ...


def test_ctrl_c_stops_planning_and_records_cancelled() -> None:
    store = MemoryJobStore()
    workflow = one_stage(handlers.count_words, [{"text": "a"}] * 10)
    outcome = run(workflow, executor=InterruptAt(4), jobs=store, window=1)
    assert outcome.job.status is JobStatus.CANCELLED
    assert store.get("f" * 64).status is JobStatus.CANCELLED
    statuses = [str(result.status) for result in store.results("f" * 64)]
    assert statuses == ["completed", "completed", "completed", "cancelled"]
    assert outcome.interrupted


def test_one_job_is_run_by_one_process_at_a_time() -> None:
    store, executor = MemoryJobStore(), ByHand()
    workflow = one_stage(handlers.count_words, [{"text": "a"}])
    thread, answers = in_background(lambda: run(workflow, executor=executor, jobs=store, lease_seconds=0.6))
    executor.wait_for(1)
    with pytest.raises(JobBusyError):
        run(workflow, jobs=store, lease_seconds=0.6, on_busy="fail")
    executor.complete(0)
    thread.join(10)
    assert answers[0].job.status is JobStatus.COMPLETED


def test_a_dead_owners_lease_is_taken_over_when_it_ends() -> None:
    store = MemoryJobStore()
    store.create(job())
    assert store.acquire("f" * 64, Owner(machine="f" * 16, process=1), 0.5)
    outcome = run(one_stage(handlers.count_words, [{"text": "a"}]), jobs=store, lease_seconds=0.5)
    assert outcome.job.status is JobStatus.COMPLETED


def test_skips_and_task_ids_are_deterministic() -> None:
    def plan(context: Any, previous: Any) -> Iterator[Any]:
        yield Skip(task=context.task(0, {}), reason=ErrorRecord(code="OLD", message="too old"))
        yield context.task(1, {"text": "a"})

    stage = Stage(name="only", task_type="work", handler=handler(handlers.count_words), fan=FanOut(plan))
    workflow = Workflow(name="test", stages=(stage,), finalizer=lambda context: {})
    first, second = run(workflow), run(workflow)
    assert [r.task.id for r in first.results["only"]] == [r.task.id for r in second.results["only"]]
    assert len({r.task.id for r in first.results["only"]}) == 2
    assert first.results["only"][0].error.code == "OLD"


def test_wrong_declarations_are_refused() -> None:
    stage = Stage(name="a", task_type="t", handler="m:f", fan=FanIn())
    with pytest.raises(WorkflowDefinitionError, match="no stages"):
        Workflow(name="w", stages=(), finalizer=lambda context: {})
    with pytest.raises(WorkflowDefinitionError, match="several stages called a"):
        Workflow(name="w", stages=(stage, stage), finalizer=lambda context: {})
    with pytest.raises(WorkflowDefinitionError, match="module:qualname"):
        Stage(name="a", task_type="t", handler="f", fan=FanIn())
    with pytest.raises(WorkflowDefinitionError, match="Its stages: a"):
        Workflow(name="w", stages=(stage,), finalizer=lambda context: {}).insert_after("b", stage)


def two_totals() -> Workflow:
    """The word count, with the longest text found beside the total, and a stage that looks at both."""
    beside = Companion(task_type="longest", handler=handler(handlers.longest))
    both = Stage(name="both", task_type="both", handler=handler(handlers.total_of_both), fan=FanIn())
    count = word_count()
    total = attrs.evolve(count.stages[1], fan=FanIn(beside=(beside,)))
    return attrs.evolve(count, stages=(count.stages[0], total, both))


def test_what_a_fan_in_stage_does_beside_its_main_task_receives_and_hands_on_the_same() -> None:
    events: list[Event] = []
    outcome = run(two_totals(), job(texts=["one two", "three"]), observers=(events.append,))
    assert outcome.job.status is JobStatus.COMPLETED
    assert [result.task.id for result in outcome.results["total"]] == [
        "ffffffffffffffff-2-total-000000",
        "ffffffffffffffff-2-longest-000000",
    ]
    assert outcome.results["both"][0].value == {
        "words": {"total": {"total": 3, "stages": ["count"], "job": "t"}, "longest": {"longest": 2}}
    }
    assert [event.expected for event in events if isinstance(event, StageStarted)] == [None, 2, 1]


def test_both_run_at_the_same_time() -> None:
    meet = handler(handlers.meet)
    stage = Stage(
        name="s", task_type="one", handler=meet, fan=FanIn(beside=(Companion(task_type="other", handler=meet),))
    )
    outcome = run(Workflow(name="w", stages=(stage,), finalizer=lambda context: {}))
    assert outcome.job.status is JobStatus.COMPLETED


def test_a_fan_in_stage_fails_if_what_it_does_beside_fails() -> None:
    failed = run(two_totals(), job(texts=["one two"], title="no longest"))
    assert failed.job.status is JobStatus.FAILED
    assert failed.job.error is not None
    assert "longest: [NO_LONGEST] There is no longest text." in failed.job.error.message
    assert failed.results["total"][0].ok
    assert "both" not in failed.results


def test_only_what_was_not_done_beside_is_done_again() -> None:
    jobs = MemoryJobStore()
    first = run(word_count(), job(texts=["one two"]), jobs=jobs, still_holds=lambda _: True)
    again = run(two_totals(), job(texts=["one two"]), jobs=jobs, still_holds=lambda _: True)
    assert (first.executed, again.executed) == (2, 2)
    assert again.job.status is JobStatus.COMPLETED


@pytest.mark.parametrize(
    "companions",
    [
        [{"task_type": "total", "handler": "m:f"}],
        [{"task_type": "a", "handler": "m:f"}, {"task_type": "a", "handler": "m:g"}],
        [{"task_type": "a", "handler": "f"}],
        [{"task_type": "", "handler": "m:f"}],
    ],
)
def test_companions_that_could_not_be_told_apart_or_run_are_refused(companions: list[dict[str, str]]) -> None:
    with pytest.raises(WorkflowDefinitionError):
        Stage(
            name="s",
            task_type="total",
            handler="m:f",
            fan=FanIn(beside=tuple(Companion(**each) for each in companions)),
        )


def _stage(**changes: Any) -> Stage:
    usual = {"name": "s", "task_type": "t", "handler": handler(handlers.count_words), "fan": FanOut(lambda c, _: [])}
    return Stage(**{**usual, **changes})


def _raise(*_: Any) -> Any:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize(
    "fan",
    [
        FanOut(_raise),
        FanOut(lambda context, _: [context.task(0, {}), "no task"]),
        FanOut(lambda context, _: [context.task(0, {"text": "a b"})], expected=_raise),
    ],
    ids=["raises when it is called", "yields something else", "expected raises"],
)
def test_a_mistake_in_a_plan_ends_the_job_with_the_stages_name(fan: FanOut) -> None:
    jobs = MemoryJobStore()
    outcome = run(Workflow(name="w", stages=(_stage(fan=fan),), finalizer=lambda context: {}), jobs=jobs)
    assert (outcome.job.status, outcome.job.error.code) == ("failed", "PLAN_FAILED")
    assert outcome.job.error.message.startswith("Stage 's': ")
    assert jobs.get(outcome.job.id).status == "failed"


@pytest.mark.parametrize("summary", [{"a": {1, 2}}, {"a": object()}])
def test_a_summary_that_no_store_can_keep_fails_the_job_and_leaves_no_job_under_way(summary: Any) -> None:
    jobs = MemoryJobStore()
    stage = _stage(fan=FanOut(lambda context, _: [context.task(0, {"text": "a b"})]))
    outcome = run(Workflow(name="w", stages=(stage,), finalizer=lambda context: summary), jobs=jobs)
    assert outcome.job.status == jobs.get(outcome.job.id).status == "failed"
    assert outcome.job.error.code == "UNEXPECTED_ERROR"


def test_a_stage_without_tasks_says_that_there_was_nothing_to_do() -> None:
    outcome = run(Workflow(name="w", stages=(_stage(),), finalizer=lambda context: {}))
    assert outcome.job.error.message == "Stage 's' has nothing to go on with: there was nothing to do."


def test_a_result_of_which_nothing_can_be_told_is_made_again() -> None:
    jobs = MemoryJobStore()
    stage = _stage(fan=FanOut(lambda context, _: [context.task(0, {"text": "a b"})]), still_holds=_raise)
    workflow = Workflow(name="w", stages=(stage,), finalizer=lambda context: {})
    runs = [run(workflow, jobs=jobs, still_holds=lambda _: True) for _ in range(2)]
    assert [one.executed for one in runs] == [1, 1]


@pytest.mark.parametrize("wrong", [{"handler": "nowhere"}, {"forecast": "nowhere"}, {"task_type": ""}])
def test_functions_of_a_stage_are_named_as_workers_import_them(wrong: dict[str, str]) -> None:
    with pytest.raises(WorkflowDefinitionError, match="module:qualname"):
        _stage(**wrong)


def test_a_task_is_known_by_its_stage_first_and_by_its_type_wherever_that_stands_now() -> None:
    one, other = _stage(name="one"), _stage(name="other")
    last = _stage(name="last", task_type="u")
    workflow = Workflow(name="w", stages=(one, other, last), finalizer=lambda context: {})
    kinds = [
        workflow.kind_of(Task(id="t", stage=stage, task_type=task_type, handler="m:f"))
        for stage, task_type in ((1, "t"), (2, "t"), (9, "t"), (1, "u"), (3, "u"), (1, "v"))
    ]
    assert kinds == [one, other, one, last, last, None]
