"""The PostgreSQL store: the shipped contract on a real server, and what only a server can do to it."""

from __future__ import annotations

import itertools

import pytest

from rastercollection.core.job_store import JobStore
from rastercollection.testing.job_store_contract import JobStoreContract

psycopg = pytest.importorskip("psycopg", reason="pip install 'rastercollection[postgres]'")
PostgresJobStore = pytest.importorskip("rastercollection.backends.jobs.postgres").PostgresJobStore

_numbers = itertools.count()


class TestPostgres(JobStoreContract):
    @pytest.fixture(autouse=True)
    def place(self, jobs_dsn: str) -> None:
        self.dsn, self.schema = jobs_dsn, f"contract_{next(_numbers)}"

    def make_store(self) -> JobStore:
        return PostgresJobStore(self.dsn, schema=self.schema)

    def another(self, store: JobStore) -> JobStore:
        return PostgresJobStore(self.dsn, schema=self.schema)

    def damage(self, store: JobStore, job_id: str, task_id: str | None) -> None:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            torn = '{"schema_version":1,"id":"j'
            if task_id is None:
                connection.execute(f"UPDATE {self.schema}.jobs SET record = %s WHERE id = %s", (torn, job_id))
            else:
                where = "WHERE job_id = %s AND task_id = %s"
                connection.execute(f"UPDATE {self.schema}.results SET record = %s {where}", (torn, job_id, task_id))
