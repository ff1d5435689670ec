"""What is wrong with a source is believed when it is seen twice, and forgotten when it is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import ErrorRecord, Task
from rastercollection.errors import TaskError, TileError
from rastercollection.model.tile import SourceFile
from rastercollection.stages.second_look import proven

BROKEN = TileError("t.tif: a block is broken.", code="FILE_UNREADABLE", details={"block": [1, 2]})
ELSEWHERE = TileError("t.tif: a block is broken.", code="FILE_UNREADABLE", details={"block": [3, 4]})
OTHERWISE = TileError("t.tif is truncated.", code="FILE_TRUNCATED")


class Look:
    """Finds one thing after the other."""

    def __init__(self, *found: Any) -> None:
        self.found, self.asked, self.meanwhile = list(found), [], lambda: None
        self.context = TaskContext(job_id="j", task=Task(id="t", stage=1, task_type="t", handler="m:f"))

    def __call__(self, whole: bool) -> Any:
        self.asked.append(whole)
        self.context.notice("SEEN", f"look {len(self.asked)}")
        found = self.found.pop(0)
        if not self.found:
            self.meanwhile()
        if isinstance(found, Exception):
            raise found
        return found

    def at(self, path: Path, *, has_version: bool = True) -> Any:
        storage = FsspecStorage()
        info = storage.stat(str(path))
        version = info.version if has_version else ""
        source = SourceFile(blob=path.name, url=str(path), size=info.size, version=version, modified=info.modified)
        return proven(self, source, storage, self.context)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "t.tif"
    file.write_bytes(b"anything")
    return file


def test_what_is_well_at_first_is_looked_at_once(path: Path) -> None:
    look = Look("fine")
    assert look.at(path) == "fine"
    assert look.asked == [False]
    assert [notice.message for notice in look.context.notices] == ["look 1"]


def test_what_is_well_the_second_time_is_well_and_that_is_told(path: Path) -> None:
    look = Look(BROKEN, "fine")
    assert look.at(path) == "fine"
    assert look.asked == [False, True], "the second time, what lies elsewhere is fetched whole"
    told = [(notice.code, notice.message) for notice in look.context.notices]
    assert told == [("SEEN", "look 2"), ("RETRIED", "At first: [FILE_UNREADABLE] t.tif: a block is broken.")]


def test_what_is_seen_twice_is_final(path: Path) -> None:
    with pytest.raises(TileError) as caught:
        Look(BROKEN, BROKEN).at(path)
    assert ErrorRecord.of(caught.value).settled


@pytest.mark.parametrize("found", [(BROKEN, ELSEWHERE), (BROKEN, OTHERWISE)])
def test_what_differs_from_look_to_look_is_tried_again(path: Path, found: Sequence[TileError]) -> None:
    with pytest.raises(TaskError) as caught:
        Look(*found).at(path)
    assert (caught.value.code, caught.value.retryable) == (found[1].code, True)
    assert not ErrorRecord.of(caught.value).settled


def _replaced(path: Path) -> None:
    path.write_bytes(b"another thing")


@pytest.mark.parametrize(("change", "code"), [(_replaced, "SOURCE_CHANGED"), (os.unlink, "SOURCE_CHANGED")])
def test_what_is_written_to_meanwhile_is_not_blamed(path: Path, change: Callable[[Path], None], code: str) -> None:
    look = Look(BROKEN, BROKEN)
    look.meanwhile = lambda: change(path)
    with pytest.raises(TaskError) as caught:
        look.at(path)
    assert (caught.value.code, caught.value.retryable) == (code, True)


def test_nothing_is_final_of_what_has_no_version(path: Path) -> None:
    with pytest.raises(TaskError) as caught:
        Look(BROKEN, BROKEN).at(path, has_version=False)
    assert (caught.value.code, caught.value.retryable) == ("FILE_UNREADABLE", False)
    assert not ErrorRecord.of(caught.value).settled


def test_other_failures_are_looked_at_once(path: Path) -> None:
    look = Look(TaskError("The disk is full.", code="NO_SPACE"))
    with pytest.raises(TaskError, match="full"):
        look.at(path)
    assert look.asked == [False]
