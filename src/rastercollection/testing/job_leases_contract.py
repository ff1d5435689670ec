"""What every job store must do with leases: one holder at a time, and nothing written under any but the latest."""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Mapping

import attrs
import pytest
from hypothesis import given

from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.models import JobRecord, JobStatus
from rastercollection.errors import LeaseLostError, ObjectNotFoundError, PreconditionError
from rastercollection.testing.contenders import acquire_each, commit_each, in_processes, in_threads
from rastercollection.testing.job_store_base import StoreUnderTest
from rastercollection.testing.job_store_samples import a_job, a_result, an_owner, few_examples, owners

__all__ = ["JobLeasesContract"]

_numbers = itertools.count()


def _seen(store: JobStore, job_id: str) -> tuple[object, ...]:
    """All that a store tells of a job, but for the age of its lease."""
    lease = store.lease(job_id)
    held = lease and (lease.token, lease.owner, lease.wish, lease.claims)
    return store.get(job_id), store.results(job_id), store.counts(job_id), store.unfinished(job_id), held


def _writes(job: JobRecord) -> Mapping[str, Callable[[JobStore, int], object]]:
    """What a run does under the token of its lease."""
    changed = attrs.evolve(job, current_stage=9)
    return {
        "results": lambda store, token: store.commit(job.id, token, results=[a_result(7), a_result(1, stage=3)]),
        "forgotten": lambda store, token: store.commit(job.id, token, forgotten=["task-000001"]),
        "record": lambda store, token: store.commit(job.id, token, job=changed),
        "all": lambda store, token: store.commit(
            job.id, token, results=[a_result(7)], forgotten=["task-000001"], job=changed
        ),
        "nothing": lambda store, token: store.commit(job.id, token),
        "begin": lambda store, token: store.begin(job.id, token, ["task-000001", "task-000007"]),
    }


