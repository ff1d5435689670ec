"""What every job store must do. Needs pytest and hypothesis.

Subclass it in a test module, under a name that pytest collects::

    class TestMyJobStore(JobStoreContract):
        @pytest.fixture(autouse=True)
        def place(self, tmp_path):
            self.path = tmp_path / "jobs"

        def make_store(self):
            return MyJobStore(self.path)

        def another(self, store):
            return MyJobStore(self.path)
"""

from __future__ import annotations

import abc
import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rastercollection.core.job_store import JobStore
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus, Notice, Task, TaskResult, TaskStatus
from rastercollection.core.records import to_dict
from rastercollection.errors import ObjectNotFoundError, PreconditionError

__all__ = ["JobStoreContract", "job_records", "task_results"]

T = TypeVar("T")

_ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
_texts = st.text(st.characters(exclude_categories=()), max_size=20)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)
_mappings = st.dictionaries(_texts, _values, max_size=4)
_errors = st.builds(
    ErrorRecord,
    code=_texts,
    message=_texts,
    hint=_texts,
    retryable=st.booleans(),
    details=_mappings,
    settled=st.booleans(),
)
_notices = st.builds(Notice, code=_texts, message=_texts)
_tasks = st.builds(
    Task,
    id=_ids,
    stage=st.integers(1, 9),
    task_type=_texts,
    handler=_texts,
    parameters=_mappings,
    tile=st.none() | _texts,
)

task_results: st.SearchStrategy[TaskResult] = st.builds(
    TaskResult,
    task=_tasks,
    status=st.sampled_from(TaskStatus),
    attempts=st.integers(0, 99),
    value=st.none() | _mappings,
    error=st.none() | _errors,
    notices=st.lists(_notices, max_size=3).map(tuple),
    seconds=st.floats(),
    ended_at=_texts,
)
"""Results with anything in them that JSON can hold, and floats that are not finite."""

job_records: st.SearchStrategy[JobRecord] = st.builds(
    JobRecord,
    id=_ids,
    job_type=_texts,
    parameters=_mappings,
    status=st.sampled_from(JobStatus),
    current_stage=st.integers(0, 9),
    total_stages=st.integers(0, 9),
    stage_results=_mappings,
    metadata=_mappings,
    result=st.none() | _mappings,
    error=st.none() | _errors,
    created_at=_texts,
    updated_at=_texts,
)
"""Jobs with anything in them that JSON can hold."""

_generated = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)
_numbers = itertools.count()


def _job(name: str = "", **fields: Any) -> JobRecord:
    return JobRecord(id=name or f"job-{next(_numbers)}", job_type="test", **{"parameters": {"a": 1}, **fields})


def _result(index: int, *, stage: int = 1, status: TaskStatus = TaskStatus.COMPLETED, **fields: Any) -> TaskResult:
    task = Task(id=f"task-{index:06d}", stage=stage, task_type="test", handler="test:run", tile=f"{index}.tif")
    return TaskResult(task=task, status=status, attempts=1, **fields)


def _at_once(count: int, call: Callable[[int], T]) -> list[T]:
    """What ``call(0)``, ``call(1)`` … return when they all start together."""
    start = threading.Barrier(count)

    def run(number: int) -> T:
        start.wait()
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


