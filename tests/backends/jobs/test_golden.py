"""SQLite files that earlier releases left, one for every version of their schema, made by running jobs with them.

Each holds a job called ``finished``, of six tiles of which one is broken, with notices, an overview and a static
catalog; and one called ``interrupted``, whose process was killed in stage 2 while it held the lease.
"""

from __future__ import annotations

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from rastercollection.backends.jobs import database
from rastercollection.backends.jobs.migrations.sqlite_schema import SQLITE_STEPS
from rastercollection.backends.jobs.migrations.steps import Steps
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.lease import Owner
from rastercollection.core.models import JobRecord, JobStatus, Submission, TaskStatus
from rastercollection.errors import BackendError

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


def schema(path: Path) -> list[tuple[str, ...]]:
    """What is in a file, and of which columns."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = connection.execute("SELECT type, name FROM sqlite_schema ORDER BY name").fetchall()
        columns = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?)'
        return [(*name, str(connection.execute(columns, name[1:]).fetchall())) for name in names]
    finally:
        connection.close()


def jobs_of(store: SqliteJobStore) -> tuple[JobRecord, JobRecord]:
    """The finished and the interrupted one; the latter was changed last."""
    interrupted, finished = store.list_jobs()
    assert [job.parameters["collection_id"] for job in (finished, interrupted)] == ["finished", "interrupted"]
    return finished, interrupted


def test_there_is_one_file_for_every_version_before_today_s() -> None:
    versions = [version(path) for path in GOLDEN]
    assert versions[: SQLITE_STEPS.latest - 1] == list(range(1, SQLITE_STEPS.latest))
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


def test_the_file_is_brought_to_the_current_schema(golden: Path, tmp_path: Path) -> None:
    SqliteJobStore(golden).close()
    SqliteJobStore(tmp_path / "new.db").close()
    assert version(golden) == SQLITE_STEPS.latest
    assert schema(golden) == schema(tmp_path / "new.db")


def test_work_goes_on_where_it_was(golden: Path) -> None:
    with SqliteJobStore(golden) as store:
        finished, interrupted = jobs_of(store)
        assert store.counts(finished.id) == {
            1: {"completed": 5, "failed": 1},
            2: {"completed": 5, "skipped": 1},
            3: {"completed": 2},
            4: {"completed": 1},
            5: {"completed": 1},
        }
        lease = store.acquire(interrupted.id, Owner.current(), 60)
        assert lease is not None
        assert store.next_job(Owner.current(), 60) is None
        results = store.results(interrupted.id)
        more = attrs.evolve(results[0], task=attrs.evolve(results[0].task, id="more", stage=2))
        store.begin(interrupted.id, lease.token, ["more", "another"])
        done = attrs.evolve(interrupted, status=JobStatus.COMPLETED, submission=Submission(at="2026-01-01T00:00:00Z"))
        store.commit(interrupted.id, lease.token, results=[more], job=done)
        store.release(interrupted.id, lease.token)
        store.update(attrs.evolve(finished, submission=Submission()), expected=finished.status)
    with SqliteJobStore(golden) as store:
        assert store.results(interrupted.id) == [*results, more]
        assert store.unfinished(interrupted.id) == {"another": 1}
        assert store.get(interrupted.id) == done
        assert [job.id for job in store.list_jobs()] == [finished.id, interrupted.id]


def test_of_several_that_open_a_file_one_brings_it_up_to_date(golden: Path) -> None:
    with ThreadPoolExecutor(6) as threads:
        stores = list(threads.map(lambda _: SqliteJobStore(golden), range(6)))
    assert [[job.id for job in store.list_jobs()] for store in stores] == [
        [job.id for job in jobs_of(stores[0])][::-1]
    ] * 6
    for store in stores:
        store.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(shutil.copy(GOLDEN[0], tmp_path / "jobs.db"))
    before = schema(path)
    *others, last = SQLITE_STEPS.steps
    broken = attrs.evolve(last, statements=(*last.statements, "INSERT INTO nowhere VALUES (1)"))
    monkeypatch.setattr(database, "SQLITE_STEPS", Steps((*others, broken)))
    with pytest.raises(BackendError, match="nowhere"):
        SqliteJobStore(path)
    assert (version(path), schema(path)) == (1, before)
    monkeypatch.undo()
    with SqliteJobStore(path) as store:
        assert len(store.list_jobs()) == 2
