"""The PostgreSQL store: the shipped contract on a real server, and what only a server can do to it."""

from __future__ import annotations

import itertools
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

from rastercollection import FanOut, Stage, TaskContext, Workflow
from rastercollection.backends.jobs.migrations.postgres_schema import POSTGRES_STEPS
from rastercollection.backends.jobs.migrations.steps import Steps
from rastercollection.backends.postgresql import DatabaseNotFoundError
from rastercollection.core.engine.engine import Engine
from rastercollection.core.events import TaskEnded
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Wish
from rastercollection.core.models import JobRecord, JobStatus
from rastercollection.errors import (
    BackendError,
    LeaseLostError,
    PermissionDeniedError,
    PreconditionError,
    UnavailableError,
)
from rastercollection.executors.thread import ThreadExecutor
from rastercollection.testing.contenders import in_threads
from rastercollection.testing.job_queue_contract import JobQueueContract
from rastercollection.testing.job_store_contract import JobStoreContract
from rastercollection.testing.job_store_samples import a_job, a_result, an_owner

psycopg = pytest.importorskip("psycopg", reason="pip install 'rastercollection[postgres]'")
postgresql = pytest.importorskip("services.postgresql", reason="pip install 'rastercollection[postgres]'")
pgbouncer = pytest.importorskip("services.pgbouncer")
cutting_proxy = pytest.importorskip("services.cutting_proxy")
database = pytest.importorskip("rastercollection.backends.jobs.postgres_database")
PostgresJobStore = pytest.importorskip("rastercollection.backends.jobs.postgres").PostgresJobStore

Ask = Callable[..., Any]

_numbers = itertools.count()


def make_dsn(dsn: str, **changes: Any) -> str:
    """The address with something else in it."""
    return str(psycopg.conninfo.make_conninfo(dsn, **changes))


@pytest.fixture
def schema() -> str:
    """Name of a schema that nobody has used."""
    return f"jobs_{next(_numbers)}"


@pytest.fixture
def ask(jobs_dsn: str, schema: str) -> Iterator[Ask]:
    """Runs a statement in the schema as an administrator and returns the first value."""
    with psycopg.connect(jobs_dsn, autocommit=True, options=f"-c search_path={schema}") as connection:

        def run(statement: str, *parameters: Any) -> Any:
            cursor = connection.execute(statement, parameters or None)
            return (cursor.fetchone() or (None,))[0] if cursor.description else None

        yield run


class OnPostgres:
    """How the suites make a store."""

    @pytest.fixture(autouse=True)
    def place(self, jobs_dsn: str, schema: str) -> None:
        self.dsn, self.administrator, self.schema = jobs_dsn, jobs_dsn, schema

    def make_store(self) -> JobStore:
        store: JobStore = PostgresJobStore(self.dsn, schema=self.schema)
        return store

    def another(self, store: JobStore) -> JobStore:
        return self.make_store()

    def damage(self, store: JobStore, job_id: str, task_id: str | None) -> None:
        torn = '{"schema_version":1,"id":"j'
        with psycopg.connect(self.administrator, autocommit=True) as connection:
            if task_id is None:
                connection.execute(f"UPDATE {self.schema}.jobs SET record = %s WHERE id = %s", (torn, job_id))
            else:
                where = "WHERE job_id = %s AND task_id = %s"
                connection.execute(f"UPDATE {self.schema}.results SET record = %s {where}", (torn, job_id, task_id))


class TestPostgres(OnPostgres, JobStoreContract):
    pass


class TestPostgresBehindAPooler(OnPostgres, JobQueueContract):
    """The queue, whose statements depend most on each other, with another connection for every transaction."""

    @pytest.fixture(autouse=True)
    def pooled(self, jobs_dsn: str, missing_service: Callable[[str, str], None], place: None) -> Iterator[None]:
        program = pgbouncer.find_program()
        if program is None:
            missing_service("pgbouncer", pgbouncer.INSTALL)
        with pgbouncer.running(program, jobs_dsn) as address:
            self.dsn = address
            yield


@pytest.fixture
def proxy(jobs_dsn: str) -> Iterator[Any]:
    with cutting_proxy.running(int(psycopg.conninfo.conninfo_to_dict(jobs_dsn)["port"])) as proxy:
        yield proxy


def leased(store: JobStore, job_id: str) -> Lease:
    lease = store.acquire(job_id, an_owner(), 60)
    assert lease is not None
    return lease