class JobStoreContract(abc.ABC):
    """Tests of the meaning of :class:`~rastercollection.core.job_store.JobStore`.

    Attributes:
        lease_seconds: A short lease, long enough that nothing of the store takes longer.
    """

    lease_seconds: float = 1.0

    @abc.abstractmethod
    def make_store(self) -> JobStore:
        """A new, empty store. The suite closes it."""

    def another(self, store: JobStore) -> JobStore:
        """A second store object on the same records; the same one where there can be no second."""
        return store

    @pytest.fixture
    def store(self) -> Iterator[JobStore]:
        store = self.make_store()
        yield store
        store.close()

    @pytest.fixture
    def other(self, store: JobStore) -> Iterator[JobStore]:
        other = self.another(store)
        yield other
        other.close()

    def test_follows_the_protocol(self, store: JobStore) -> None:
        assert isinstance(store, JobStore)

    def test_a_job_is_created_once(self, store: JobStore) -> None:
        first = _job(metadata={"try": 1})
        assert store.create(first) == first
        assert store.create(attrs.evolve(first, metadata={"try": 2}, status=JobStatus.FAILED)) == first
        assert store.get(first.id) == first
        assert store.list_jobs() == [first]

    def test_of_many_creators_all_get_the_same_job(self, store: JobStore) -> None:
        created = _at_once(8, lambda number: store.create(_job("shared", metadata={"by": number})))
        assert all(job == created[0] for job in created)
        assert store.list_jobs() == [created[0]]

    def test_a_job_that_is_not_there(self, store: JobStore) -> None:
        with pytest.raises(ObjectNotFoundError, match="nowhere"):
            store.get("nowhere")
        with pytest.raises(ObjectNotFoundError, match="nowhere"):
            store.update(_job("nowhere"), expected=JobStatus.QUEUED)
        assert store.results("nowhere") == []
        assert store.list_jobs() == []
        store.forget("nowhere", ["task"])
        store.release("nowhere", "me")

    def test_status_is_compared_and_set(self, store: JobStore) -> None:
        job = store.create(_job())
        running = attrs.evolve(job, status=JobStatus.PROCESSING, current_stage=1)
        store.update(running, expected=JobStatus.QUEUED)
        with pytest.raises(PreconditionError):
            store.update(attrs.evolve(job, status=JobStatus.CANCELLED), expected=JobStatus.QUEUED)
        assert store.get(job.id) == running
        store.update(attrs.evolve(running, current_stage=2), expected=JobStatus.PROCESSING)
        assert store.get(job.id).current_stage == 2

    def test_of_many_updates_from_one_status_one_wins(self, store: JobStore) -> None:
        job = store.create(_job())

        def start(number: int) -> bool:
            try:
                running = attrs.evolve(job, status=JobStatus.PROCESSING, metadata={"by": number})
                store.update(running, expected=JobStatus.QUEUED)
            except PreconditionError:
                return False
            return True

        won = _at_once(8, start)
        assert won.count(True) == 1
        assert store.get(job.id).metadata == {"by": won.index(True)}

    def test_jobs_are_listed_by_their_latest_update(self, store: JobStore) -> None:
        jobs = [store.create(_job(updated_at="2026-01-01T00:00:00Z")) for _ in range(4)]
        changed = attrs.evolve(jobs[1], status=JobStatus.PROCESSING)
        store.update(changed, expected=JobStatus.QUEUED)
        assert store.list_jobs() == [changed, jobs[3], jobs[2], jobs[0]]

    def test_the_journal_is_ordered_by_stage_and_task(self, store: JobStore) -> None:
        results = [_result(index, stage=stage) for stage in (1, 2) for index in range(stage * 10, stage * 10 + 10)]
        shuffled = results[::-3] + [result for result in results if result not in results[::-3]]
        for start in range(0, len(shuffled), 7):
            store.append("job", shuffled[start : start + 7])
        store.append("job", [])
        assert store.results("job") == results

    def test_a_later_result_replaces_one_of_the_same_task(self, store: JobStore) -> None:
        failed = _result(1, status=TaskStatus.FAILED, error=ErrorRecord(code="X", message="x"))
        store.append("job", [failed, _result(2)])
        store.append("job", [_result(1, value={"try": 2}), _result(3), _result(1, value={"try": 3})])
        assert store.results("job") == [_result(1, value={"try": 3}), _result(2), _result(3)]

    def test_jobs_have_journals_of_their_own(self, store: JobStore) -> None:
        store.append("one", [_result(1, value={"of": "one"})])
        store.append("two", [_result(1, value={"of": "two"})])
        store.forget("one", ["task-000001"])
        assert store.results("one") == []
        assert store.results("two") == [_result(1, value={"of": "two"})]

    def test_results_are_forgotten_by_task(self, store: JobStore) -> None:
        store.append("job", [_result(index) for index in range(5)])
        store.forget("job", (f"task-{index:06d}" for index in (1, 3, 99)))
        store.forget("job", [])
        assert store.results("job") == [_result(index) for index in (0, 2, 4)]
        store.append("job", [_result(3)])
        assert store.results("job") == [_result(index) for index in (0, 2, 3, 4)]

    def test_what_is_handed_in_may_change_later(self, store: JobStore) -> None:
        parameters, value = {"names": ["a"]}, {"names": ["a"]}
        job = store.create(_job(parameters=parameters))
        store.append(job.id, [_result(1, value=value)])
        for names in (parameters["names"], value["names"]):
            names.append("b")
        assert store.get(job.id).parameters == {"names": ["a"]}
        assert store.results(job.id)[0].value == {"names": ["a"]}

    def test_threads_lose_nothing(self, store: JobStore) -> None:
        def append(number: int) -> None:
            for batch in range(5):
                store.append("job", [_result(number * 100 + batch * 10 + index) for index in range(10)])

        _at_once(6, append)
        expected = [f"task-{number * 100 + index:06d}" for number in range(6) for index in range(50)]
        assert [result.task.id for result in store.results("job")] == expected

    def test_a_lease_has_one_owner(self, store: JobStore) -> None:
        assert store.claim("job", "me", 60)
        assert not store.claim("job", "you", 60)
        assert store.claim("job", "me", 60)
        assert store.claim("another job", "you", 60)
        store.release("job", "you")
        assert not store.claim("job", "you", 60)
        store.release("job", "me")
        store.release("job", "me")
        assert store.claim("job", "you", 60)
        assert not store.claim("job", "me", 60)

    def test_of_many_claims_one_wins(self, store: JobStore, other: JobStore) -> None:
        def claim(turn: int, number: int) -> bool:
            return (store, other)[number % 2].claim(f"job-{turn}", f"owner-{number}", 60)

        for turn in range(5):
            assert _at_once(10, functools.partial(claim, turn)).count(True) == 1

    def test_a_lease_ends_with_its_time(self, store: JobStore, other: JobStore) -> None:
        assert store.claim("job", "me", self.lease_seconds)
        assert not other.claim("job", "you", 60)
        time.sleep(self.lease_seconds * 0.6)
        assert store.claim("job", "me", self.lease_seconds)
        time.sleep(self.lease_seconds * 0.6)
        assert not other.claim("job", "you", 60)
        time.sleep(self.lease_seconds * 0.6)
        won = _at_once(8, lambda number: (store, other)[number % 2].claim("job", f"owner-{number}", 60))
        assert won.count(True) == 1
        assert not store.claim("job", "me", 60)
        store.release("job", "me")
        assert not store.claim("job", "me", 60)

    def test_two_stores_on_the_same_records_see_each_other(self, store: JobStore, other: JobStore) -> None:
        job = store.create(_job())
        assert other.get(job.id) == job
        other.update(attrs.evolve(job, status=JobStatus.PROCESSING), expected=JobStatus.QUEUED)
        assert store.get(job.id).status is JobStatus.PROCESSING
        with pytest.raises(PreconditionError):
            store.update(job, expected=JobStatus.QUEUED)
        store.append(job.id, [_result(1)])
        other.append(job.id, [_result(2)])
        assert store.results(job.id) == other.results(job.id) == [_result(1), _result(2)]
        other.forget(job.id, ["task-000001"])
        assert store.results(job.id) == [_result(2)]
        assert [found.id for found in other.list_jobs()] == [job.id]

    def test_closing_twice_is_fine(self, store: JobStore) -> None:
        store.create(_job())
        store.close()
        store.close()

    @_generated
    @given(job=job_records)
    def test_every_job_comes_back(self, store: JobStore, job: JobRecord) -> None:
        job = attrs.evolve(job, id=f"{next(_numbers)} {job.id}")
        assert to_dict(store.create(job)) == to_dict(job)
        assert to_dict(store.get(job.id)) == to_dict(job)
        store.update(job, expected=job.status)
        assert to_dict(store.get(job.id)) == to_dict(job)

    @_generated
    @given(results=st.lists(task_results, max_size=6, unique_by=lambda result: result.task.id))
    def test_every_result_comes_back(self, store: JobStore, results: list[TaskResult]) -> None:
        job_id = f"job-{next(_numbers)}"
        store.append(job_id, results)
        expected = sorted(results, key=lambda result: (result.task.stage, result.task.id))
        found = store.results(job_id)
        assert [to_dict(result) for result in found] == [to_dict(result) for result in expected]
        store.forget(job_id, [result.task.id for result in results])
        assert store.results(job_id) == []
