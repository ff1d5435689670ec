"""Each argument of each entry point goes through one check, with suggestions, before anything is done."""

from __future__ import annotations

import datetime as dt
import inspect
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio.crs

import rastercollection
from rastercollection import (
    CollectionRequest,
    RequestError,
    cancel,
    check_collection,
    list_collections,
    list_jobs,
    plan_collection,
    process_collection,
    prune,
    push_collection,
    remove_collection,
    rerun,
    retry_failed,
    run_worker,
    status,
    submit,
    view_collection,
)
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.parameters import parameters

REQUIRED = {"container_name": "/nowhere", "blob_list": "*.tif", "collection_id": "x"}
WRONG = object()
"""Nothing of any kind."""

Call = Callable[..., Any]

COMMON: dict[Call, dict[str, Any]] = {
    process_collection: REQUIRED,
    submit: REQUIRED,
    plan_collection: REQUIRED,
    rerun: {"job_id": "abc"},
    retry_failed: {"job_id": "abc"},
    run_worker: {},
    status: {"job_id": "abc"},
    list_jobs: {},
    cancel: {"job_id": "abc"},
    prune: {"older_than": 1},
    check_collection: {"collection": "/nowhere"},
    list_collections: {"place": "/nowhere"},
    push_collection: {"collection": "/nowhere", "target": "/elsewhere"},
    remove_collection: {"collection": "/nowhere"},
    view_collection: {"collection": "/nowhere"},
}


def _own(call: Call) -> list[str]:
    """Names of the arguments that stand in the signature."""
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [one.name for one in inspect.signature(call).parameters.values() if one.kind not in kinds]


def _taken(call: Call) -> list[str]:
    takes_request = call in (process_collection, submit, plan_collection)
    takes_options = takes_request or call in (rerun, retry_failed, run_worker)
    fields = [*(parameters(CollectionRequest) if takes_request else ())]
    fields += [*(parameters(RuntimeOptions) if takes_options else ())]
    without = {"rerun"} if call in (rerun, retry_failed) else set()  # that is ``what``
    return [name for name in dict.fromkeys((*_own(call), *fields)) if name not in without]


CASES = [(call, name) for call in COMMON for name in _taken(call)]


def test_every_public_function_is_in_the_table() -> None:
    functions = {
        value for name in rastercollection.__all__ if inspect.isfunction(value := getattr(rastercollection, name))
    }
    others = {
        rastercollection.carry_over,
        rastercollection.collection_workflow,
        rastercollection.color_ramp,
        rastercollection.stopping_on_signals,
    }
    assert set(COMMON) == functions - others


def _told(value: object) -> str:
    """The same in every process: neither an address in memory nor the order of a set."""
    return type(value).__name__ if isinstance(value, Iterator | set | dict) else str(value)


@pytest.mark.parametrize(("call", "name"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_nothing_of_the_kind_is_refused_by_its_name(
    call: Call, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RASTERCOLLECTION_STATE", str(tmp_path / "state"))
    with pytest.raises(RequestError) as caught:
        call(**{**COMMON[call], name: WRONG})
    assert [problem.parameter for problem in caught.value.problems] == ["rerun" if name == "what" else name]
    assert not (tmp_path / "state").exists(), "before anything is done"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"raster_type": "DEM"}, "dem"),
        ({"output_tier": "analisys"}, "analysis"),
        ({"mode": "upsrt"}, "upsert"),
        ({"compression": "deflate"}, "DEFLATE"),
        ({"executor": "proces"}, "process"),
        ({"verify": "quik"}, "quick"),
        ({"on_tile_error": "contine"}, "continue"),
        ({"output_tire": "analysis"}, "output_tier"),
        ({"max_worker": 2}, "max_workers"),
    ],
    ids=_told,
)
def test_what_was_probably_meant_is_suggested(given: dict[str, Any], meant: str) -> None:
    for call in (process_collection, submit, plan_collection):
        with pytest.raises(RequestError) as caught:
            call(**REQUIRED, **given, jpeg_quality=0)
        assert meant in [problem.suggestion for problem in caught.value.problems]


UTM = "EPSG:32642"