@pytest.mark.parametrize("lost", ["lose_answers", "lose_questions"])
def test_every_call_is_done_once_whatever_is_lost_on_its_way(
    lost: str, proxy: Any, jobs_dsn: str, schema: str, ask: Ask
) -> None:
    with PostgresJobStore(make_dsn(jobs_dsn, port=proxy.port), schema=schema) as store:
        store.list_jobs()

        def cut(call: Callable[[], Any]) -> Any:
            setattr(proxy, lost, 2)
            result = call()
            assert getattr(proxy, lost) == 0
            return result

        job = a_job(at="1")
        assert cut(lambda: store.create(job)) == job
        moved = attrs.evolve(job, status=JobStatus.PROCESSING)
        cut(lambda: store.update(moved, expected=JobStatus.QUEUED))
        assert store.get(job.id) == moved
        cut(lambda: store.request(job.id, Wish.CANCEL))
        mine = cut(lambda: store.acquire(job.id, an_owner(1), 60))
        assert (mine.owner, mine.wish) == (an_owner(1), Wish.CANCEL)
        assert store.acquire(job.id, an_owner(1), 60) is None
        cut(lambda: store.begin(job.id, mine.token, ["task-000001", "a"]))
        assert store.unfinished(job.id) == {"task-000001": 1, "a": 1}
        cut(lambda: store.commit(job.id, mine.token, results=[a_result(1), a_result(2)], forgotten=["a"], job=moved))
        assert (store.results(job.id), store.unfinished(job.id)) == ([a_result(1), a_result(2)], {})
        assert cut(lambda: store.renew(job.id, mine.token, 90)).left > 60
        cut(lambda: store.release(job.id, mine.token))
        assert store.lease(job.id) is None
        taken = cut(lambda: store.next_job(an_owner(2), 60))
        assert (taken.job_id, taken.owner, taken.claims) == (job.id, an_owner(2), 1)
        assert store.next_job(an_owner(3), 60) is None
        store.release(job.id, taken.token)
        cut(lambda: store.delete(job.id))
        assert store.list_jobs() == []


def test_what_another_did_while_an_answer_was_lost_stands(proxy: Any, jobs_dsn: str, schema: str) -> None:
    with (
        PostgresJobStore(make_dsn(jobs_dsn, port=proxy.port), schema=schema) as store,
        PostgresJobStore(jobs_dsn, schema=schema) as other,
    ):
        job = store.create(a_job())
        old = store.acquire(job.id, an_owner(1), 0.01)
        assert old is not None
        time.sleep(0.05)
        leased(other, job.id)
        proxy.lose_questions = 1
        with pytest.raises(PreconditionError):
            store.update(attrs.evolve(job, status=JobStatus.CANCELLED), expected=JobStatus.QUEUED)
        with pytest.raises(LeaseLostError):
            store.commit(job.id, old.token, results=[a_result(1)])
        assert (other.get(job.id), other.results(job.id)) == (job, [])


