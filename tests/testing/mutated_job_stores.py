"""Job stores that break one promise each; see ``test_mutants``."""

from __future__ import annotations

import time
from typing import Any

import attrs

from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Wish
from rastercollection.core.models import JobStatus
from rastercollection.errors import LeaseLostError, ObjectNotFoundError, PreconditionError
from rastercollection.testing.job_store_contract import JobStoreContract


class Sound(MemoryJobStore):
    """Jobs in memory."""


class CreatesAgain(Sound):
    def create(self, job: Any) -> Any:
        self._jobs.pop(job.id, None)
        return super().create(job)


class UpdatesWhateverTheStatus(Sound):
    def update(self, job: Any, *, expected: JobStatus) -> None:
        super().update(job, expected=self.get(job.id).status)


class LooksAndThenUpdates(Sound):
    def update(self, job: Any, *, expected: JobStatus) -> None:
        found = self.get(job.id).status
        if found != expected:
            raise PreconditionError("It is not.", "", job.id)
        time.sleep(0.02)
        super().update(job, expected=self.get(job.id).status)


class ListsTheOldestFirst(Sound):
    def list_jobs(self) -> Any:
        return super().list_jobs()[::-1]


class LeavesTheJournal(Sound):
    def delete(self, job_id: str) -> None:
        self._check_unleased(job_id)
        self._jobs.pop(job_id, None)


class ReadsResultsUnordered(Sound):
    def results(self, job_id: str) -> Any:
        return super().results(job_id)[::-1]


class ForgetsNothing(Sound):
    def commit(self, job_id: str, token: int, **given: Any) -> None:
        super().commit(job_id, token, **{**given, "forgotten": ()})


class CommitsInTwoSteps(Sound):
    def commit(self, job_id: str, token: int, *, job: Any = None, **given: Any) -> None:
        super().commit(job_id, token, **given)
        super().commit(job_id, token, job=job)


class CommitsUnderAnyToken(Sound):
    def commit(self, job_id: str, token: int, **given: Any) -> None:
        held = self._leases.get(job_id)
        if held is None:
            raise LeaseLostError.of(job_id, "")
        super().commit(job_id, held.token, **given)


class BeginsUnderAnyToken(Sound):
    def begin(self, job_id: str, token: int, tasks: Any) -> None:
        self._attempts[job_id].update(tasks)


class CountsNoAttempts(Sound):
    def begin(self, job_id: str, token: int, tasks: Any) -> None:
        self._check_token(job_id, token)


class SharesValues(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}

    def create(self, job: Any) -> Any:
        super().create(job)
        return self.values.setdefault(job.id, job)

    def get(self, job_id: str) -> Any:
        super().get(job_id)
        return self.values.get(job_id) or super().get(job_id)


class LeasesToEverybody(Sound):
    def acquire(self, job_id: str, owner: Any, seconds: float) -> Any:
        self._leases.pop(job_id, None)
        return super().acquire(job_id, owner, seconds)


class LeasesForEver(Sound):
    def acquire(self, job_id: str, owner: Any, seconds: float) -> Any:
        return None if job_id in self._leases else super().acquire(job_id, owner, seconds)


class GivesTokensAgain(Sound):
    def acquire(self, job_id: str, owner: Any, seconds: float) -> Any:
        lease = super().acquire(job_id, owner, seconds)
        if lease is None:
            return None
        self._leases[job_id] = attrs.evolve(self._leases[job_id], token=1)
        return self.lease(job_id)


class RenewsForStrangers(Sound):
    def renew(self, job_id: str, token: int, seconds: float) -> Any:
        held = self._leases.get(job_id)
        return super().renew(job_id, held.token, seconds) if held else None


class ReleasesForStrangers(Sound):
    def release(self, job_id: str, token: int) -> None:
        self._leases.pop(job_id, None)


class HearsNoWish(Sound):
    def request(self, job_id: str, wish: Wish) -> None:
        self.get(job_id)


class HearsWishesOfJobsThatEnded(Sound):
    def request(self, job_id: str, wish: Wish) -> None:
        self._job(job_id).wish = wish


