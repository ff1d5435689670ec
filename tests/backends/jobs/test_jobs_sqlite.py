"""The SQLite store against other processes, full disks, foreign files and sudden death."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rastercollection.backends.jobs import database
from rastercollection.backends.jobs.default import default_job_store, state_folder
from rastercollection.backends.jobs.migrations.sqlite_schema import SQLITE_STEPS
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.lease import Owner
from rastercollection.core.models import JobRecord, JobStatus, Task, TaskResult, TaskStatus
from rastercollection.errors import (
    BackendError,
    NoSpaceError,
    PermissionDeniedError,
    UnavailableError,
)

MAKE = """
import os, sys
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.lease import Owner
from rastercollection.core.models import Task, TaskResult, TaskStatus

def result(name, index, **value):
    task = Task(id=f"{name}-{index:06d}", stage=1, task_type="test", handler="test:run")
    return TaskResult(task=task, status=TaskStatus.COMPLETED, value=value)
"""

APPEND = (
    MAKE
    + """
path, name = sys.argv[1:]
sys.stdin.readline()
with SqliteJobStore(path) as store:
    token = store.acquire(name, Owner.current(), 60).token
    for start in range(0, 200, 20):
        store.commit(name, token, results=[result(name, index) for index in range(start, start + 20)])
"""
)

APPEND_FOREVER = (
    MAKE
    + """
store = SqliteJobStore(sys.argv[1])
token = store.lease("job").token
for batch in range(1_000_000):
    store.commit("job", token, results=[result("task", batch * 25 + index, batch=batch) for index in range(25)])
    print(batch, flush=True)
