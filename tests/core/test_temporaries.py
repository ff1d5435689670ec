"""Temporary files and folders tell whose they are, and those of owners that are gone are removed; nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from rastercollection.core.lease import Mark, Owner
from rastercollection.core.temporaries import (
    folder_for,
    is_part,
    mark_of,
    part_name,
    probe_name,
    size_of,
    sweep,
    temporary_folder,
)

JOB = "0123456789abcdef" * 4
MINE = Mark(job=JOB, token=7)
ELSEWHERE = Owner(machine="f" * 16, process=1, started=1)


def is_over(mark: Mark) -> bool:
    return mark.is_over(JOB, 7)


def dead() -> Owner:
    """A process that has ended."""
    command = "from rastercollection.core.lease import Owner; print(Owner.current().text)"
    text = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True).stdout.strip()
    owner = Owner.read(text)
    assert owner is not None
    return owner


@pytest.mark.parametrize("mark", [MINE, Mark(), Mark(job=JOB, token=3, owner=ELSEWHERE)], ids=["job", "none", "other"])
def test_names_tell_the_mark(tmp_path: Path, mark: Mark) -> None:
    assert mark_of(part_name("a.b (1).tif", mark)) == mark
    assert mark_of(probe_name(mark)) == mark
    folder = folder_for(mark, str(tmp_path / "new"), 12345)
    assert mark_of(os.path.basename(folder)) == mark
    assert size_of(os.path.basename(folder)) == 12345


@pytest.mark.parametrize(
    "name",
    ["tile.tif", ".hidden", ".tile.tif.0123456789abcdef.part", "rastercollection-abc", "tmpabc", "..part", ""],
)
def test_other_names_tell_none(name: str) -> None:
    assert mark_of(name) is None
    assert size_of(name) == 0


def test_files_of_versions_that_set_no_marks_are_hidden_too() -> None:
    assert is_part(".tile.tif.0123456789abcdef.part")
    assert is_part(part_name("tile.tif", MINE))
    assert not is_part("tile.tif.part")


def test_what_the_living_and_strangers_have_stays(tmp_path: Path) -> None:
    gone = [part_name("t.tif", attrs.evolve(MINE, token=6)), part_name("t.tif", attrs.evolve(MINE, owner=dead()))]
    gone += [part_name("t.tif", attrs.evolve(MINE, token=6, owner=ELSEWHERE)), probe_name(Mark(owner=dead()))]
    stays = [part_name("t.tif", MINE), part_name("t.tif", Mark()), part_name("t.tif", Mark(owner=ELSEWHERE))]
    stays += [part_name("t.tif", Mark(job="f" * 12, token=1)), ".t.tif.0123456789abcdef.part", "t.tif", ".reserved"]
    for name in (*gone, *stays):
        (tmp_path / name).write_bytes(b"x")
    found = sweep(str(tmp_path), is_over)
    assert sorted(map(os.path.basename, found)) == sorted(gone)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stays)


def test_folders_go_with_what_is_in_them_and_links_are_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "data").write_bytes(b"x")
    scratch = tmp_path / "scratch"
    folder = Path(folder_for(attrs.evolve(MINE, token=1), str(scratch)))
    (folder / "link").symlink_to(kept)
    (folder / "pixels.raw").write_bytes(b"x")
    (scratch / Path(folder_for(attrs.evolve(MINE, token=2), str(tmp_path))).name).symlink_to(kept)
    sweep(str(scratch), is_over)
    assert [path.name for path in kept.iterdir()] == ["data"]
    assert list(scratch.iterdir()) == []


def test_folders_below_are_left_alone_unless_asked_for(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    name = part_name("t.tif", attrs.evolve(MINE, token=1))
    (below / name).write_bytes(b"x")
    assert sweep(str(tmp_path), is_over) == []
    assert sweep(str(tmp_path), is_over, deep=True) == [str(below / name)]
    assert sweep(str(tmp_path / "absent"), is_over) == []


def test_a_process_that_nobody_has_asked_about_yet_has_ended() -> None:
    """As children of a container's first process that asks about none."""
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert attrs.evolve(Owner.current(), process=process.pid, started=0).is_dead


def test_a_folder_is_gone_after_its_block(tmp_path: Path) -> None:
    with temporary_folder(MINE, str(tmp_path)) as folder:
        (folder / "x").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []
