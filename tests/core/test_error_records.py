"""Which failures of a job are worth meeting again: what each error class says, and what its record keeps of it."""

from __future__ import annotations

import ast
import errno
import functools
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from error_page import FINAL
from rastercollection import errors
from rastercollection.backends import postgresql
from rastercollection.backends.catalogs.pgstac import pgstac_errors
from rastercollection.backends.jobs import old_records
from rastercollection.core.models import ErrorRecord, Notice
from rastercollection.core.records import from_dict, to_dict
from rastercollection.errors import MachineError, RasterCollectionError, TaskError, TileError

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


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_says_whether_meeting_it_again_would_help_and_pickles_whole(
    kind: type[RasterCollectionError],
) -> None:
    error = kind(*ARGUMENTS.get(kind, ("It failed.",)))
    assert ErrorRecord.of(error).settled is (kind is TileError)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), ErrorRecord.of(copy)) == (kind, str(error), ErrorRecord.of(error))


@pytest.mark.parametrize(
    ("error", "settled"),
    [
        (TileError("It is damaged.", code="FILE_UNREADABLE"), True),
        (TaskError("It is not there now.", code="SOURCE_UNAVAILABLE", retryable=True), False),
        (TileError("It may be damaged.", code="FILE_UNREADABLE", retryable=True), False),
        (TaskError("A stage of a user's failed."), False),
        (RasterCollectionError("A stage of a user's failed."), False),
        (MachineError("The disk is full.", code="NO_SPACE"), False),
        (KeyError("a bug"), False),
    ],
)
def test_what_was_decided_is_kept_in_the_record(error: Exception, settled: bool) -> None:
    record = ErrorRecord.of(error)
    assert record.settled is settled
    assert from_dict(ErrorRecord, to_dict(record)) == record
    assert to_dict(record)["settled"] is settled


def test_a_record_that_is_made_by_hand_is_not_settled() -> None:
    assert not ErrorRecord(code="X", message="x").settled
    assert not ErrorRecord(code="X", message="x", retryable=True).settled


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (MemoryError("Unable to allocate 3 GiB"), "OUT_OF_MEMORY"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "OUT_OF_MEMORY"),
        (RuntimeError("can't start new thread"), "NO_THREADS"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "NO_THREADS"),
        (OSError(errno.EMFILE, "Too many open files"), "NO_FILES"),
        (OSError(errno.ENOSPC, "No space left on device"), "NO_SPACE"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "NO_SPACE"),
        (RuntimeError("anything else"), "UNEXPECTED_ERROR"),
        (OSError(errno.EIO, "Input/output error"), "UNEXPECTED_ERROR"),
    ],
)
def test_what_the_machine_runs_short_of_is_no_bug(raised: Exception, code: str) -> None:
    try:
        try:
            raise raised
        except Exception as error:
            raise ValueError("what was under way") from error
    except ValueError as error:
        chained = ErrorRecord.of(error)
    alone = ErrorRecord.of(raised)
    assert (alone.code, chained.code) == (code, code)
    assert [alone.settled, chained.settled] == [False, False]
    assert alone.hint
    assert ("bug" in alone.hint) is (code == "UNEXPECTED_ERROR")


@functools.cache
def _modules() -> list[ast.Module]:
    """The library's own modules, but for those that test what is brought along."""
    paths = Path(errors.__file__).parent.rglob("*.py")
    return [ast.parse(path.read_text(encoding="utf-8")) for path in paths if "testing" not in path.parts]


def _codes_of(kind: str) -> Iterator[str]:
    """Codes that the library gives to errors of a class where it makes them, but for those taken over from another."""
    for tree in _modules():
        for place in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for call in ast.walk(place):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == kind:
                    given = [word.value for word in call.keywords if word.arg == "code"] or call.args[2:3]
                    yield from (
                        _texts([*ast.walk(place), *tree.body], given[0]) if given else [getattr(errors, kind).code]
                    )


def _texts(nodes: Sequence[ast.AST], code: ast.expr) -> Iterator[str]:
    """The constants that an expression may stand for; of a name, those that these nodes assign to it."""
    if isinstance(code, ast.Name):
        for node in nodes:
            if isinstance(node, ast.Assign) and any(ast.unparse(one) == code.id for one in node.targets):
                yield from _texts(nodes, node.value)
        return
    for node in ast.walk(code):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isupper():
            yield node.value


def test_the_page_calls_final_what_the_library_proves_of_tiles_and_nothing_else() -> None:
    assert len(FINAL) > 10
    assert set(_codes_of("TileError")) | {TileError.code} == FINAL
    assert not FINAL & set(_codes_of("MachineError"))
    # a limit that the tile keeps to, and its picture in another CRS does not
    assert FINAL & set(_codes_of("TaskError")) == {"TOO_MANY_PIXELS"}


def test_no_record_is_settled_by_hand_but_that_of_a_task_that_ends_its_process() -> None:
    by_hand = {
        ast.unparse(word.value)
        for path in Path(errors.__file__).parent.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and any(w.arg == "settled" and ast.unparse(w.value) == "True" for w in call.keywords)
        for word in call.keywords
        if word.arg == "code"
    }
    assert by_hand == {"'QUARANTINED'"}


def test_old_records_are_believed_the_codes_that_are_final() -> None:
    assert old_records._PROVEN == FINAL


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