class HandsOutInAnyOrder(Sound):
    def next_job(self, owner: Any, seconds: float) -> Any:
        for job_id, job in reversed(self._jobs.items()):
            if job.order is not None and (lease := self.acquire(job_id, owner, seconds)):
                job.claims += 1
                return self.lease(job_id) or lease
        return None


class HandsOutWhatNobodySubmitted(Sound):
    def next_job(self, owner: Any, seconds: float) -> Any:
        for job_id in self._jobs:
            if lease := self.acquire(job_id, owner, seconds):
                return lease
        return None


class CountsNoClaims(Sound):
    def next_job(self, owner: Any, seconds: float) -> Any:
        lease = super().next_job(owner, seconds)
        if lease is not None:
            self._jobs[lease.job_id].claims = 0
        return lease and self.lease(lease.job_id)


class HandsOutWithoutALease(Sound):
    def next_job(self, owner: Any, seconds: float) -> Any:
        lease = super().next_job(owner, seconds)
        if lease is not None:
            self._leases.pop(lease.job_id)
        return lease


class StumblesOverDamage(Sound):
    def get(self, job_id: str) -> Any:
        if self._jobs.get(job_id) and not self._jobs[job_id].text.endswith("}"):
            raise ObjectNotFoundError("It cannot be read.", "", job_id)
        return super().get(job_id)


MUTANTS: dict[type[Any], str] = {
    CreatesAgain: "test_a_job_is_created_once",
    UpdatesWhateverTheStatus: "test_status_is_compared_and_set",
    LooksAndThenUpdates: "test_of_many_updates_from_one_status_one_wins",
    ListsTheOldestFirst: "test_jobs_are_listed_by_their_latest_update",
    LeavesTheJournal: "test_a_job_is_deleted_with_all_that_belongs_to_it",
    ReadsResultsUnordered: "test_the_journal_is_ordered_by_stage_and_task",
    ForgetsNothing: "test_results_are_forgotten_by_task",
    CommitsInTwoSteps: "test_a_commit_is_done_as_a_whole_or_not_at_all",
    CommitsUnderAnyToken: "test_under_any_but_the_latest_token_nothing_is_written",
    BeginsUnderAnyToken: "test_under_any_but_the_latest_token_nothing_is_written",
    CountsNoAttempts: "test_attempts_are_counted_until_there_is_a_result",
    SharesValues: "test_what_is_handed_in_may_change_later",
    LeasesToEverybody: "test_a_lease_has_one_owner",
    LeasesForEver: "test_a_lease_ends_with_its_time",
    GivesTokensAgain: "test_tokens_grow",
    RenewsForStrangers: "test_a_lease_ends_with_its_time",
    ReleasesForStrangers: "test_a_lease_has_one_owner",
    HearsNoWish: "test_a_wish_is_heard_when_the_lease_is_renewed",
    HearsWishesOfJobsThatEnded: "test_a_wish_is_over_with_the_job",
    HandsOutInAnyOrder: "test_the_most_urgent_job_is_handed_out_first",
    HandsOutWhatNobodySubmitted: "test_only_what_waits_for_a_worker_is_handed_out",
    CountsNoClaims: "test_a_job_whose_runner_ended_is_handed_out_again",
    HandsOutWithoutALease: "test_several_workers_get_different_jobs",
    StumblesOverDamage: "test_a_record_that_cannot_be_read_closes_nothing",
}


class InMemory(JobStoreContract):
    def damage(self, store: JobStore, job_id: str, task_id: str | None) -> None:
        assert isinstance(store, Sound)
        if task_id is None:
            store._jobs[job_id].text = "{ torn"
        else:
            results = store._results[job_id]
            results[task_id] = attrs.evolve(results[task_id], text="{ torn")


def suite(kind: type[Any]) -> type[JobStoreContract]:
    return type(kind.__name__, (InMemory,), {"make_store": lambda self: kind(), "__module__": __name__})


globals().update({f"Suite{kind.__name__}": suite(kind) for kind in (Sound, *MUTANTS)})
