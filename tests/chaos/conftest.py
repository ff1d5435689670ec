"""A seed, scenes, undisturbed runs to compare with, and the table of what was tried how often, and what was lost."""

from __future__ import annotations

import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos_judge import Undisturbed
from chaos_scene import Nursery, Scene, a_nursery

SEED = 1
COLUMNS = ("what was done", "executor", "job store")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("chaos")
    group.addoption("--chaos-seed", type=int, default=SEED, help="another seed hurts jobs at other moments and places")
    group.addoption("--chaos-log", type=Path, help="a file to which each try is added; the table is of all in it")


def pytest_report_header(config: pytest.Config) -> str:
    return f"chaos: seed {_seed(config)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not sys.platform.startswith("linux"):
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="processes are watched as only Linux lets them be"))


def _seed(config: pytest.Config) -> int:
    return int(config.getoption("--chaos-seed", SEED))


_tries: list[dict[str, Any]] = []
_log: list[Path] = []


def pytest_configure(config: pytest.Config) -> None:
    if (log := config.getoption("--chaos-log", None)) is not None:
        _log.append(log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    told = dict(report.user_properties).get("chaos")
    if told is None or not (report.when == "call" or report.failed):
        return
    reason = getattr(getattr(report.longrepr, "reprcrash", None), "message", "")
    _tries.append({**json.loads(str(told)), "lost": report.failed, "test": report.nodeid, "reason": reason})
    for log in _log:
        with log.open("a") as file:
            file.write(json.dumps(_tries[-1]) + "\n")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    tries = list(_tries)
    if _log:
        tries = [json.loads(line) for line in _log[0].read_text().splitlines()]
    if tries:
        terminalreporter.section("chaos")
        terminalreporter.write_line("\n".join(_table(tries)))


def _table(tries: list[dict[str, Any]]) -> list[str]:
    count: Counter[tuple[str, ...]] = Counter()
    lost: Counter[tuple[str, ...]] = Counter()
    for each in tries:
        row = tuple(str(each[name]) for name in ("kind", "executor", "store"))
        count[row] += each["times"]
        lost[row] += each["lost"]
    head = ["| " + " | ".join((*COLUMNS, "times", "lost")) + " |", "|---" * 5 + "|"]
    rows = [f"| {' | '.join(row)} | {count[row]} | {lost[row]} |" for row in sorted(count)]
    return [*head, *rows, f"| all | | | {count.total()} | {lost.total()} |"]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with a_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder for all scenes of the session: documents hold addresses."""
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture
def scene(nursery: Nursery, place: Path) -> Iterator[Scene]:
    with contextlib.closing(Scene(place / "scene", place / "control", nursery)) as scene:
        yield scene


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    """Falls as the seed and the name of the test say."""
    return random.Random(f"{_seed(request.config)} {request.node.name}")


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Notes for the table that something is done to a job, ``times`` times."""

    def told(kind: str, executor: str, store: str, times: int = 1) -> None:
        record_property("chaos", json.dumps({"kind": kind, "executor": executor, "store": store, "times": times}))

    return told


@pytest.fixture(scope="session")
def known_runs() -> dict[str, Undisturbed]:
    return {}


@pytest.fixture
def undisturbed(scene: Scene, known_runs: dict[str, Undisturbed]) -> Callable[..., Undisturbed]:
    """A run of the job that nothing happens to, made once for each executor, request and versions of the sources."""

    def made(executor: str, *versions: int, **changes: Any) -> Undisturbed:
        key = json.dumps([executor, versions, changes], sort_keys=True)
        if key not in known_runs:
            known_runs[key] = _undisturbed(scene, executor, versions or (1,), changes)
            scene.reset()
        return known_runs[key]

    return made


def _undisturbed(scene: Scene, executor: str, versions: tuple[int, ...], changes: dict[str, Any]) -> Undisturbed:
    for version in versions:
        scene.write_sources(version)
        began = time.monotonic()
        program = scene.run(scene.job(executor, "sqlite", **changes), trace=True)
        seconds = time.monotonic() - began
        assert program.outcome["status"] == "completed", program.outcome
    assert scene.leftovers() == []
    return Undisturbed(tree=scene.tree(), seconds=seconds, places=Counter(program.trace))


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Turns the name of a job store into what the job is told: for PostgreSQL, a database of the test's own."""
    with contextlib.ExitStack() as opened:
        yield lambda store: _database(request, opened) if store == "postgresql" else store


def _database(request: pytest.FixtureRequest, opened: contextlib.ExitStack) -> str:
    from services.postgresql import as_url

    server = request.getfixturevalue("postgres")
    return as_url(server.database(opened.enter_context(server.new_database())))
