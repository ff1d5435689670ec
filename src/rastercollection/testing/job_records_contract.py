"""What every job store must do with the records of jobs, and with the journals of their tasks."""

from __future__ import annotations

import itertools
import pickle
from collections import Counter
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.core.job_store import JobStore, Reach
from rastercollection.core.models import ErrorRecord, JobRecord, JobStatus, TaskResult, TaskStatus
from rastercollection.core.records import to_dict
from rastercollection.errors import ObjectNotFoundError, PreconditionError
from rastercollection.testing.contenders import in_threads
from rastercollection.testing.job_store_base import StoreUnderTest
from rastercollection.testing.job_store_samples import a_job, a_result, few_examples, job_records, task_results

__all__ = ["JobRecordsContract"]

_numbers = itertools.count()


class JobRecordsContract(StoreUnderTest):
    """Tests of records and journals; part of :class:`~rastercollection.testing.job_store_contract.JobStoreContract`."""

    def test_follows_the_protocol(self, store: JobStore) -> None:
        assert isinstance(store, JobStore)
        assert store.reach in get_args(Reach)

    def test_a_job_is_created_once(self, store: JobStore) -> None:
        first = a_job(metadata={"try": 1})
        assert store.create(first) == first
        assert store.create(attrs.evolve(first, metadata={"try": 2}, status=JobStatus.FAILED)) == first
        assert store.get(first.id) == first
        assert store.list_jobs() == [first]

    def test_of_many_creators_all_get_the_same_job(self, store: JobStore, other: JobStore) -> None:
        created = in_threads(8, lambda number: (store, other)[number % 2].create(a_job("one", metadata={"by": number})))
        assert all(job == created[0] for job in created)
        assert store.list_jobs() == [created[0]]

    def test_a_job_that_is_not_there(self, store: JobStore) -> None:
        with pytest.raises(ObjectNotFoundError, match="nowhere"):
            store.get("nowhere")
        with pytest.raises(ObjectNotFoundError, match="nowhere"):
            store.update(a_job("nowhere"), expected=JobStatus.QUEUED)
        assert store.results("nowhere") == []
        assert store.counts("nowhere") == {}
        assert store.unfinished("nowhere") == {}
        assert store.list_jobs() == []
        store.delete("nowhere")

    def test_status_is_compared_and_set(self, store: JobStore) -> None:
        job = store.create(a_job())
        running = attrs.evolve(job, status=JobStatus.PROCESSING, current_stage=1)
        store.update(running, expected=JobStatus.QUEUED)
        with pytest.raises(PreconditionError):
            store.update(attrs.evolve(job, status=JobStatus.CANCELLED), expected=JobStatus.QUEUED)
        assert store.get(job.id) == running
        store.update(attrs.evolve(running, current_stage=2), expected=JobStatus.PROCESSING)
        assert store.get(job.id).current_stage == 2

    def test_of_many_updates_from_one_status_one_wins(self, store: JobStore, other: JobStore) -> None:
        job = store.create(a_job())

        def start(number: int) -> bool:
            running = attrs.evolve(job, status=JobStatus.PROCESSING, metadata={"by": number})
            try:
                (store, other)[number % 2].update(running, expected=JobStatus.QUEUED)
            except PreconditionError:
                return False
            return True

        won = in_threads(8, start)
        assert won.count(True) == 1
        assert store.get(job.id).metadata == {"by": won.index(True)}

    def test_jobs_are_listed_by_their_latest_update(self, store: JobStore) -> None:
        jobs = [store.create(a_job(updated_at="2026-01-01T00:00:00Z")) for _ in range(4)]
        changed = attrs.evolve(jobs[1], status=JobStatus.PROCESSING)
        store.update(changed, expected=JobStatus.QUEUED)
        assert store.list_jobs() == [changed, jobs[3], jobs[2], jobs[0]]
        lease, committed = self.leased(store, jobs[0].id), attrs.evolve(jobs[0], current_stage=2)
        store.commit(jobs[0].id, lease.token, job=committed)
        assert store.list_jobs() == [committed, changed, jobs[3], jobs[2]]

    def test_a_commit_replaces_the_record(self, store: JobStore) -> None:
        job = store.create(a_job())
        lease = self.leased(store, job.id)
        for status in (JobStatus.PROCESSING, JobStatus.FAILED, JobStatus.PROCESSING, JobStatus.COMPLETED):
            changed = attrs.evolve(job, status=status, result={"status": str(status)})
            store.commit(job.id, lease.token, job=changed)
            assert store.get(job.id) == changed

    def test_the_journal_is_ordered_by_stage_and_task(self, store: JobStore) -> None:
        results = [a_result(index, stage=stage) for stage in (1, 2) for index in range(stage * 10, stage * 10 + 10)]
        shuffled = results[::-3] + [result for result in results if result not in results[::-3]]
        token = self.leased(store, "job").token
        for start in range(0, len(shuffled), 7):
            store.commit("job", token, results=shuffled[start : start + 7])
        store.commit("job", token)
        assert store.results("job") == results

    def test_a_later_result_replaces_one_of_the_same_task(self, store: JobStore) -> None:
        token = self.leased(store, "job").token
        failed = a_result(1, status=TaskStatus.FAILED, error=ErrorRecord(code="X", message="x"))
        store.commit("job", token, results=[failed, a_result(2)])
        again = [a_result(1, value={"try": 2}), a_result(3), a_result(1, value={"try": 3})]
        store.commit("job", token, results=again)
        assert store.results("job") == [a_result(1, value={"try": 3}), a_result(2), a_result(3)]
        assert store.counts("job") == {1: {"completed": 3}}

    def test_jobs_have_journals_of_their_own(self, store: JobStore) -> None:
        tokens = {name: self.leased(store, name).token for name in ("one", "two")}
        for name, token in tokens.items():
            store.commit(name, token, results=[a_result(1, value={"of": name})])
            store.begin(name, token, ["task-000002"])
        store.commit("one", tokens["one"], forgotten=["task-000001", "task-000002"])
        assert (store.results("one"), store.unfinished("one")) == ([], {})
        assert store.results("two") == [a_result(1, value={"of": "two"})]
        assert store.unfinished("two") == {"task-000002": 1}

    def test_results_are_forgotten_by_task(self, store: JobStore) -> None:
        token = self.leased(store, "job").token
        store.commit("job", token, results=[a_result(index) for index in range(5)])
        store.commit("job", token, forgotten=(f"task-{index:06d}" for index in (1, 3, 99)))
        assert store.results("job") == [a_result(index) for index in (0, 2, 4)]
        store.commit("job", token, results=[a_result(3)])
        assert store.results("job") == [a_result(index) for index in (0, 2, 3, 4)]

    def test_counts_are_those_of_the_journal(self, store: JobStore) -> None:
        token = self.leased(store, "job").token
        statuses = [TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED, TaskStatus.COMPLETED]
        results = [a_result(index, stage=1 + index // 5, status=statuses[index % 4]) for index in range(12)]
        store.commit("job", token, results=results)
        store.commit(
            "job", token, results=[attrs.evolve(results[1], status=TaskStatus.COMPLETED)], forgotten=["task-000011"]
        )
        found = Counter((result.task.stage, result.status) for result in store.results("job"))
        counted = {(stage, status): n for stage, counts in store.counts("job").items() for status, n in counts.items()}
        assert counted == found
        assert sum(counted.values()) == 11

    def test_what_is_handed_in_may_change_later(self, store: JobStore) -> None:
        parameters, value = {"names": ["a"]}, {"names": ["a"]}
        job = store.create(a_job(parameters=parameters))
        store.commit(job.id, self.leased(store, job.id).token, results=[a_result(1, value=value)])
        for names in (parameters["names"], value["names"]):
            names.append("b")
        assert store.get(job.id).parameters == {"names": ["a"]}
        assert store.results(job.id)[0].value == {"names": ["a"]}

    def test_threads_lose_nothing(self, store: JobStore, other: JobStore) -> None:
        token = self.leased(store, "job").token

        def append(number: int) -> None:
            for batch in range(5):
                results = [a_result(number * 100 + batch * 10 + index) for index in range(10)]
                (store, other)[number % 2].commit("job", token, results=results)

        in_threads(6, append)
        expected = [f"task-{number * 100 + index:06d}" for number in range(6) for index in range(50)]
        assert [result.task.id for result in store.results("job")] == expected

    def test_a_job_is_deleted_with_all_that_belongs_to_it(self, store: JobStore) -> None:
        gone, kept = store.create(a_job(at="1")), store.create(a_job(at="2"))
        for job in (gone, kept):
            lease = self.leased(store, job.id)
            store.begin(job.id, lease.token, ["task-000001", "task-000002"])
            store.commit(job.id, lease.token, results=[a_result(1)])
            store.release(job.id, lease.token)
        store.delete(gone.id)
        store.delete(gone.id)
        assert store.list_jobs() == [kept]
        with pytest.raises(ObjectNotFoundError):
            store.get(gone.id)
        assert store.create(gone) == gone
        assert (store.results(gone.id), store.counts(gone.id), store.unfinished(gone.id)) == ([], {}, {})
        assert store.results(kept.id) == [a_result(1)]
        assert store.unfinished(kept.id) == {"task-000002": 1}

    def test_a_record_that_cannot_be_read_closes_nothing(self, store: JobStore) -> None:
        damaged, sound = store.create(a_job(status=JobStatus.PROCESSING)), store.create(a_job())
        self.damage(store, damaged.id, None)
        found = store.get(damaged.id)
        assert (found.id, found.status) == (damaged.id, JobStatus.PROCESSING)
        assert found.error is not None
        assert (found.error.code, found.error.settled) == ("RECORD_UNREADABLE", False)
        assert [job.id for job in store.list_jobs()] == [sound.id, damaged.id]
        assert store.create(damaged) == found
        store.update(damaged, expected=JobStatus.PROCESSING)
        assert store.get(damaged.id) == damaged
        self.damage(store, damaged.id, None)
        store.commit(damaged.id, self.leased(store, damaged.id).token, job=damaged)
        assert store.get(damaged.id) == damaged

    def test_a_result_that_cannot_be_read_is_no_result(self, store: JobStore) -> None:
        job = store.create(a_job())
        token = self.leased(store, job.id).token
        store.commit(job.id, token, results=[a_result(index, stage=2) for index in range(3)])
        self.damage(store, job.id, "task-000001")
        first, damaged, last = store.results(job.id)
        assert [first, last] == [a_result(0, stage=2), a_result(2, stage=2)]
        assert (damaged.task.id, damaged.task.stage, damaged.ok) == ("task-000001", 2, False)
        assert damaged.error is not None
        assert (damaged.error.code, damaged.error.settled) == ("RECORD_UNREADABLE", False)
        store.commit(job.id, token, results=[a_result(1, stage=2)])
        assert store.results(job.id) == [a_result(index, stage=2) for index in range(3)]

    def test_two_stores_on_the_same_records_see_each_other(self, store: JobStore, other: JobStore) -> None:
        job = store.create(a_job())
        assert other.get(job.id) == job
        other.update(attrs.evolve(job, status=JobStatus.PROCESSING), expected=JobStatus.QUEUED)
        assert store.get(job.id).status is JobStatus.PROCESSING
        with pytest.raises(PreconditionError):
            store.update(job, expected=JobStatus.QUEUED)
        token = self.leased(store, job.id).token
        store.commit(job.id, token, results=[a_result(1)])
        other.commit(job.id, token, results=[a_result(2)])
        assert store.results(job.id) == other.results(job.id) == [a_result(1), a_result(2)]
        assert [found.id for found in other.list_jobs()] == [job.id]

    def test_a_copy_that_was_pickled_sees_the_same(self, store: JobStore) -> None:
        if store.reach == "process":
            return
        job = store.create(a_job())
        copy = pickle.loads(pickle.dumps(store))
        try:
            assert (copy.reach, copy.get(job.id)) == (store.reach, job)
            token = self.leased(copy, job.id).token
            store.commit(job.id, token, results=[a_result(1)])
            assert copy.results(job.id) == [a_result(1)]
        finally:
            copy.close()

    def test_closing_twice_is_fine(self, store: JobStore) -> None:
        store.create(a_job())
        store.close()
        store.close()

    @few_examples
    @given(job=job_records)
    def test_every_job_comes_back(self, store: JobStore, job: JobRecord) -> None:
        job = attrs.evolve(job, id=f"{next(_numbers)} {job.id}")
        assert to_dict(store.create(job)) == to_dict(job)
        assert to_dict(store.get(job.id)) == to_dict(job)
        store.update(job, expected=job.status)
        store.commit(job.id, self.leased(store, job.id).token, job=job)
        assert to_dict(store.get(job.id)) == to_dict(job)

    @few_examples
    @given(results=st.lists(task_results, max_size=6, unique_by=lambda result: result.task.id))
    def test_every_result_comes_back(self, store: JobStore, results: list[TaskResult]) -> None:
        job_id = f"job-{next(_numbers)}"
        token, names = self.leased(store, job_id).token, [result.task.id for result in results]
        store.begin(job_id, token, names)
        assert store.unfinished(job_id) == dict.fromkeys(names, 1)
        store.commit(job_id, token, results=results)
        expected = sorted(results, key=lambda result: (result.task.stage, result.task.id))
        found = store.results(job_id)
        assert [to_dict(result) for result in found] == [to_dict(result) for result in expected]
        store.commit(job_id, token, forgotten=names)
        assert (store.results(job_id), store.unfinished(job_id)) == ([], {})
