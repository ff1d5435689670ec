"""The schema of job stores in PostgreSQL; the table ``schema_versions`` tells which steps were taken.

Ids sort by their code points, whatever language the database sorts by. Records are text, not ``jsonb``, which cannot
hold every string.
"""

from __future__ import annotations

from rastercollection.backends.jobs.migrations.steps import Steps

__all__ = ["POSTGRES_STEPS", "VERSIONS"]

VERSIONS = """
    CREATE TABLE IF NOT EXISTS schema_versions (
        version integer PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""

POSTGRES_STEPS = Steps.of(
    (
        "CREATE SEQUENCE tokens",
        "CREATE SEQUENCE changes",
        """
        CREATE TABLE jobs (
            id text COLLATE "C" PRIMARY KEY,
            number bigint GENERATED ALWAYS AS IDENTITY,
            status text NOT NULL,
            record text NOT NULL,
            changed bigint NOT NULL,
            waiting boolean NOT NULL,
            priority bigint NOT NULL,
            submitted text COLLATE "C" NOT NULL,
            wish text NOT NULL DEFAULT '',
            claims integer NOT NULL DEFAULT 0
        )
        """,
        "CREATE INDEX jobs_waiting ON jobs (priority DESC, submitted, number) WHERE waiting",
        """
        CREATE TABLE results (
            job_id text COLLATE "C" NOT NULL,
            task_id text COLLATE "C" NOT NULL,
            stage integer NOT NULL,
            status text NOT NULL,
            record text NOT NULL,
            PRIMARY KEY (job_id, task_id)
        )
        """,
        "CREATE INDEX results_counted ON results (job_id, stage, status)",
        """
        CREATE TABLE attempts (
            job_id text COLLATE "C" NOT NULL,
            task_id text COLLATE "C" NOT NULL,
            begun integer NOT NULL,
            call uuid NOT NULL,
            PRIMARY KEY (job_id, task_id)
        )
        """,
        """
        CREATE TABLE leases (
            job_id text COLLATE "C" PRIMARY KEY,
            token bigint NOT NULL,
            owner text NOT NULL,
            renewed timestamptz NOT NULL,
            expires timestamptz NOT NULL,
            call uuid NOT NULL
        )
        """,
        "COMMENT ON COLUMN leases.call IS 'the call that acquired it, which may be made again when its answer is lost'",
    ),
)