@pytest.mark.parametrize(
    ("name", "given", "held"),
    [
        ("input_crs", pyproj.CRS.from_epsg(32642), UTM),
        ("input_crs", rasterio.crs.CRS.from_epsg(32642), UTM),
        ("target_crs", 3857, "EPSG:3857"),
        ("target_crs", "3857", "EPSG:3857"),
        ("target_crs", np.int64(3857), "EPSG:3857"),
        ("target_crs", "epsg:3857", "EPSG:3857"),
        ("input_crs", pyproj.CRS.from_epsg(32642).to_json_dict(), None),
        ("datetime", dt.datetime(2019, 7, 14, 6, tzinfo=dt.UTC), "2019-07-14T06:00:00+00:00"),
        ("datetime", dt.date(2019, 7, 14), "2019-07-14"),
        ("datetime", (dt.date(2019, 7, 14), None), "2019-07-14/.."),
        ("datetime", np.datetime64("2019-07"), "2019-07"),
        ("datetime", np.datetime64("2019-07-14T06:00:00.123456789"), "2019-07-14T06:00:00.123456"),
        ("datetime", "2019-07", "2019-07"),
        ("blob_list", Path("a.tif"), ("a.tif",)),
        ("blob_list", (name for name in ("a.tif", "b.tif")), ("a.tif", "b.tif")),
        ("blob_list", {"b.tif", "a.tif"}, ("a.tif", "b.tif")),
        ("blob_list", np.array(["a.tif", "b.tif"]), ("a.tif", "b.tif")),
        ("blob_list", "/data/bronze/deep/a.tif", ("deep/a.tif",)),
        ("blob_list", ["/data/bronze/*.tif", "/data/bronze/a.tif", "a.tif"], ("*.tif", "a.tif")),
        ("maxzoom", np.int32(14), 14),
        ("resolution", np.float32(0.5), 0.5),
        ("resolution", np.int16(2), 2.0),
        ("strict", np.True_, True),
        ("output_tier", np.str_("archive"), "archive"),
        ("keywords", (word for word in ("a", "b")), ("a", "b")),
        ("providers", {"name": "us"}, ({"name": "us"},)),
    ],
    ids=_told,
)
def test_a_request_takes_what_people_have_in_hand(name: str, given: Any, held: Any) -> None:
    request = CollectionRequest(**{**REQUIRED, "container_name": "/data/bronze", name: given})
    value = getattr(request, name)
    if held is None:
        assert pyproj.CRS(value) == pyproj.CRS.from_epsg(32642)
        return
    assert value == held
    assert type(value) is type(held)
    assert CollectionRequest(**{**REQUIRED, "container_name": "/data/bronze", name: held}).job_id == request.job_id


@pytest.mark.parametrize(
    ("name", "given", "held"),
    [
        ("memory_budget", "8G", 8 * 2**30),
        ("memory_budget", 8e9, 8_000_000_000),
        ("memory_budget", np.int64(2**33), 2**33),
        ("max_workers", np.int64(2), 2),
        ("task_timeout", dt.timedelta(minutes=2), 120.0),
        ("stop_timeout", np.float64(2), 2.0),
        ("jobs", Path("/data/jobs.db"), "sqlite:////data/jobs.db"),
        ("rerun", (name for name in ("failed",)), ("failed",)),
    ],
    ids=_told,
)
def test_how_jobs_run_takes_it_too(name: str, given: Any, held: Any) -> None:
    value = getattr(RuntimeOptions(**{name: given}), name)
    assert value == held
    assert type(value) is type(held)


def test_a_path_means_what_it_means_for_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bronze").mkdir()
    (tmp_path / "bronze" / "a.tif").touch()
    given = {**REQUIRED, "container_name": "bronze"}
    assert CollectionRequest(**{**given, "blob_list": Path("bronze").glob("*.tif")}).blob_list == ("a.tif",)
    assert CollectionRequest(**{**given, "blob_list": ["bronze/a.tif"]}).blob_list == ("bronze/a.tif",)


def test_what_lies_elsewhere_is_refused() -> None:
    for name in ("/data/other/a.tif", "/data/bronze", "/data/bronze/../a.tif", Path("/data/bronze/../a.tif")):
        with pytest.raises(RequestError, match="blob_list"):
            CollectionRequest(**{**REQUIRED, "container_name": "/data/bronze", "blob_list": [name]})


def test_addresses_below_a_bucket_are_names_in_it() -> None:
    request = CollectionRequest(
        container_name="s3://bronze/2019", blob_list=["s3://bronze/2019/a.tif", "b.tif"], collection_id="x"
    )
    assert request.blob_list == ("a.tif", "b.tif")


def test_names_that_never_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rastercollection.model.foreign_values.MOST_NAMES", 1000)
    names = (f"{number}.tif" for number in itertools.count())
    with pytest.raises(RequestError, match=r"blob_list.* must not go on after"):
        plan_collection(container_name="/nowhere", blob_list=names, collection_id="x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("collection_title", "a\0b"),
        ("collection_description", "\0"),
        ("keywords", ["a\0b"]),
        ("providers", [{"name": "a", "roles": ["b\0"]}]),
    ],
)
def test_texts_that_no_database_can_hold_are_refused_before_any_work(name: str, value: Any) -> None:
    with pytest.raises(RequestError, match=f"{name}.* NUL"):
        plan_collection(**REQUIRED, **{name: value})