"""
)


def result(index: int, size: int = 10) -> TaskResult:
    task = Task(id=f"task-{index:06d}", stage=1, task_type="test", handler="test:run")
    return TaskResult(task=task, status=TaskStatus.COMPLETED, value={"text": "x" * size})


def leased(store: SqliteJobStore, name: str = "job") -> int:
    """The token of a new lease on a job that nobody runs."""
    lease = store.acquire(name, Owner.current(), 60)
    assert lease is not None
    return lease.token


def run_at_once(script: str, path: Path, count: int) -> list[str]:
    """The output of ``count`` processes that start their work together."""
    command = [sys.executable, "-W", "error", "-c", script, str(path)]
    started = [
        subprocess.Popen([*command, f"p{n}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(count)
    ]
    time.sleep(0.5)
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * count
    return outputs


def test_processes_append_to_one_new_file(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    run_at_once(APPEND, path, 4)
    with SqliteJobStore(path) as store:
        for n in range(4):
            found = [result.task.id for result in store.results(f"p{n}")]
            assert found == [f"p{n}-{index:06d}" for index in range(200)]


def test_a_killed_writer_leaves_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    told = -1
    with SqliteJobStore(path) as store:
        leased(store)
    for turn in range(5):
        command = [sys.executable, "-c", APPEND_FOREVER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            try:
                lines = [int(writer.stdout.readline()) for _ in range(3 + turn * 7)]
            finally:
                writer.send_signal(signal.SIGKILL)
            told = max(told, *lines, *map(int, writer.stdout.read().split()))
        with SqliteJobStore(path) as store:
            found = store.results("job")
        assert len(found) % 25 == 0
        assert len(found) >= (told + 1) * 25
        assert [result.task.id for result in found] == [f"task-{index:06d}" for index in range(len(found))]
    assert told > 20


def test_a_full_disk_undoes_the_whole_batch(tmp_path: Path) -> None:
    """Give the file one page more each time, until the batch fits."""
    batch = [result(index, size=3000) for index in range(1, 21)]
    with SqliteJobStore(tmp_path / "jobs.db") as store:
        token = leased(store)
        store.commit("job", token, results=[result(0)])
        store.begin("job", token, [batch[0].task.id])
        before = store.results("job")
        failures = 0
        for pages in range(1, 100):
            with store._database.reading() as connection:
                used = connection.execute("PRAGMA page_count").fetchone()[0]
                connection.execute(f"PRAGMA max_page_count = {used + pages - 1}")
            try:
                store.commit("job", token, results=batch, forgotten=["task-000000"])
            except NoSpaceError:
                failures += 1
                assert store.results("job") == before
                assert store.unfinished("job") == {batch[0].task.id: 1}
                assert store.renew("job", token, 60)
            else:
                break
        assert store.results("job") == batch
        assert failures > 5


def test_a_locked_file_is_waited_for_then_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    path = tmp_path / "jobs.db"
    with SqliteJobStore(path) as store:
        token = leased(store)
        store.commit("job", token, results=[result(1)])
        intruder = sqlite3.connect(path, isolation_level=None)
        intruder.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="locked") as caught:
            store.commit("job", token, results=[result(2)])
        assert caught.value.retryable
        assert store.results("job") == [result(1)]
        intruder.execute("ROLLBACK")
        store.commit("job", token, results=[result(2)])
        intruder.close()
        assert store.results("job") == [result(1), result(2)]


def test_wrong_places_are_refused_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("this is no database, though it is long enough to be taken for one" * 20)
    for path, expected in (
        (tmp_path / "file", "not an SQLite database"),
        (tmp_path / "file" / "below" / "jobs.db", "folder cannot be made"),
        (tmp_path, "is a folder"),
        (Path("/proc/nowhere/jobs.db"), "folder cannot be made"),
    ):
        with pytest.raises(BackendError, match=expected) as caught:
            SqliteJobStore(path)
        assert str(path) in str(caught.value)
    assert (tmp_path / "file").read_text().startswith("this is no database")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user")
def test_a_file_that_cannot_be_written() -> None:
    script = (
        "import os, sys; from rastercollection.backends.jobs.sqlite import SqliteJobStore; os.setuid(65534)\n"
        "try: SqliteJobStore(sys.argv[1])\n"
        "except Exception as error: print(type(error).__name__)"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        command = [sys.executable, "-W", "error", "-c", script, f"{folder}/jobs.db"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (PermissionDeniedError.__name__, "")


def test_databases_of_others_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    theirs = sqlite3.connect(path)
    theirs.execute("CREATE TABLE jobs (id TEXT)")
    theirs.commit()
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(BackendError, match="another program"):
        SqliteJobStore(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["theirs.db"]


def test_files_of_a_newer_release_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    SqliteJobStore(path).close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {SQLITE_STEPS.latest + 1}")
    newer.close()
    before = path.read_bytes()
    with pytest.raises(BackendError, match="newer release"):
        SqliteJobStore(path)
    assert path.read_bytes() == before


SCHEMA_1 = """
PRAGMA application_id = 1380151148;
CREATE TABLE jobs (id TEXT PRIMARY KEY, status TEXT NOT NULL, changed INTEGER NOT NULL, record TEXT NOT NULL);
CREATE TABLE results (job_id TEXT NOT NULL, task_id TEXT NOT NULL, stage INTEGER NOT NULL, record TEXT NOT NULL,
 PRIMARY KEY (job_id, task_id));
