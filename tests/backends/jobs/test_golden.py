"""SQLite files that earlier releases left, one for every version of their schema, made by running jobs with them.

Each holds a job called ``finished``, of six tiles of which one is broken, with notices, an overview and a static
catalog; and one called ``interrupted``, whose process was killed in stage 2 while it held the lease.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.models import JobRecord, JobStatus, TaskStatus

GOLDEN = sorted((Path(__file__).parent / "golden").glob("schema-*.db"))


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of each file; none is ever written to."""
    return Path(shutil.copy(request.param, tmp_path / "jobs.db"))


def version(path: Path) -> int:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def jobs_of(store: SqliteJobStore) -> tuple[JobRecord, JobRecord]:
    """The finished and the interrupted one; the latter was changed last."""
    interrupted, finished = store.list_jobs()
    assert [job.parameters["collection_id"] for job in (finished, interrupted)] == ["finished", "interrupted"]
    return finished, interrupted


def test_there_is_one_file_for_every_version() -> None:
    assert [version(path) for path in GOLDEN] == list(range(1, len(GOLDEN) + 1))
    assert [path.name for path in GOLDEN] == [f"schema-{version(path)}.db" for path in GOLDEN]


def test_what_was_recorded_is_read(golden: Path) -> None:
    with SqliteJobStore(golden) as store:
        finished, interrupted = jobs_of(store)
        assert (finished.status, finished.error) == (JobStatus.COMPLETED_WITH_ERRORS, None)
        assert finished.result is not None
        assert finished.result["overview"]["href"].startswith("/tmp/golden/finished/finished_overview-")
        results = {result.task.id.partition("-")[2]: result for result in store.results(finished.id)}
        assert len(results) == 16
        broken = results["1-validate_raster-000000"]
        assert broken.error is not None
        assert (broken.status, broken.error.code, broken.error.settled) == (TaskStatus.FAILED, "FILE_TRUNCATED", True)
        assert results["2-create_cog-000000"].status is TaskStatus.SKIPPED
        cog = results["2-create_cog-000001"]
        assert [notice.code for notice in cog.notices] == ["DATETIME_UNKNOWN"]
        assert interrupted.status is JobStatus.PROCESSING
        assert [result.task.stage for result in store.results(interrupted.id)] == [1, 1, 1]
