"""What the parts of the contract of job stores have in common. Needs pytest."""

from __future__ import annotations

import abc
import time
from collections.abc import Iterator

import pytest

from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease
from rastercollection.testing.job_store_samples import an_owner

__all__ = ["StoreUnderTest"]


class StoreUnderTest(abc.ABC):
    """How a store is made for each test.

    Attributes:
        lease_seconds: A short lease, long enough that no call to the store takes longer.
    """

    lease_seconds: float = 1.0

    @abc.abstractmethod
    def make_store(self) -> JobStore:
        """A new, empty store. The suite closes it."""

    @abc.abstractmethod
    def damage(self, store: JobStore, job_id: str, task_id: str | None) -> None:
        """Overwrite the record of a job, or that of a task's result, with text that is none, past the store's back."""

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

    @staticmethod
    def leased(store: JobStore, job_id: str, number: int = 0, seconds: float = 60) -> Lease:
        """A lease on a job that nobody holds."""
        lease = store.acquire(job_id, an_owner(number), seconds)
        assert lease is not None
        return lease

    @classmethod
    def expired(cls, store: JobStore, job_id: str, number: int = 0) -> Lease:
        """One whose time is over, and that nobody else has acquired since."""
        lease = cls.leased(store, job_id, number, 0.01)
        time.sleep(0.05)
        return lease
