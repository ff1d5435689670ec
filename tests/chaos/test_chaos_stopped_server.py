"""A PostgreSQL server that is stopped in the middle of a job, and comes back: nothing is lost, or done twice."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaos_judge import Undisturbed, check_outputs, done_in
from chaos_scene import Scene
from chaos_tries import tries

postgresql = pytest.importorskip("services.postgresql", reason="pip install 'rastercollection[pgstac,postgres]'")
pgstac = pytest.importorskip("rastercollection.backends.catalogs.pgstac.pgstac_catalog")

DATABASE, TEMPLATE = "chaos", "template_chaos"


def new_database(server: Any) -> str:
    """The address of an empty database with pgSTAC, the same every time."""
    server.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
    server.execute(f'CREATE DATABASE "{DATABASE}" TEMPLATE "{TEMPLATE}"')
    server.execute(f'ALTER DATABASE "{DATABASE}" SET synchronous_commit = on')
    return str(postgresql.as_url(server.database(DATABASE)))


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    programs = postgresql.find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL of our own to stop")
    with postgresql.started(programs) as server:
        postgresql.make_template(server, TEMPLATE)
        yield server


@pytest.fixture(scope="module")
def published(server: Any) -> dict[str, Any]:
    """What is compared with: filled by the first test of each kind."""
    return {}


def catalog_holds(address: str) -> list[Any]:
    """Collection and items, without what the database adds of its own."""
    catalog = pgstac.PgstacCatalog(address)
    return [catalog.collection("chaos"), *sorted(catalog.items("chaos"), key=lambda item: str(item["id"]))]


@tries(("thread", "postgresql", 0, 8), ("process", "postgresql", 0, 4), ("serial", "postgresql", 0, 3))
def test_the_job_store_is_stopped(
    scene: Scene,
    undisturbed: Callable[..., Undisturbed],
    server: Any,
    dice: random.Random,
    tell: Callable[..., None],
    executor: str,
    store: str,
    number: int,
) -> None:
    expected = undisturbed(executor)
    how = dice.choice((signal.SIGINT, signal.SIGQUIT))
    tell("server of the job store stopped", executor, store)
    job = scene.job(executor, new_database(server))
    program = scene.start(job)
    time.sleep(dice.uniform(0, expected.seconds))
    server.restart(how, dice.uniform(0, 2))
    program.wait()
    assert program.outcome["status"] == "completed", program.outcome
    assert len(done_in([program])) == len(set(done_in([program]))), "a task was done twice"
    again = scene.run(job)
    assert (again.outcome["status"], again.outcome["reused"]) == ("completed", True), again.outcome
    check_outputs(scene, expected.tree)


@tries(("thread", "sqlite", 0, 8), ("process", "sqlite", 0, 4))
def test_the_catalog_is_stopped(
    scene: Scene,
    server: Any,
    published: dict[str, Any],
    dice: random.Random,
    tell: Callable[..., None],
    executor: str,
    store: str,
    number: int,
) -> None:
    if not published:
        address = new_database(server)
        began = time.monotonic()
        assert scene.run(scene.job("thread", "sqlite", catalog=address)).outcome["status"] == "completed"
        published.update(tree=scene.tree(), catalog=catalog_holds(address), seconds=time.monotonic() - began)
        scene.reset()
    how = dice.choice((signal.SIGINT, signal.SIGQUIT))
    tell("server of the catalog stopped", executor, store)
    address = new_database(server)
    job = scene.job(executor, store, catalog=address)
    program = scene.start(job)
    wait = dice.uniform(0.2, 1.0) * published["seconds"]
    time.sleep(wait)
    server.restart(how, dice.uniform(0, 2))
    program.wait()
    assert program.outcome["status"] == "completed", program.outcome
    assert catalog_holds(address) == published["catalog"]
    again = scene.run(job)
    assert (again.outcome["status"], again.outcome["reused"]) == ("completed", True), again.outcome
    check_outputs(scene, published["tree"])
