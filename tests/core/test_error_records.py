"""Which failures of a job are worth meeting again: what each error class says, and what its record keeps of it."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from rastercollection import errors
from rastercollection.backends import postgresql
from rastercollection.backends.catalogs.pgstac import pgstac_errors
from rastercollection.core.models import ErrorRecord, Notice
from rastercollection.core.records import from_dict, to_dict
from rastercollection.errors import MachineError, RasterCollectionError, TaskError, TileError

CIRCUMSTANCES = {
    "BACKEND_ERROR",
    "CATALOG_INCOMPLETE",
    "CATALOG_SETUP",
    "DATABASE_NOT_FOUND",
    "FORKED_PROCESS",
    "JOB_BUSY",
    "JOB_HANDED_OVER",
    "LEASE_LOST",
    "NO_SPACE",
    "OBJECT_EXISTS",
    "OBJECT_NOT_FOUND",
    "OUT_OF_MEMORY",
    "PERMISSION_DENIED",
    "PGSTAC_MISSING",
    "PGSTAC_VERSION",
    "POSTGIS_MISSING",
    "PRECONDITION_FAILED",
    "RECORD_UNREADABLE",
    "UNAVAILABLE",
    "WORKER_DIED",
}
"""Codes of the classes whose fault lies in a machine, a store or a catalog."""

ARGUMENTS: dict[type[RasterCollectionError], tuple[object, ...]] = {
    errors.RequestError: ([],),
    errors.OutputTakenError: ([],),
    errors.OtherSourceError: ([],),
    errors.UnknownNameError: ("executor", "x", ["y"]),
    errors.MissingExtraError: ("The catalog", "extra"),
}

MODULES = (errors, postgresql, pgstac_errors)


def _classes(above: type[RasterCollectionError] = RasterCollectionError) -> Iterator[type[RasterCollectionError]]:
    yield above
    for below in above.__subclasses__():
        if below.__module__ in (module.__name__ for module in MODULES):
            yield from _classes(below)


CLASSES = list(dict.fromkeys(_classes()))


def test_no_class_is_missing_from_what_is_tested_here() -> None:
    named = {getattr(module, name) for module in MODULES for name in module.__all__}
    kinds = {kind for kind in named if isinstance(kind, type)}
    assert set(CLASSES) == {kind for kind in kinds if issubclass(kind, RasterCollectionError)}
    assert {kind.code for kind in CLASSES} >= CIRCUMSTANCES


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_says_whether_meeting_it_again_would_help_and_pickles_whole(
    kind: type[RasterCollectionError],
) -> None:
    error = kind(*ARGUMENTS.get(kind, ("It failed.",)))
    assert ErrorRecord.of(error).settled is (error.code not in CIRCUMSTANCES)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), ErrorRecord.of(copy)) == (kind, str(error), ErrorRecord.of(error))


@pytest.mark.parametrize(
    ("error", "settled"),
    [
        (TileError("It is damaged.", code="FILE_UNREADABLE"), True),
        (TaskError("It is not there now.", code="SOURCE_UNAVAILABLE", retryable=True), False),
        (MachineError("The disk is full.", code="NO_SPACE"), False),
        (KeyError("a bug"), False),
    ],
)
def test_what_was_decided_is_kept_in_the_record(error: Exception, settled: bool) -> None:
    record = ErrorRecord.of(error)
    assert record.settled is settled
    assert from_dict(ErrorRecord, to_dict(record)) == record
    assert to_dict(record)["settled"] is settled


def test_a_record_that_is_made_by_hand_is_settled_unless_it_is_retryable() -> None:
    assert ErrorRecord(code="X", message="x").settled
    assert not ErrorRecord(code="X", message="x", retryable=True).settled


def _calls() -> Iterator[ast.Call]:
    for path in Path(errors.__file__).parent.rglob("*.py"):
        yield from (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def test_no_task_of_the_library_blames_its_input_for_the_state_of_a_machine_or_a_store() -> None:
    blaming = [call for call in _calls() if getattr(call.func, "id", "") in ("TaskError", "TileError")]
    assert len(blaming) > 30
    told = [
        ast.unparse(call)
        for call in blaming
        if {node.value for node in ast.walk(call) if isinstance(node, ast.Constant)} & CIRCUMSTANCES
        and not any(word.arg == "retryable" and ast.unparse(word.value) == "True" for word in call.keywords)
    ]
    assert told == []


def test_what_is_told_holds_no_secrets_and_one_line_each() -> None:
    """Whoever makes it: errors of every kind, notices, records read from a store."""
    text = "a\nb.tif: cannot open https://h/x?sig=Zq9SECRET"
    made = [TaskError(text, text, details={"url": text}), TileError(text), errors.BackendError(text, text, text)]
    told = [Notice(code="X", message=text).message, *(str(error) for error in made), *(repr(error) for error in made)]
    told += [str(errors.UnknownNameError("catalog", text, [])), str(errors.RequestError([("jobs", text, text)]))]  # type: ignore[list-item]
    told.append(repr(ErrorRecord(code="X", message=text, hint=text, details={"url": text})))
    assert [shown for shown in told if "Zq9SECRET" in shown] == []
    assert [shown for shown in told if "\nb.tif" in shown and "details" not in shown] == []
    assert [str(error) for error in made] == [str(pickle.loads(pickle.dumps(error))) for error in made]