def test_attempts_do_not_wait_for_the_disk_and_results_do(jobs_dsn: str, schema: str, ask: Ask) -> None:
    with psycopg.connect(jobs_dsn, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
    with PostgresJobStore(jobs_dsn, schema=schema) as store:
        store.list_jobs()
        ask("CREATE TABLE seen (what text, how text)")
        ask(
            f"CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SET search_path = {schema} AS $$ BEGIN"
            " INSERT INTO seen VALUES (TG_TABLE_NAME, current_setting('synchronous_commit')); RETURN NEW; END $$"
        )
        for table in ("jobs", "results", "attempts"):
            ask(f"CREATE TRIGGER see BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION see()")
        job = store.create(a_job())
        token = leased(store, job.id).token
        store.begin(job.id, token, ["task-000001"])
        store.commit(job.id, token, results=[a_result(1)], job=job)
        assert ask("SELECT jsonb_object_agg(what, how) FROM seen") == {"jobs": "on", "results": "on", "attempts": "off"}
        assert ask("SELECT count(DISTINCT (what, how)) FROM seen") == 3


def test_a_lock_that_is_not_given_back_is_not_waited_for_forever(jobs_dsn: str, schema: str) -> None:
    with PostgresJobStore(jobs_dsn, schema=schema, patience=0.5) as store:
        token = leased(store, "job").token
        with psycopg.connect(jobs_dsn) as other:
            other.execute(f"LOCK TABLE {schema}.leases IN ACCESS EXCLUSIVE MODE")
            started = time.monotonic()
            with pytest.raises(UnavailableError, match="lock") as caught:
                store.commit("job", token, results=[a_result(1)])
            assert time.monotonic() - started < 5
        assert not caught.value.retryable
        store.commit("job", token, results=[a_result(1)])


def test_workers_do_not_wait_for_each_other(jobs_dsn: str, schema: str) -> None:
    with PostgresJobStore(jobs_dsn, schema=schema) as store:
        for name in ("first", "second"):
            store.create(a_job(name, at=name))
        with psycopg.connect(jobs_dsn) as other:
            other.execute(f"SELECT 1 FROM {schema}.jobs WHERE id = 'first' FOR UPDATE")
            started = time.monotonic()
            lease = store.next_job(an_owner(), 60)
            assert lease is not None
            assert (lease.job_id, time.monotonic() - started < 5) == ("second", True)
            assert store.next_job(an_owner(), 60) is None


def test_a_worker_that_comes_second_takes_the_next_job(jobs_dsn: str, schema: str) -> None:
    """The lease on the first is being taken when it looks, but is not to be seen yet."""
    with PostgresJobStore(jobs_dsn, schema=schema) as store, ThreadPoolExecutor(1) as threads:
        for name in ("first", "second"):
            store.create(a_job(name, at=name))
        with psycopg.connect(jobs_dsn) as other:
            lasting = "clock_timestamp(), clock_timestamp() + interval '1 minute', gen_random_uuid()"
            other.execute(f"INSERT INTO {schema}.leases VALUES ('first', nextval('{schema}.tokens'), '', {lasting})")
            taken = threads.submit(store.next_job, an_owner(), 60)
            time.sleep(0.5)
            assert not taken.done()
            other.commit()
        lease = taken.result(30)
        assert lease is not None
        assert (lease.job_id, lease.claims) == ("second", 1)


def test_nobody_takes_a_lease_while_something_is_written_under_it(jobs_dsn: str, schema: str) -> None:
    with (
        PostgresJobStore(jobs_dsn, schema=schema) as store,
        PostgresJobStore(jobs_dsn, schema=schema, patience=0.3) as hasty,
        ThreadPoolExecutor(1) as threads,
    ):
        old = store.acquire("job", an_owner(1), 0.01)
        assert old is not None
        with psycopg.connect(jobs_dsn) as other:
            other.execute(f"LOCK TABLE {schema}.results IN SHARE MODE")
            written = threads.submit(store.commit, "job", old.token, results=[a_result(1)])
            time.sleep(0.5)
            with pytest.raises(UnavailableError, match="lock"):
                hasty.acquire("job", an_owner(2), 60)
        written.result(30)
        assert store.results("job") == [a_result(1)]
        assert leased(hasty, "job").token > old.token


def test_a_lease_is_not_renewed_for_longer_than_it_lasts(jobs_dsn: str, schema: str) -> None:
    with PostgresJobStore(jobs_dsn, schema=schema) as store:
        token = leased(store, "job").token
        with psycopg.connect(jobs_dsn) as other:
            other.execute(f"LOCK TABLE {schema}.leases IN ACCESS EXCLUSIVE MODE")
            started = time.monotonic()
            with pytest.raises(UnavailableError):
                store.renew("job", token, 1)
            assert time.monotonic() - started < 5


MISSING = {
    "server": (UnavailableError, "UNAVAILABLE", "host and port"),
    "password": (PermissionDeniedError, "PERMISSION_DENIED", "PGPASSWORD"),
    "database": (DatabaseNotFoundError, "DATABASE_NOT_FOUND", "createdb"),
    "rights": (PermissionDeniedError, "PERMISSION_DENIED", "GRANT CREATE ON DATABASE"),
    "writing": (PermissionDeniedError, "PERMISSION_DENIED", ""),
    "address": (BackendError, "BACKEND_ERROR", "postgresql://user@host"),
}


def _without(what: str, dsn: str, guest: str) -> str:
    changes: Mapping[str, Mapping[str, str]] = {
        "server": {"port": str(postgresql.free_port())},
        "password": {"password": "not-the-secret"},
        "database": {"dbname": "not there"},
        "rights": {"user": guest, "password": "guest"},
        "writing": {"options": "-c default_transaction_read_only=on"},
    }
    return "postgresql://me:not-the-secret@[/db" if what == "address" else make_dsn(dsn, **changes[what])


@pytest.fixture
def guest(ask: Ask) -> Iterator[str]:
    """A role that may do nothing, with the password ``guest``."""
    name = f"guest_{time.monotonic_ns()}"
    ask(f"CREATE ROLE {name} LOGIN PASSWORD 'guest'")
    yield name
    ask(f"DROP OWNED BY {name} CASCADE")
    ask(f"DROP ROLE {name}")


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_is_said_and_no_password(what: str, jobs_dsn: str, schema: str, guest: str) -> None:
    kind, code, hint = MISSING[what]
    with pytest.raises(BackendError) as caught:
        PostgresJobStore(_without(what, jobs_dsn, guest), schema=schema, patience=0.3).list_jobs()
    error = caught.value
    assert (type(error), error.code) == (kind, code), error
    assert hint in error.hint
    assert not error.retryable
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    ours = shown.partition("def test_what_is_missing")[0]
    for secret in (postgresql.PASSWORD, "not-the-secret"):
        assert secret not in str(error)
        assert secret not in ours.replace(_without("address", "", ""), "")


def test_the_password_is_not_shown(jobs_dsn: str) -> None:
    store = PostgresJobStore(jobs_dsn)
    for text in (repr(store), str(store), store.url, repr(store._address)):
        assert "only-for-tests" not in text
    assert store.url.startswith("postgresql://postgres@127.0.0.1:")


def test_the_schema_is_named_by_the_address(jobs_dsn: str, schema: str, ask: Ask) -> None:
    address = f"{jobs_dsn}?options=-csearch_path%3D{schema}%20-c%20application_name%3Dnightly"
    with PostgresJobStore(address) as store:
        store.create(a_job("here"))
        assert ask("SELECT id FROM jobs") == "here"
        assert ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nightly'") == 0
    with PostgresJobStore(jobs_dsn, schema=schema) as store:
        assert [job.id for job in store.list_jobs()] == ["here"]
    with PostgresJobStore(jobs_dsn) as store:
        assert store.list_jobs() == []
        assert ask("SELECT count(*) FROM rastercollection.jobs") == 0
    with pytest.raises(BackendError, match="no name of a schema"):
        PostgresJobStore(jobs_dsn, schema='x"; DROP TABLE jobs')


def test_a_role_with_a_schema_of_its_own_needs_no_other_right(jobs_dsn: str, schema: str, ask: Ask, guest: str) -> None:
    ask(f"CREATE SCHEMA {schema} AUTHORIZATION {guest}")
    with PostgresJobStore(make_dsn(jobs_dsn, user=guest, password="guest"), schema=schema) as store:
        token = leased(store, store.create(a_job()).id).token
        assert token == 1


def test_of_several_that_start_at_once_one_makes_the_tables(jobs_dsn: str, schema: str, ask: Ask) -> None:
    def work(number: int) -> int:
        with PostgresJobStore(jobs_dsn, schema=schema) as store:
            store.create(a_job(f"job-{number}"))
            return len(store.list_jobs())

    assert max(in_threads(8, work)) <= 8
    assert ask("SELECT array_agg(id ORDER BY id) FROM jobs") == [f"job-{number}" for number in range(8)]
    assert ask("SELECT array_agg(version) FROM schema_versions") == [1]


def test_a_schema_of_an_older_release_is_brought_up_to_date(
    jobs_dsn: str, schema: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PostgresJobStore(jobs_dsn, schema=schema) as store:
        job = store.create(a_job())
    broken = Steps.of(POSTGRES_STEPS.steps[0].statements, ["CREATE TABLE half (x integer)", "SELECT 1 FROM nowhere"])
    monkeypatch.setattr(database, "POSTGRES_STEPS", broken)
    with PostgresJobStore(jobs_dsn, schema=schema) as store, pytest.raises(BackendError, match="nowhere"):
        store.get(job.id)
    assert ask("SELECT to_regclass('half')") is None
    monkeypatch.setattr(
        database, "POSTGRES_STEPS", Steps.of(POSTGRES_STEPS.steps[0].statements, ["CREATE TABLE whole (x integer)"])
    )
    with PostgresJobStore(jobs_dsn, schema=schema) as store:
        assert store.get(job.id) == job
    assert ask("SELECT to_regclass('whole')") == "whole"
    assert ask("SELECT array_agg(version ORDER BY version) FROM schema_versions") == [1, 2]
    monkeypatch.undo()
    with PostgresJobStore(jobs_dsn, schema=schema) as store, pytest.raises(BackendError, match="newer release"):
        store.get(job.id)


def test_tables_of_others_are_left_alone(jobs_dsn: str, schema: str, ask: Ask) -> None:
    ask(f"CREATE SCHEMA {schema}")
    ask("CREATE TABLE jobs (id text)")
    with PostgresJobStore(jobs_dsn, schema=schema) as store, pytest.raises(BackendError, match="another program"):
        store.list_jobs()
    assert ask("SELECT array_agg(tablename::text) FROM pg_tables WHERE schemaname = %s", schema) == ["jobs"]


def test_closed_stores_say_so_and_hold_no_connection(jobs_dsn: str, schema: str, ask: Ask) -> None:
    def falls_to(most: int) -> bool:
        deadline = time.monotonic() + 5
        while (found := ask(count, schema)) > most and time.monotonic() < deadline:
            time.sleep(0.02)
        return bool(found <= most)

    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    store = PostgresJobStore(make_dsn(jobs_dsn, application_name=schema), schema=schema)
    in_threads(8, lambda number: store.create(a_job()))
    assert falls_to(4)
    assert ask(count, schema) >= 1
    store.close()
    assert falls_to(0)
    with pytest.raises(BackendError, match="closed"):
        store.list_jobs()


def test_copies_in_a_process_share_connections(jobs_dsn: str, schema: str, ask: Ask) -> None:
    """Workers get a copy with every task."""
    text = pickle.dumps(PostgresJobStore(make_dsn(jobs_dsn, application_name=schema), schema=schema))
    for _ in range(10):
        with pickle.loads(text) as copy:
            copy.list_jobs()
    assert ask("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", schema) == 1


SCRIPT = """
import os, sys
from rastercollection.backends.jobs.postgres import PostgresJobStore
from rastercollection.core.models import JobRecord

def job(name):
    return JobRecord(id=name, job_type="test", parameters={})

store = PostgresJobStore(sys.argv[1], schema=sys.argv[2])
store.create(job("before"))
"""


def _run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", SCRIPT + script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_forked_child_uses_connections_of_its_own(jobs_dsn: str, schema: str) -> None:
    script = """
child = os.fork()
name = "parent" if child else "child"
for number in range(50):
    store.create(job(f"{name}-{number}"))
if not child:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(store.list_jobs()))
"""
    assert _run(script, jobs_dsn, schema) == "101\n"


def test_a_store_that_is_dropped_warns_of_nothing(jobs_dsn: str, schema: str) -> None:
    script = "import gc; del store; gc.collect(); kept = PostgresJobStore(*sys.argv[1:]); print(len(kept.list_jobs()))"
    assert _run(script, jobs_dsn, schema) == "1\n"


@pytest.fixture(scope="module")
def own_server() -> Iterator[Any]:
    """A server that a test may stop and start."""
    programs = postgresql.find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL of our own to stop")
    with postgresql.started(programs) as server:
        server.execute("ALTER DATABASE postgres SET synchronous_commit = on")
        yield server


def work(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Takes a moment, and leaves a line in a log."""
    time.sleep(0.02)
    with Path(parameters["log"]).open("a") as log:
        log.write(f"{context.task.id}\n")
    return {"done": context.task.id}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_job_goes_on_over_restarts_of_its_server(how: signal.Signals, own_server: Any, tmp_path: Path) -> None:
    # the second restart is asked for while the first is under way
    log, count, moments = tmp_path / "log", 60, [1, 2, 20, 41, 59]

    def plan(context: Any, previous: Any) -> Any:
        for index in range(count):
            yield context.task(index, {"log": str(log)})

    ended = itertools.count(1)
    restarts: list[threading.Thread] = []

    def observe(event: Any) -> None:
        if isinstance(event, TaskEnded) and next(ended) in moments:
            thread = threading.Thread(target=own_server.restart, args=(how, 0.3))
            thread.start()
            restarts.append(thread)
            time.sleep(0.05)

    stage = Stage(name="only", task_type="t", handler=f"{work.__module__}:{work.__name__}", fan=FanOut(plan))
    workflow = Workflow(
        name="w", stages=(stage,), finalizer=lambda context: {"notices": sorted({one.code for one in context.notices})}
    )
    job = JobRecord(id=f"{how:064x}", job_type="w", parameters={})
    with PostgresJobStore(own_server.dsn) as store, ThreadExecutor(max_workers=2) as executor:
        result = Engine(executor=executor, jobs=store, observers=(observe,)).run(workflow, job)
        for thread in restarts:
            thread.join()
        assert len(restarts) == len(moments)
        assert result.job.status is JobStatus.COMPLETED
        assert store.get(job.id).result == {"notices": ["TRIED_AGAIN"]}
        names = [one.task.id for one in store.results(job.id)]
        assert len(names) == count
        assert sorted(log.read_text().split()) == names
        assert store.unfinished(job.id) == {}
        assert store.lease(job.id) is None
