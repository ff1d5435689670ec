"""The shipped contract over the bundled job stores."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import attrs
import pytest

from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.job_store import JobStore
from rastercollection.testing.job_store_contract import JobStoreContract

TORN = '{"schema_version":1,"id":"j'


class TestMemory(JobStoreContract):
    def make_store(self) -> MemoryJobStore:
        return MemoryJobStore()

    def damage(self, store: JobStore, job_id: str, task_id: str | None) -> None:
        assert isinstance(store, MemoryJobStore)
        if task_id is None:
            store._jobs[job_id].text = TORN
        else:
            store._results[job_id][task_id] = attrs.evolve(store._results[job_id][task_id], text=TORN)


class TestSqlite(JobStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "new" / "folder" / "jobs %20#?.db"

    def make_store(self) -> SqliteJobStore:
        return SqliteJobStore(self.path)

    def another(self, store: JobStore) -> SqliteJobStore:
        return SqliteJobStore(self.path)

    def damage(self, store: JobStore, job_id: str, task_id: str | None) -> None:
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            if task_id is None:
                connection.execute("UPDATE jobs SET record = ? WHERE id = ?", (TORN, job_id))
            else:
                where = "WHERE job_id = ? AND task_id = ?"
                connection.execute(f"UPDATE results SET record = ? {where}", (TORN, job_id, task_id))