CREATE TABLE leases (job_id TEXT PRIMARY KEY, owner TEXT NOT NULL, expires REAL NOT NULL);
PRAGMA user_version = 1;
INSERT INTO jobs VALUES ('j1', 'completed', 1, '{"schema_version":1,"id":"j1","job_type":"process_collection",
"parameters":{"collection_id":"x"},"status":"completed","current_stage":1,"total_stages":1,"stage_results":{},
"metadata":{},"result":{"share_url":null},"error":null,"created_at":"2026-01-01T00:00:00Z","updated_at":""}');
INSERT INTO results VALUES ('j1', 't1', 1, '{"schema_version":1,"task":{"id":"t1","stage":1,"task_type":"test",
"handler":"test:run","parameters":{},"tile":"\\ud83d\\udef0.tif"},"status":"completed","attempts":2,"value":{"x":"nan"},
"error":null,"notices":[{"code":"C","message":"m"}],"seconds":1.5,"ended_at":""}');
"""


def test_files_of_the_first_release_are_read(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    old = sqlite3.connect(path)
    old.executescript(SCHEMA_1)
    old.close()
    with SqliteJobStore(path) as store:
        job = store.get("j1")
        assert (job.status, job.result) == (JobStatus.COMPLETED, {"share_url": None})
        (found,) = store.results("j1")
        assert (found.task.tile, found.attempts, found.value, found.seconds) == ("🛰.tif", 2, {"x": "nan"}, 1.5)
        store.commit("j1", leased(store, "j1"), results=[result(1)])
        assert len(store.results("j1")) == 2


def test_what_is_durable(tmp_path: Path) -> None:
    with SqliteJobStore(tmp_path / "jobs.db") as store:
        modes = [store._database.rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]


def test_closed_stores_say_so_and_leave_one_file(tmp_path: Path) -> None:
    store = SqliteJobStore(tmp_path / "jobs.db")
    store.create(JobRecord(id="j", job_type="test", parameters={}))
    copy = pickle.loads(pickle.dumps(store))
    assert copy.get("j").id == "j"
    copy.close()
    store.close()
    store.close()
    for use in (store.list_jobs, lambda: store.commit("j", 1, results=[result(1)])):
        with pytest.raises(BackendError, match="closed"):
            use()
    assert [entry.name for entry in tmp_path.iterdir()] == ["jobs.db"]


def test_a_store_that_is_dropped_warns_of_nothing(tmp_path: Path) -> None:
    script = (
        "import gc, sys; from rastercollection.backends.jobs.sqlite import SqliteJobStore\n"
        "SqliteJobStore(sys.argv[1]); gc.collect(); kept = SqliteJobStore(sys.argv[1]); print(kept.list_jobs())"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", script, str(tmp_path / "jobs.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_uses_a_connection_of_its_own(tmp_path: Path) -> None:
    script = MAKE + (
        "store = SqliteJobStore(sys.argv[1])\n"
        "token = store.acquire('job', Owner.current(), 60).token\n"
        "store.commit('job', token, results=[result('before', 0)])\n"
        "inherited = store._database._connection\n"
        "child = os.fork()\n"
        "name = 'child' if child == 0 else 'parent'\n"
        "store.commit('job', token, results=[result(name, n) for n in range(50)])\n"
        "if child == 0: os._exit(store._database._connection is inherited)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "print(len(store.results('job')))\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "jobs.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "101\n"


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url, path in (("sqlite:///jobs.db", tmp_path / "jobs.db"), (f"sqlite:///{tmp_path}/b.db", tmp_path / "b.db")):
        with SqliteJobStore.from_url(url) as store:
            assert store.path == str(path)
            assert repr(store) == f"SqliteJobStore({str(path)!r})"
    for url in ("sqlite:///", "sqlite://jobs.db", "postgresql:///jobs"):
        with pytest.raises(BackendError):
            SqliteJobStore.from_url(url)


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("RASTERCOLLECTION_STATE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder() == tmp_path / "xdg" / "rastercollection"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_folder() == tmp_path / ".local" / "state" / "rastercollection"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert state_folder() == tmp_path / "Library" / "Application Support" / "rastercollection"
    monkeypatch.setenv("RASTERCOLLECTION_STATE", "~/state")
    assert state_folder() == tmp_path / "state"
    with default_job_store() as store:
        assert store.path == str(tmp_path / "state" / "jobs.db")
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_or_replaced_is_written_no_more(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "jobs.db"
    with SqliteJobStore(path) as store:
        lease = store.acquire("job", Owner.current(), 60)
        assert lease is not None
        for file in tmp_path.iterdir():
            file.unlink()
        if replaced:
            SqliteJobStore(path).close()
        with pytest.raises(BackendError, match="deleted or replaced") as caught:
            store.commit("job", lease.token, results=[result(1)])
        assert not caught.value.retryable
