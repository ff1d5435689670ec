"""pgSTAC beyond the contract: what is missing is said before any work, and nothing is ever half there."""

from __future__ import annotations

import contextlib
import json
import pickle
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rastercollection.backends.catalogs.pgstac.pgstac_errors import (
    PgstacMissingError,
    PgstacVersionError,
    PostgisMissingError,
)
from rastercollection.backends.postgresql import DatabaseNotFoundError
from rastercollection.core.models import ErrorRecord
from rastercollection.errors import (
    BackendError,
    CatalogIncompleteError,
    LeaseLostError,
    ObjectExistsError,
    PermissionDeniedError,
    UnavailableError,
)
from rastercollection.ports.catalog import SearchableCatalog
from rastercollection.testing.catalog_contract import contract_collection, contract_item
from rastercollection.testing.scripted import ScriptedGuard

psycopg = pytest.importorskip("psycopg", reason="pip install 'rastercollection[pgstac]'")
postgresql = pytest.importorskip("services.postgresql", reason="pip install 'rastercollection[pgstac]'")
PgstacCatalog = pytest.importorskip("rastercollection.backends.catalogs.pgstac.pgstac_catalog").PgstacCatalog

Ask = Callable[..., Any]


@pytest.fixture
def ask(pgstac_dsn: str) -> Iterator[Ask]:
    """Runs a statement as an administrator and returns the first value."""
    with psycopg.connect(pgstac_dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:

        def run(statement: str, *parameters: Any) -> Any:
            cursor = connection.execute(statement, parameters or None)
            return (cursor.fetchone() or (None,))[0] if cursor.description else None

        yield run


def _items(count: int, collection: str = "scene", **properties: Any) -> list[dict[str, Any]]:
    return [contract_item(collection, f"tile-{number:04d}", number, **properties) for number in range(count)]


def _state(ask: Ask, collection: str = "scene") -> Any:
    return (
        ask("SELECT get_collection(%s)", collection),
        ask("SELECT jsonb_agg(content_hydrate(i) ORDER BY id) FROM items i WHERE collection = %s", collection),
        ask("SELECT count(*) FROM partition_stats WHERE collection = %s", collection),
    )


WITHOUT = {
    "server": (UnavailableError, "UNAVAILABLE", "host and port"),
    "host": (UnavailableError, "UNAVAILABLE", "host and port"),
    "password": (PermissionDeniedError, "PERMISSION_DENIED", "PGPASSWORD"),
    "role": (PermissionDeniedError, "PERMISSION_DENIED", "PGPASSWORD"),
    "database": (DatabaseNotFoundError, "DATABASE_NOT_FOUND", "createdb"),
    "postgis": (PostgisMissingError, "POSTGIS_MISSING", "CREATE EXTENSION postgis"),
    "pgstac": (PgstacMissingError, "PGSTAC_MISSING", "pypgstac migrate"),
    "version": (PgstacVersionError, "PGSTAC_VERSION", "pypgstac[psycopg]==0.8.*"),
    "rights": (PermissionDeniedError, "PERMISSION_DENIED", "GRANT pgstac_ingest"),
    "writing": (PermissionDeniedError, "PERMISSION_DENIED", "primary"),
}


def _without(what: str, dsn: str, postgres: Any, ask: Ask) -> str:
    """Address of a place that lacks something."""
    make = psycopg.conninfo.make_conninfo
    if what == "postgis":
        return make(dsn, dbname="postgres")
    if what == "pgstac":
        ask("DROP SCHEMA pgstac CASCADE")
    if what == "version":
        ask("INSERT INTO pgstac.migrations (version, datetime) VALUES ('0.8.6', now() + interval '1 hour')")
    if what == "rights":
        return make(dsn, user=_role(ask), password="guest")
    changes = {
        "server": {"port": str(postgresql.free_port())},
        "host": {"host": "nowhere.invalid"},
        "password": {"password": "not-the-secret"},
        "role": {"user": "nobody-here"},
        "database": {"dbname": "not there"},
        "writing": {"options": "-c default_transaction_read_only=on"},
    }
    return make(dsn, **changes.get(what, {}))


def _role(ask: Ask, *granted: str) -> str:
    name = f"guest_{time.monotonic_ns()}"
    ask(f"CREATE ROLE {name} LOGIN PASSWORD 'guest'{' IN ROLE ' + ', '.join(granted) if granted else ''}")
    return name


@pytest.mark.parametrize("what", WITHOUT)
def test_what_is_missing_is_said_before_any_work(what: str, pgstac_dsn: str, postgres: Any, ask: Ask) -> None:
    address = _without(what, pgstac_dsn, postgres, ask)
    kind, code, hint = WITHOUT[what]
    with pytest.raises(BackendError) as caught:
        PgstacCatalog(address).check()
    error = caught.value
    assert (type(error), error.code) == (kind, code), error
    assert hint in error.hint
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert "not-the-secret" not in str(error)
    assert postgresql.PASSWORD not in str(error)


def test_the_password_is_never_shown(pgstac_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = PgstacCatalog(pgstac_dsn)
    for text in (repr(catalog), str(catalog), catalog.url):
        assert "only-for-tests" not in text
    assert catalog.url.startswith("postgresql://postgres@127.0.0.1:")
    for address in (
        "postgresql://user:s3cret@host:notaport/db",
        "host=h password='s3cret",
        "s3cret",
        "postgresql://a:s3cret@[/db",
    ):
        with pytest.raises(BackendError) as caught:
            PgstacCatalog(address).check()
        assert "s3cret" not in "".join(traceback.format_exception(caught.value)).replace(address, "")
    monkeypatch.setenv("PGPASSWORD", postgresql.PASSWORD)
    fields = psycopg.conninfo.conninfo_to_dict(pgstac_dsn)
    PgstacCatalog(f"postgresql://postgres@127.0.0.1:{fields['port']}/{fields['dbname']}").check()


def test_the_role_for_loading_is_enough(pgstac_dsn: str, ask: Ask) -> None:
    address = psycopg.conninfo.make_conninfo(pgstac_dsn, user=_role(ask, "pgstac_ingest"), password="guest")
    catalog = PgstacCatalog(address)
    catalog.check()
    for mode in ("insert", "upsert", "delsert", "insert_ignore", "replace"):
        assert catalog.publish(contract_collection("scene"), _items(3), mode=mode).stored == 3
    assert catalog.register_search("scene", {"name": "scene"})
    assert len(list(catalog.items("scene"))) == 3


STEPS = {
    "an item that breaks": "IF NEW.id = 'tile-0007' THEN RAISE EXCEPTION 'no such luck'; END IF; RETURN NEW;",
    "items that vanish": "IF NEW.id >= 'tile-0010' THEN RETURN NULL; END IF; RETURN NEW;",
    "a killed session": "IF NEW.id = 'tile-0007' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;"
    " RETURN NEW;",
}


def _trap(ask: Ask, body: str) -> None:
    ask(f"CREATE OR REPLACE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} END$$")
    ask("CREATE OR REPLACE TRIGGER trap BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION trap()")


@pytest.mark.parametrize("step", STEPS)
def test_a_failed_publication_leaves_everything_as_it_was(step: str, pgstac_dsn: str, ask: Ask) -> None:
    catalog = PgstacCatalog(pgstac_dsn, patience=0.2)
    before = catalog.publish(contract_collection("scene"), _items(5))
    state = _state(ask)
    _trap(ask, STEPS[step])
    for mode in ("upsert", "delsert", "insert_ignore", "replace"):
        with pytest.raises(BackendError) as caught:
            catalog.publish(contract_collection("scene", title="New"), _items(12, platform="new"), mode=mode)
        assert _state(ask) == state
        assert catalog.is_current(before)
        if step == "items that vanish":
            assert isinstance(caught.value, CatalogIncompleteError)
            assert caught.value.code == "CATALOG_INCOMPLETE"
            assert "tile-0010, tile-0011" in str(caught.value)
    with pytest.raises(BackendError):
        catalog.publish(contract_collection("fresh"), _items(12, "fresh"), mode="insert")
    assert _state(ask, "fresh") == (None, None, 0)
    ask("DROP TRIGGER trap ON items")
    assert catalog.publish(contract_collection("scene", title="New"), _items(12, platform="new")).stored == 12


def test_readers_see_all_or_nothing(pgstac_dsn: str) -> None:
    catalog, stop, seen = PgstacCatalog(pgstac_dsn), threading.Event(), []
    query = """SELECT get_collection('scene')->>'title', count(*), count(DISTINCT content->'properties'->>'platform')
               FROM items WHERE collection = 'scene'"""

    def read() -> None:
        with psycopg.connect(pgstac_dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
            while not stop.is_set():
                seen.append(connection.execute(query).fetchone())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for title, count in (("one", 400), ("two", 300), ("three", 500)):
            items = _items(count, platform=title)
            catalog.publish(contract_collection("scene", title=title), items, mode="replace")
    finally:
        stop.set()
        reader.join()
    assert {row[1:] for row in seen} <= {(0, 0), (400, 1), (300, 1), (500, 1)}
    assert len(seen) > 3


def test_a_restart_in_the_middle_is_waited_for(postgres: Any) -> None:
    programs = postgresql.find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL of our own to stop")
    with postgresql.started(programs) as server:
        postgresql.make_template(server, "stac")
        dsn = server.database("stac")
        with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
            _trap(lambda text: connection.execute(text), "PERFORM pg_sleep(0.05); RETURN NEW;")
        with ThreadPoolExecutor(1) as threads:
            publish = threads.submit(PgstacCatalog(dsn).publish, contract_collection("scene"), _items(20))
            time.sleep(0.5)
            assert not publish.done()
            server.restart()
            assert publish.result(30).stored == 20
            with psycopg.connect(dsn) as connection:
                assert connection.execute("SELECT count(*) FROM pgstac.items").fetchone() == (20,)


def test_a_lock_that_is_not_given_back_is_not_waited_for_forever(pgstac_dsn: str, ask: Ask) -> None:
    catalog = PgstacCatalog(pgstac_dsn, patience=0.5)
    with psycopg.connect(pgstac_dsn) as other:
        other.execute("LOCK TABLE pgstac.items IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with pytest.raises(UnavailableError) as caught:
            catalog.publish(contract_collection("scene"), _items(3))
        assert time.monotonic() - started < 10
        assert not caught.value.retryable
    assert _state(ask) == (None, None, 0)
    assert catalog.publish(contract_collection("scene"), _items(3)).stored == 3


def test_what_was_tried_for_long_is_tried_no_more(pgstac_dsn: str) -> None:
    """Neither by who runs the task nor by who runs the job: the times would be multiplied."""
    nowhere = psycopg.conninfo.make_conninfo(pgstac_dsn, port=str(postgresql.free_port()))
    with pytest.raises(UnavailableError, match=r"It was tried \d+ times in \d s\.") as caught:
        PgstacCatalog(nowhere, patience=0.5).item_ids("scene")
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        record = ErrorRecord.of(error)
        assert (record.retryable, record.settled) == (False, False)


def test_many_publishers_of_old_and_new_collections_get_along(pgstac_dsn: str, ask: Ask) -> None:
    for name in ("old-0", "old-1"):
        PgstacCatalog(pgstac_dsn).publish(contract_collection(name), _items(5, name))

    def publish(number: int) -> int:
        name = ("old-0", "old-1", "new-0", "new-1")[number % 4]
        moment = f"20{10 + number}-06-01T00:00:00Z"  # pgSTAC's checks on dates are made anew each time
        items = [contract_item(name, f"job-{number}-{index}", index, datetime=moment) for index in range(50)]
        return PgstacCatalog(pgstac_dsn).publish(contract_collection(name, title=str(number)), items).stored

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(publish, range(16))) == [50] * 16
    for name, expected in (("old-0", 205), ("old-1", 205), ("new-0", 200), ("new-1", 200)):
        assert ask("SELECT count(*) FROM items WHERE collection = %s", name) == expected
    if not ask("SELECT version FROM migrations ORDER BY datetime DESC LIMIT 1").startswith("0.9."):  # has its own
        assert ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0


def test_in_a_collection_partitioned_by_time_an_item_is_there_once(pgstac_dsn: str, ask: Ask) -> None:
    catalog = PgstacCatalog(pgstac_dsn)
    catalog.publish(contract_collection("scene"), _items(3))
    ask("UPDATE collections SET partition_trunc = 'month' WHERE id = 'scene'")
    later = _items(3, datetime="2021-05-01T00:00:00Z")
    assert catalog.publish(contract_collection("scene"), later, mode="insert_ignore").items == 3
    with pytest.raises(ObjectExistsError, match="tile-0000"):
        catalog.publish(contract_collection("scene"), later, mode="insert")
    for mode in ("upsert", "delsert", "replace"):
        moment = {"upsert": "2021-05-01T00:00:00Z", "delsert": "2019-01-01T00:00:00Z"}.get(mode, "2020-02-01T00:00:00Z")
        published = catalog.publish(contract_collection("scene"), _items(3, datetime=moment), mode=mode)
        assert (published.items, published.stored) == (3, 3)
        assert {item["properties"]["datetime"] for item in catalog.items("scene")} == {moment}
        found = ask("SELECT search(%s)", json.dumps({"collections": ["scene"], "datetime": moment}))
        assert len(found["features"]) == 3


def test_items_without_a_time_are_kept(pgstac_dsn: str) -> None:
    catalog = PgstacCatalog(pgstac_dsn)
    span = {"datetime": None, "start_datetime": "0001-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}
    for _ in range(2):
        assert catalog.publish(contract_collection("scene"), _items(2, **span)).stored == 2
    assert [item["properties"] for item in catalog.items("scene")] == [span] * 2


def test_a_search_has_the_id_that_the_database_gives(pgstac_dsn: str, ask: Ask) -> None:
    catalog = PgstacCatalog(pgstac_dsn)
    assert isinstance(catalog, SearchableCatalog)
    metadata = {"name": "scene", "bounds": [0.0, 0.0, 1.0, 1.5], "minzoom": 3, "maxzoom": 12, "assets": ["data"]}
    first = catalog.register_search("scene", metadata)
    assert catalog.register_search("scene", dict(reversed(metadata.items()))) == first
    assert catalog.register_search("scene", {**metadata, "maxzoom": 13}) != first
    assert catalog.register_search("other", metadata) != first
    assert ask("SELECT count(*) FROM searches") == 3
    assert catalog.has_search(first)
    assert not catalog.has_search("another")
    assert ask("SELECT metadata->>'type' FROM searches WHERE hash = %s", first) == "mosaic"
    assert ask("SELECT search->'collections' FROM searches WHERE hash = %s", first) == ["scene"]


def test_a_search_of_a_runner_that_lost_its_lease_is_not_registered(pgstac_dsn: str, ask: Ask) -> None:
    guarded = PgstacCatalog(pgstac_dsn).guarded(ScriptedGuard())
    with pytest.raises(LeaseLostError):
        guarded.register_search("scene", {"name": "scene"})
    assert ask("SELECT count(*) FROM searches") == 0


def test_all_is_loaded_when_the_guard_is_asked(pgstac_dsn: str, ask: Ask) -> None:
    """A publisher that stands still has its question ahead of it, and not its commit alone."""
    seen: list[int] = []

    class Looking(ScriptedGuard):
        def check(self) -> None:
            locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            seen.extend([ask(locks), ask("SELECT count(*) FROM items")])

    PgstacCatalog(pgstac_dsn).publish(contract_collection("scene"), _items(1))
    PgstacCatalog(pgstac_dsn).guarded(Looking()).publish(contract_collection("scene"), _items(3))
    assert seen == [1, 1]
    assert ask("SELECT count(*) FROM items") == 3


def test_a_search_is_in_the_order_of_drawing(pgstac_dsn: str, ask: Ask) -> None:
    found = PgstacCatalog(pgstac_dsn).register_search("scene", {"name": "scene"})
    order = ask("SELECT orderby FROM search_query((SELECT search FROM searches WHERE hash = %s))", found)
    usual = ask("""SELECT orderby FROM search_query('{"collections": ["scene"]}')""")
    assert order.replace(" ", "").startswith("datetimeDESC,idDESC"), order
    assert usual.replace(" ", "").removesuffix(",idDESC").startswith("datetimeDESC"), usual


def test_a_database_that_sorts_ids_otherwise_is_told_of(pgstac_dsn: str, ask: Ask) -> None:
    catalog = PgstacCatalog(pgstac_dsn)
    items = [contract_item("scene", name, 1, datetime="2020-01-01T00:00:00Z") for name in ("a", "B", "c")]
    assert catalog.publish(contract_collection("scene"), items).notices == ()
    ask('ALTER TABLE items ALTER COLUMN id TYPE text COLLATE "en-x-icu"')
    assert [notice.code for notice in catalog.publish(contract_collection("scene"), items).notices] == [
        "DATABASE_ORDER"
    ]
    for day, item in enumerate(items, 1):
        item["properties"]["datetime"] = f"2020-01-0{day}T00:00:00Z"
    assert catalog.publish(contract_collection("scene"), items).notices == ()


def test_what_postgresql_cannot_hold_is_an_error_of_ours(pgstac_dsn: str, ask: Ask) -> None:
    catalog = PgstacCatalog(pgstac_dsn)
    wrong: list[dict[str, Any]] = [
        contract_item("scene", "nul", note="a\0b"),
        {**contract_item("scene", "no time"), "properties": {"datetime": None}},
        {**contract_item("scene", "no place"), "geometry": None},
        contract_item("scene", "no moment", datetime="yesterday at noon"),
    ]
    for item in wrong:
        with contextlib.suppress(UnicodeError), pytest.raises(BackendError) as caught:
            catalog.publish(contract_collection("scene"), [*_items(2), item])
        assert not caught.value.retryable
    assert _state(ask) == (None, None, 0)
