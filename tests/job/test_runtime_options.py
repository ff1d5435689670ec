"""How a job runs is checked as the job's parameters are: before anything is done, and all together."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import Event as ProcessEvent
from pathlib import Path
from typing import Any

import pytest

from rastercollection import CollectionRequest, plan_collection, process_collection, status, submit
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.backends.jobs.sqlite import SqliteJobStore
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.cli.demo import make_scene
from rastercollection.core.executor import ExecutorCapabilities
from rastercollection.core.workflow import Workflow
from rastercollection.errors import ObjectNotFoundError, RequestError, UnknownNameError
from rastercollection.executors.serial import SerialExecutor
from rastercollection.job.collection_workflow import collection_workflow
from rastercollection.job.runtime import unknown_names
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.parameters import parameters, problems


class Submitting:
    """No subclass of any executor, but all that one needs."""

    capabilities = ExecutorCapabilities()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise AssertionError("options are looked at, nothing is run")

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """There is nothing to shut down."""


CLIENT = type("Client", (), {"__module__": "distributed.client"})()

GOOD: dict[str, list[Any]] = {
    "executor": ["serial", "tcp://host:8786", SerialExecutor(), ThreadPoolExecutor(1), Submitting(), CLIENT],
    "max_workers": [1, 64],
    "memory_budget": [1, 8 * 2**30, "8G", "500M"],
    "worker_memory": [1, 8 * 2**30, "8G", "500M"],
    "scratch": ["/tmp", Path("/tmp")],
    "storage": ["fsspec", FsspecStorage()],
    "storage_options": [{}, {"anon": True}],
    "allow_private_hosts": [True, False],
    "catalog": [
        *("a/folder", Path("a/folder"), "year=2024", "./host=h"),
        *("postgresql://host/stac", StaticCatalog("/stac", FsspecStorage())),
    ],
    "jobs": ["memory", "sqlite:///jobs.db", "sqlite:////data/jobs.db", "sqlite+other://x", MemoryJobStore()],
    "on_tile_error": ["continue", "fail"],
    "verify": ["quick", "checksum"],
    "on_busy": ["wait", "take_over", "fail"],
    "rerun": [True, False, (), "all", ["failed", "a.tif"], "create_cogs"],
    "task_timeout": [None, 5, 0.5],
    "stop_timeout": [5, 0.5],
    "observers": [(), [print], (print, print)],
    "progress": [True, False, None],
    "workflow": [collection_workflow(CollectionRequest(container_name="/a", blob_list="a.tif", collection_id="x"))],
    "cancel": [threading.Event(), ProcessEvent()],
}

BAD: dict[str, list[Any]] = {
    "executor": ["", 5, SerialExecutor, object()],
    "max_workers": [0, -3, 1.5, "4", True],
    "memory_budget": [0, -1, 1.5, "lots", "0.1", True],
    "worker_memory": [0, -1, 1.5, "lots", "0.1", True],
    "scratch": ["", 5],
    "storage": ["", 5, FsspecStorage],
    "storage_options": ["anon=true", [("anon", True)], 5],
    "allow_private_hosts": ["yes", None, 1],
    "catalog": ["", 5, StaticCatalog, "host=h password=Zq9SECRET", "host=h dbname=stac", " dbname = stac"],
    "jobs": ["", 5, MemoryJobStore, "sqlite", "sqlite://jobs.db", "sqlite:///", "sqlite:jobs.db", "host=h"],
    "on_tile_error": ["ignore", None, 5],
    "verify": ["no", None, 5],
    "on_busy": ["ignore", None, 5],
    "rerun": [5, [5], ""],
    "task_timeout": [0, -1, "5", math.inf],
    "stop_timeout": [0, None, "5"],
    "observers": [print, "print", [print, 5], None],
    "progress": ["bars", 1],
    "workflow": ["x", 5, Workflow],
    "cancel": [True, threading.Event, 5],
}


def test_every_option_is_tried_here() -> None:
    assert set(parameters(RuntimeOptions)) == set(GOOD) == set(BAD)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_what_is_allowed_passes(name: str, value: Any) -> None:
    assert problems(RuntimeOptions(**{name: value})) == []


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_what_is_not_is_told(name: str, value: Any) -> None:
    (problem,) = problems(RuntimeOptions(**{name: value}))
    assert problem.parameter == name
    assert problem.allowed.startswith("must be ")


def test_what_may_be_given_in_several_forms_is_kept_in_one(tmp_path: Path) -> None:
    options = RuntimeOptions(memory_budget="2K", scratch=tmp_path, catalog=tmp_path)
    assert (options.memory_budget, options.scratch, options.catalog) == (2048, str(tmp_path), str(tmp_path))


def test_nothing_is_told_of_secrets() -> None:
    secret = "open sesame"
    told = problems(RuntimeOptions(storage_options=secret, jobs=f"sqlite:{secret}", catalog=[secret]))  # type: ignore[arg-type]
    assert len(told) == 3
    assert secret not in str(RequestError(told))


@pytest.fixture
def request_(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "bronze").mkdir()
    (tmp_path / "bronze/a.tif").write_bytes(b"never opened")
    return {"container_name": tmp_path / "bronze", "blob_list": "a.tif", "collection_id": "x"}


@pytest.mark.parametrize("call", [process_collection, plan_collection, submit])
def test_all_that_is_wrong_is_told_together(request_: dict[str, Any], call: Callable[..., Any]) -> None:
    wrong = {"collection_id": "a b", "max_workers": 0, "executor": "theads", "jobs": "carrier-pigeon://x", "catlog": 1}
    with pytest.raises(RequestError) as caught:
        call(**{**request_, **wrong})
    told = {problem.parameter: problem.allowed for problem in caught.value.problems}
    assert set(told) == set(wrong)
    assert told["executor"].startswith("must be one of dask, ")
    assert told["executor"].endswith("; did you mean thread?")
    assert told["jobs"] == "must be one of memory, postgres, postgresql, sqlite"
    assert told["catlog"].endswith("; did you mean catalog?")


@pytest.mark.parametrize("call", [process_collection, plan_collection, submit])
@pytest.mark.parametrize(
    ("name", "value", "unknown"),
    [
        ("executor", "theads", "theads"),
        ("storage", "cupboard", "cupboard"),
        ("catalog", "pigeons://user:word@host", "pigeons"),
        ("jobs", "pigeons://user:word@host", "pigeons"),
        ("jobs", "pigeons", "pigeons"),
    ],
)
def test_an_unknown_name_alone_is_told_before_anything_is_done(
    request_: dict[str, Any], call: Callable[..., Any], name: str, value: str, unknown: str
) -> None:
    with pytest.raises(UnknownNameError) as caught:
        call(**request_, **{name: value})
    assert caught.value.name == unknown
    assert "word" not in str(caught.value)


def test_an_address_of_a_wrong_form_is_not_told_as_an_unknown_name_as_well(request_: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        process_collection(**request_, jobs="sqlite:jobs.db")
    (problem,) = caught.value.problems
    assert "sqlite:///file.db" in problem.allowed


def test_addresses_of_stores_and_schedulers_are_no_unknown_names() -> None:
    for catalog in ("s3://bucket/stac", "file:///stac", "stac", "postgres://host/stac"):
        assert unknown_names(RuntimeOptions(catalog=catalog, executor="tls://host:1", jobs="sqlite:///x.db")) == {}


@pytest.mark.parametrize(
    ("call", "told"), [(plan_collection, "; did you mean predict?"), (process_collection, ""), (submit, "")]
)
def test_only_what_a_call_takes_is_suggested(request_: dict[str, Any], call: Callable[..., Any], told: str) -> None:
    with pytest.raises(RequestError) as caught:
        call(**request_, predct=True)
    assert [problem.allowed for problem in caught.value.problems] == [f"is no parameter{told}"]


def test_asking_for_the_status_with_the_wrong_things_says_so() -> None:
    with pytest.raises(RequestError) as caught:
        status(5, jobs=object())  # type: ignore[arg-type]
    assert [problem.parameter for problem in caught.value.problems] == ["jobs", "job_id"]


def test_asking_for_the_status_makes_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASTERCOLLECTION_STATE", str(tmp_path / "state"))
    for jobs, file in ((f"sqlite:///{tmp_path}/typo/x.db", "typo/x.db"), (None, "state/jobs.db")):
        with pytest.raises(ObjectNotFoundError) as caught:
            status("abc", jobs=jobs)
        assert str(tmp_path / file) in caught.value.message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["storage", "catalog", "jobs"])
def test_what_does_not_pickle_is_told_before_anything_is_done(name: str, tmp_path: Path) -> None:
    """By the parameter that brought it; not by every tile."""
    make_scene(tmp_path / "bronze", size=64)
    backends = {
        "storage": FsspecStorage(),
        "catalog": StaticCatalog(str(tmp_path / "stac")),
        "jobs": SqliteJobStore(tmp_path / "jobs.db"),
    }
    with pytest.raises(RequestError) as caught:
        process_collection(
            container_name=tmp_path / "bronze",
            blob_list="*_a1.tif",
            collection_id="x",
            output_container=tmp_path / "out",
            executor="process",
            **{"jobs": "memory", name: Unpicklable(backends[name])},
        )
    (problem,) = caught.value.problems
    assert problem.parameter == name
    assert "cannot pickle '_thread.lock' object" in problem.allowed
    assert not list(tmp_path.rglob("*.reserved.json"))


class Unpicklable:
    """A backend that holds a lock beside the one that does the work."""

    def __init__(self, inner: Any) -> None:
        self._inner, self._lock = inner, threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._inner, name)
