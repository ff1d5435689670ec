"""What of an earlier run is taken over: the same code on the same parameters, as far as it can be read and holds."""

from __future__ import annotations

import importlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import handlers
import pytest
from test_engine import job, one_stage, run

from rastercollection import FanOut, Stage, Workflow
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.core.engine.code_version import code_version
from rastercollection.core.events import Event, JobStarted
from rastercollection.core.models import JobStatus

TEXTS = [{"text": "a"}, {"text": "b c"}, {"text": ""}]


def again(store: Any, workflow: Workflow, **settings: Any) -> int:
    """How many tasks a second run executes."""
    executed: int = run(workflow, jobs=store, **{"still_holds": lambda _: True, **settings}).executed
    return executed


def versioned(version: int | None) -> Workflow:
    workflow = one_stage(handlers.count_words, TEXTS)
    return attrs.evolve(workflow, stages=(attrs.evolve(workflow.stages[0], version=version),))


def test_a_stage_of_another_version_is_done_again() -> None:
    store = MemoryJobStore()
    assert again(store, versioned(1)) == 3
    assert again(store, versioned(1)) == 0
    assert again(store, versioned(2)) == 3
    assert again(store, versioned(2)) == 0


def test_a_handler_that_was_repaired_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = tmp_path / "own_handlers.py"
    module.write_text("FACTOR = 2\ndef helper(n): return n\ndef work(p, c): return {'n': FACTOR * helper(p['n'])}\n")

    def plan(context: Any, previous: Any) -> Any:
        yield context.task(0, {"n": 1})

    stage = Stage(name="only", task_type="work", handler="own_handlers:work", fan=FanOut(plan))
    workflow = Workflow(name="test", stages=(stage,), finalizer=lambda context: {})
    store = MemoryJobStore()
    assert [again(store, workflow) for _ in range(2)] == [1, 0]
    for text in (
        "FACTOR = 3\ndef helper(n): return n\ndef work(p, c): return {'n': FACTOR * helper(p['n'])}\n",
        "FACTOR = 3\ndef helper(n): return n + 1\ndef work(p, c): return {'n': FACTOR * helper(p['n'])}\n",
        "FACTOR = 3\ndef helper(n): return n + 2\ndef work(p, c): return {'n': FACTOR * helper(p['n'])}\n",
    ):
        module.write_text(text)
        importlib.reload(sys.modules["own_handlers"])
        assert [again(store, workflow) for _ in range(2)] == [1, 0]
    module.write_text(f"# a comment changes nothing\n\n{text}")
    importlib.reload(sys.modules["own_handlers"])
    assert again(store, workflow) == 0
    del sys.modules["own_handlers"]


def test_the_version_of_code_is_the_same_in_every_process() -> None:
    program = (
        "from rastercollection.core.engine import code_version as m; print(m.code_version('handlers:count_words'))"
    )
    seen = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", program]
        seen.add(subprocess.check_output(command, cwd=Path(__file__).parent, env=environment, text=True).strip())
    assert seen == {code_version("handlers:total")}


def test_what_is_to_be_done_again_is() -> None:
    store, workflow = MemoryJobStore(), one_stage(handlers.count_words, TEXTS)
    again(store, workflow)
    assert again(store, workflow, rerun=lambda task, _: task.tile == "1") == 1
    assert again(store, workflow, rerun=lambda _, result: not result.ok) == 1
    assert again(store, workflow, rerun=lambda _task, _result: True) == 3


@pytest.mark.parametrize("damage", ["{", "[]", "null", '{"schema_version": 99}', '{"task": 5, "status": "?"}'])
def test_a_result_that_cannot_be_read_is_made_again_and_told_of(tmp_path: Path, damage: str) -> None:
    workflow, events = one_stage(handlers.count_words, TEXTS), list[Event]()
    path = tmp_path / "jobs.db"
    with SqliteJobStore(path) as store:
        again(store, workflow)
        database = sqlite3.connect(path)
        database.execute("UPDATE results SET record = ? WHERE task_id LIKE '%000001'", (damage,))
        database.commit()
        database.close()
        assert again(store, workflow, observers=(events.append,)) == 1
        (started,) = (event for event in events if isinstance(event, JobStarted))
        assert [notice.code for notice in started.notices] == ["RECORD_UNREADABLE"]
        assert again(store, workflow) == 0


def test_a_job_s_record_that_cannot_be_read_is_written_anew(tmp_path: Path) -> None:
    workflow, path = one_stage(handlers.count_words, TEXTS[:2]), tmp_path / "jobs.db"
    with SqliteJobStore(path) as store:
        again(store, workflow)
        database = sqlite3.connect(path)
        database.execute("UPDATE jobs SET record = 'x'")
        database.commit()
        database.close()
        (found,) = store.list_jobs()
        assert found.error is not None
        assert (found.id, found.status, found.error.code) == (job().id, "completed", "RECORD_UNREADABLE")
        assert again(store, workflow) == 0
        assert (store.get(job().id).status, store.get(job().id).parameters) == (JobStatus.COMPLETED, {"title": "t"})


def test_a_job_is_known_by_what_it_did_last() -> None:
    store, workflow = MemoryJobStore(), one_stage(handlers.count_words, TEXTS)
    for inputs in ("a", "b", "a"):
        run(workflow, attrs.evolve(job(), metadata={"inputs": inputs}), jobs=store)
        assert store.get(job().id).metadata == {"inputs": inputs}
    created = store.get(job().id).created_at
    run(workflow, jobs=store)
    assert store.get(job().id).created_at == created
