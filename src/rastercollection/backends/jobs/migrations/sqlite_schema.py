"""The schema of job stores in SQLite files; its version is the file's ``user_version``."""

from __future__ import annotations

from rastercollection.backends.jobs.migrations.steps import Steps

__all__ = ["APPLICATION_ID", "SQLITE_STEPS"]

APPLICATION_ID = 0x52436F6C

SQLITE_STEPS = Steps.of(
    (
        "CREATE TABLE jobs (id TEXT PRIMARY KEY, status TEXT NOT NULL, changed INTEGER NOT NULL, record TEXT NOT NULL)",
        "CREATE TABLE results (job_id TEXT NOT NULL, task_id TEXT NOT NULL, stage INTEGER NOT NULL,"
        " record TEXT NOT NULL, PRIMARY KEY (job_id, task_id))",
        "CREATE TABLE leases (job_id TEXT PRIMARY KEY, owner TEXT NOT NULL, expires REAL NOT NULL)",
        f"PRAGMA application_id = {APPLICATION_ID}",
    ),
    (
        "ALTER TABLE jobs ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN submitted TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN wish TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE jobs ADD COLUMN claims INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX jobs_waiting ON jobs (priority DESC, submitted, changed) WHERE waiting = 1",
        "ALTER TABLE results ADD COLUMN status TEXT NOT NULL DEFAULT ''",
        "UPDATE results SET status = coalesce(json_extract(record, '$.status'), '') WHERE json_valid(record)",
        "CREATE INDEX results_counted ON results (job_id, stage, status)",
        "DROP TABLE leases",
        "CREATE TABLE leases (job_id TEXT PRIMARY KEY, token INTEGER NOT NULL, owner TEXT NOT NULL,"
        " renewed REAL NOT NULL, expires REAL NOT NULL)",
        "CREATE TABLE attempts (job_id TEXT NOT NULL, task_id TEXT NOT NULL, begun INTEGER NOT NULL,"
        " PRIMARY KEY (job_id, task_id))",
        "CREATE TABLE tokens (latest INTEGER NOT NULL)",
        "INSERT INTO tokens VALUES (0)",
    ),
)