class JobLeasesContract(StoreUnderTest):
    """Tests of leases; part of :class:`~rastercollection.testing.job_store_contract.JobStoreContract`."""

    def test_a_lease_has_one_owner(self, store: JobStore, other: JobStore) -> None:
        mine = store.acquire("job", an_owner(1), 60)
        assert mine is not None
        assert (mine.job_id, mine.owner, mine.owner.host) == ("job", an_owner(1), "host-1")
        assert store.acquire("job", an_owner(2), 60) is None
        assert other.acquire("job", an_owner(1), 60) is None
        assert other.acquire("another job", an_owner(2), 60) is not None
        renewed = other.renew("job", mine.token, 60)
        assert renewed is not None
        assert (renewed.token, renewed.owner) == (mine.token, mine.owner)
        store.release("job", mine.token)
        store.release("job", mine.token)
        assert (store.lease("job"), other.renew("job", mine.token, 60)) == (None, None)
        yours = other.acquire("job", an_owner(2), 60)
        assert yours is not None
        assert yours.token > mine.token
        store.release("job", mine.token)
        found = store.lease("job")
        assert found is not None
        assert (found.token, found.owner) == (yours.token, an_owner(2))

    def test_a_lease_tells_its_age_and_what_is_left(self, store: JobStore) -> None:
        lease = self.leased(store, "job", seconds=30)
        assert (0 <= lease.age < 5, 25 < lease.left <= 30, lease.is_dead) == (True, True, False)
        time.sleep(0.2)
        found = store.lease("job")
        assert found is not None
        assert 0.1 < found.age < 5
        assert 25 < found.left < 29.9
        renewed = store.renew("job", lease.token, 90)
        assert renewed is not None
        assert renewed.age < found.age
        assert 85 < renewed.left <= 90
        assert store.lease("nowhere") is None
        store.release("nowhere", lease.token)

    def test_tokens_grow(self, store: JobStore, other: JobStore) -> None:
        job = a_job(at="1")
        tokens = []
        for turn in range(8):
            store.create(job)
            holder = (store, other)[turn % 2]
            lease = holder.next_job(an_owner(), 60) if turn % 3 == 0 else holder.acquire(job.id, an_owner(), 60)
            assert lease is not None
            tokens.append(lease.token)
            store.release(job.id, lease.token)
            if turn % 2:
                other.delete(job.id)
        tokens += [self.expired(store, job.id).token, self.leased(other, job.id).token]
        assert tokens == sorted(set(tokens))

    def test_of_many_that_acquire_one_gets_it(self, store: JobStore, other: JobStore) -> None:
        def acquire(job_id: str, number: int) -> bool:
            return (store, other)[number % 2].acquire(job_id, an_owner(number), 60) is not None

        for turn in range(5):
            assert in_threads(10, functools.partial(acquire, f"job-{turn}")).count(True) == 1
        for turn in range(5):
            self.expired(store, f"old-{turn}")
            assert in_threads(10, functools.partial(acquire, f"old-{turn}")).count(True) == 1

    def test_of_many_processes_one_gets_it(self, store: JobStore) -> None:
        if store.reach == "process":
            return
        names = [f"job-{turn}" for turn in range(30)]
        old = {name: self.expired(store, name).token for name in names[::5]}
        found = in_processes(acquire_each, [(store, names)] * 3)
        for name in names:
            (token,) = [tokens[name] for tokens in found if tokens[name] is not None]
            lease = store.lease(name)
            assert lease is not None
            assert token is not None
            assert old.get(name, 0) < token == lease.token

    def test_a_lease_ends_with_its_time(self, store: JobStore, other: JobStore) -> None:
        mine = self.leased(store, "job", seconds=self.lease_seconds)
        time.sleep(self.lease_seconds * 0.6)
        assert store.renew("job", mine.token, self.lease_seconds) is not None
        time.sleep(self.lease_seconds * 0.6)
        assert other.acquire("job", an_owner(1), 60) is None
        time.sleep(self.lease_seconds * 0.6)
        over = other.lease("job")
        assert over is not None
        assert (over.token, over.left <= 0, over.is_dead) == (mine.token, True, True)
        yours = other.acquire("job", an_owner(1), 60)
        assert yours is not None
        assert yours.token > mine.token
        assert store.renew("job", mine.token, 60) is None
        store.release("job", mine.token)
        assert store.acquire("job", an_owner(), 60) is None

    def test_a_lease_that_nobody_took_is_still_ones_own(self, store: JobStore) -> None:
        job = store.create(a_job())
        lease = self.expired(store, job.id)
        for write in _writes(job).values():
            write(store, lease.token)
        renewed = store.renew(job.id, lease.token, 60)
        assert renewed is not None
        assert (renewed.token, renewed.left > 50) == (lease.token, True)
        assert store.acquire(job.id, an_owner(1), 60) is None

    @pytest.mark.parametrize("how", ["taken", "released", "never", "deleted"])
    def test_under_any_but_the_latest_token_nothing_is_written(
        self, store: JobStore, other: JobStore, how: str
    ) -> None:
        job = store.create(a_job())
        lease = self.expired(store, job.id)
        store.begin(job.id, lease.token, ["task-000001", "task-000002"])
        store.commit(job.id, lease.token, results=[a_result(1), a_result(2)])
        store.begin(job.id, lease.token, ["task-000003"])
        token = self._lost(other, job, lease, how)
        before = _seen(store, job.id)
        for write in _writes(job).values():
            with pytest.raises(LeaseLostError, match=job.id) as caught:
                write(store, token)
            assert not caught.value.retryable
        assert store.renew(job.id, token, 60) is None
        store.release(job.id, token)
        assert _seen(store, job.id) == _seen(other, job.id) == before

    def _lost(self, store: JobStore, job: JobRecord, lease: Lease, how: str) -> int:
        """A token that is not the latest: by what has happened to the lease, or because it never was one."""
        if how == "never":
            return lease.token + 1
        if how == "taken":
            self.leased(store, job.id, 1)
        if how == "released":
            store.release(job.id, lease.token)
        if how == "deleted":
            store.delete(job.id)
            store.create(job)
        return lease.token

    def test_who_took_over_is_named(self, store: JobStore) -> None:
        lease = self.expired(store, "job")
        self.leased(store, "job", 7)
        with pytest.raises(LeaseLostError, match="process 1007 on host-7"):
            store.commit("job", lease.token)

    def test_a_commit_is_done_as_a_whole_or_not_at_all(self, store: JobStore) -> None:
        token = self.leased(store, "job").token
        store.commit("job", token, results=[a_result(1)])
        store.begin("job", token, ["task-000002"])
        missing = a_job("job")
        with pytest.raises(ObjectNotFoundError):
            store.commit("job", token, results=[a_result(2)], forgotten=["task-000001"], job=missing)
        assert (store.results("job"), store.unfinished("job")) == ([a_result(1)], {"task-000002": 1})

    def test_one_token_serves_several_threads_and_processes(self, store: JobStore) -> None:
        token = self.leased(store, "job").token
        if store.reach == "process":
            in_threads(3, lambda number: commit_each(store, "job", token, 10, number))
        else:
            in_processes(commit_each, [(store, "job", token, 10, number) for number in range(3)])
        expected = {kind: [f"{n}-{i:06d}" for n in range(3) for i in range(kind, 10, 2)] for kind in (0, 1)}
        assert [result.task.id for result in store.results("job")] == expected[0]
        assert store.unfinished("job") == dict.fromkeys(expected[1], 1)

    def test_one_that_took_over_in_the_middle_is_written_over_by_nobody(self, store: JobStore, other: JobStore) -> None:
        """While one thread commits under an old token, another acquires: after it, not one more result is added."""
        job = store.create(a_job())
        lease = self.expired(store, job.id)

        def work(number: int) -> int:
            if number == 0:
                time.sleep(0.02)
                self.leased(other, job.id, 1)
                return len(other.results(job.id))
            with contextlib.suppress(LeaseLostError):
                for index in range(100_000):
                    store.commit(job.id, lease.token, results=[a_result(2 * index), a_result(2 * index + 1)])
                raise AssertionError("nobody minded")
            return 0

        found, _ = in_threads(2, work)
        assert len(store.results(job.id)) == found
        assert found % 2 == 0

    def test_what_nobody_runs_can_be_changed_by_anybody(self, store: JobStore, other: JobStore) -> None:
        job = store.create(a_job())
        lease = self.leased(store, job.id)
        with pytest.raises(PreconditionError, match=job.id):
            other.update(job, expected=JobStatus.QUEUED)
        with pytest.raises(PreconditionError, match=job.id):
            other.delete(job.id)
        store.release(job.id, lease.token)
        other.update(attrs.evolve(job, current_stage=1), expected=JobStatus.QUEUED)
        sleeper = self.expired(store, job.id)
        other.update(attrs.evolve(job, current_stage=2), expected=JobStatus.QUEUED)
        assert store.renew(job.id, sleeper.token, 60) is None
        with pytest.raises(LeaseLostError):
            store.commit(job.id, sleeper.token, job=job)
        assert store.get(job.id).current_stage == 2
        other.delete(job.id)
        assert store.list_jobs() == []

    def test_attempts_are_counted_until_there_is_a_result(self, store: JobStore, other: JobStore) -> None:
        lease = self.expired(store, "job")
        store.begin("job", lease.token, [])
        store.begin("job", lease.token, ["a", "b"])
        store.begin("job", lease.token, {"a", "task-000001"})
        assert store.unfinished("job") == {"a": 2, "b": 1, "task-000001": 1}
        token = self.leased(other, "job", 1).token
        other.begin("job", token, ("a", "task-000001"))
        assert store.unfinished("job") == other.unfinished("job") == {"a": 3, "b": 1, "task-000001": 2}
        other.commit("job", token, results=[a_result(1)], forgotten=["b"])
        assert store.unfinished("job") == {"a": 3}
        other.begin("job", token, ["task-000001"])
        assert store.unfinished("job") == {"a": 3, "task-000001": 1}

    def test_a_wish_is_heard_when_the_lease_is_renewed(self, store: JobStore, other: JobStore) -> None:
        job = store.create(a_job())
        lease = self.leased(store, job.id)
        assert lease.wish is Wish.NONE
        for wish in (Wish.HAND_OVER, Wish.CANCEL, Wish.NONE, Wish.CANCEL):
            other.request(job.id, wish)
            renewed, found = store.renew(job.id, lease.token, 60), other.lease(job.id)
            assert renewed is not None
            assert found is not None
            assert renewed.wish is found.wish is wish
        store.commit(job.id, lease.token, job=attrs.evolve(job, status=JobStatus.PROCESSING))
        store.release(job.id, lease.token)
        assert self.leased(store, job.id).wish is Wish.CANCEL

    def test_a_job_that_is_asked_for_and_taken_is_asked_for_no_more(self, store: JobStore, other: JobStore) -> None:
        job = store.create(a_job())
        lease = self.leased(store, job.id)
        other.request(job.id, Wish.HAND_OVER)
        store.release(job.id, lease.token)
        assert self.leased(other, job.id).wish is Wish.NONE

    def test_a_wish_is_over_with_the_job(self, store: JobStore) -> None:
        job = store.create(a_job())
        lease = self.leased(store, job.id)
        store.request(job.id, Wish.CANCEL)
        store.commit(job.id, lease.token, job=attrs.evolve(job, status=JobStatus.CANCELLED))
        store.request(job.id, Wish.CANCEL)
        renewed = store.renew(job.id, lease.token, 60)
        assert renewed is not None
        assert renewed.wish is Wish.NONE
        with pytest.raises(ObjectNotFoundError, match="nowhere"):
            store.request("nowhere", Wish.CANCEL)

    def test_the_lease_of_one_that_has_ended_is_released_by_others(self, store: JobStore, other: JobStore) -> None:
        dead = self.leased(store, "job", seconds=3600)
        other.release("job", dead.token)
        assert other.acquire("job", an_owner(1), 60) is not None

    @few_examples
    @given(owner=owners)
    def test_every_owner_comes_back(self, store: JobStore, owner: Owner) -> None:
        lease = store.acquire(f"job-{next(_numbers)}", owner, 60)
        assert lease is not None
        found = store.lease(lease.job_id)
        assert found is not None
        assert (found.owner, found.owner.host) == (owner, owner.host)
