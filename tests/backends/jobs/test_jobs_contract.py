"""The shipped contract over the bundled job stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.job_store import JobStore
from rastercollection.testing.job_store_contract import JobStoreContract


class TestMemory(JobStoreContract):
    def make_store(self) -> MemoryJobStore:
        return MemoryJobStore()


class TestSqlite(JobStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "new" / "folder" / "jobs %20#?.db"

    def make_store(self) -> SqliteJobStore:
        return SqliteJobStore(self.path)

    def another(self, store: JobStore) -> SqliteJobStore:
        return SqliteJobStore(self.path)
