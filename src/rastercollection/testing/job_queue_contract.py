"""What every job store must do as a queue: the most urgent job for each worker, and none for two."""

from __future__ import annotations

import time

import attrs

from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Wish
from rastercollection.core.models import JobStatus, Submission
from rastercollection.testing.contenders import in_processes, in_threads, take_all
from rastercollection.testing.job_store_base import StoreUnderTest
from rastercollection.testing.job_store_samples import a_job, an_owner

__all__ = ["JobQueueContract"]


class JobQueueContract(StoreUnderTest):
    """Tests of the queue; part of :class:`~rastercollection.testing.job_store_contract.JobStoreContract`."""

    @staticmethod
    def taken(store: JobStore, number: int = 0, seconds: float = 60) -> Lease:
        """The lease on the next job, which there is."""
        lease = store.next_job(an_owner(number), seconds)
        assert lease is not None
        return lease

    def test_the_most_urgent_job_is_handed_out_first(self, store: JobStore) -> None:
        assert store.next_job(an_owner(), 60) is None
        for name, priority, at in (
            ("late", 0, "2026-01-02T00:00:00Z"),
            ("early", 0, "2026-01-01T00:00:00Z"),
            ("twin", 0, "2026-01-01T00:00:00Z"),
            ("urgent", 5, "2026-01-03T00:00:00Z"),
            ("idle", -5, "2026-01-01T00:00:00Z"),
        ):
            store.create(a_job(name, priority=priority, at=at))
        found = [self.taken(store).job_id for _ in range(5)]
        assert found == ["urgent", "early", "twin", "late", "idle"]
        assert store.next_job(an_owner(), 60) is None

    def test_who_takes_a_job_holds_its_lease(self, store: JobStore, other: JobStore) -> None:
        job = store.create(a_job(at="1"))
        lease = self.taken(store, 3)
        found = other.lease(job.id)
        assert found is not None
        assert (found.token, found.owner, found.claims) == (lease.token, an_owner(3), 1)
        assert 50 < lease.left <= 60
        assert other.acquire(job.id, an_owner(), 60) is None
        assert other.next_job(an_owner(), 60) is None
        still = store.renew(job.id, lease.token, 60)
        assert still is not None
        assert (still.token, still.claims) == (lease.token, 1)

    def test_only_what_waits_for_a_worker_is_handed_out(self, store: JobStore) -> None:
        store.create(a_job("nobody's"))
        for status in JobStatus:
            store.create(a_job(f"{status}", status=status, at="1"))
        self.leased(store, "queued", seconds=60)
        assert self.taken(store).job_id == "processing"
        assert store.next_job(an_owner(), 60) is None

    def test_a_job_whose_runner_ended_is_handed_out_again(self, store: JobStore, other: JobStore) -> None:
        store.create(a_job("job", at="1"))
        first = self.taken(store, seconds=0.01)
        store.commit("job", first.token, job=a_job("job", at="1", status=JobStatus.PROCESSING))
        time.sleep(0.05)
        second = self.taken(other)
        assert (second.job_id, second.claims) == ("job", 2)
        assert second.token > first.token
        store.release("job", second.token)
        assert self.leased(store, "job").claims == 2
        assert store.next_job(an_owner(), 60) is None

    def test_a_job_that_has_ended_is_not_handed_out(self, store: JobStore) -> None:
        job = store.create(a_job(at="1"))
        lease = self.taken(store)
        for status in (JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.FAILED):
            store.commit(job.id, lease.token, job=attrs.evolve(job, status=status))
            store.release(job.id, lease.token)
            assert store.next_job(an_owner(), 60) is None
            store.update(job, expected=status)
            lease = self.taken(store)
            assert (lease.job_id, lease.claims) == (job.id, 1)

    def test_the_count_of_claims_ends_with_the_job(self, store: JobStore) -> None:
        job = store.create(a_job(at="1"))
        for claims in (1, 2, 3):
            lease = self.taken(store)
            assert lease.claims == claims
            store.release(job.id, lease.token)
        lease = self.taken(store)
        store.commit(job.id, lease.token, job=attrs.evolve(job, status=JobStatus.FAILED))
        renewed = store.renew(job.id, lease.token, 60)
        assert renewed is not None
        assert renewed.claims == 0

    def test_a_job_that_is_handed_back_is_not_held_against_its_workers(self, store: JobStore, other: JobStore) -> None:
        job = store.create(a_job(at="1"))
        store.release(job.id, self.taken(store).token)
        lease = self.taken(store)
        assert lease.claims == 2
        store.request(job.id, Wish.CANCEL)
        store.commit(job.id, lease.token, job=attrs.evolve(job, status=JobStatus.PROCESSING))
        renewed = store.renew(job.id, lease.token, 60)
        assert renewed is not None
        assert renewed.claims == 2
        store.commit(job.id, lease.token, job=job)
        store.release(job.id, lease.token)
        again = self.taken(other)
        assert (again.claims, again.wish) == (1, Wish.CANCEL)

    def test_a_job_that_is_submitted_later_waits_from_then_on(self, store: JobStore) -> None:
        first, second = store.create(a_job("first", at="1")), store.create(a_job("second", at="2"))
        store.update(attrs.evolve(first, submission=Submission(at="3")), expected=JobStatus.QUEUED)
        store.create(a_job("third"))
        store.update(a_job("third", priority=1, at="4"), expected=JobStatus.QUEUED)
        store.update(attrs.evolve(second, submission=None), expected=JobStatus.QUEUED)
        assert [self.taken(store).job_id for _ in range(2)] == ["third", "first"]
        assert store.next_job(an_owner(), 60) is None

    def test_several_workers_get_different_jobs(self, store: JobStore, other: JobStore) -> None:
        names = [store.create(a_job(priority=number % 3, at=str(number))).id for number in range(24)]

        def work(number: int) -> list[Lease]:
            got = [(store, other)[number % 2].next_job(an_owner(number), 60) for _ in range(4)]
            return [lease for lease in got if lease is not None]

        found = [lease for leases in in_threads(6, work) for lease in leases]
        assert sorted(lease.job_id for lease in found) == sorted(names)

    def test_several_processes_get_different_jobs(self, store: JobStore) -> None:
        if store.reach == "process":
            return
        names = [store.create(a_job(at=str(number))).id for number in range(30)]
        found = in_processes(take_all, [(store,)] * 3)
        assert sorted(lease.job_id for leases in found for lease in leases) == sorted(names)
        for leases in found:
            for lease in leases:
                held = store.lease(lease.job_id)
                assert held is not None
                assert (held.token, held.owner) == (lease.token, lease.owner)

    def test_a_job_whose_record_cannot_be_read_is_handed_out_as_well(self, store: JobStore) -> None:
        """Whoever gets it sees that it cannot be run, and can say so."""
        job = store.create(a_job(at="1"))
        self.damage(store, job.id, None)
        assert self.taken(store).job_id == job.id
