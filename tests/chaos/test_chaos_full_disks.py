"""Disks that are full: the job says so, and goes on where it was once there is room."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos_judge import Aftermath, Undisturbed, check_outputs, check_recovery, tells
from chaos_scene import Scene

ROOM = {"out": 560_000, "scratch": 2_400_000, "state": 420_000}
"""Bytes with which a disk, of its pages of 4 kB, holds all that a job writes there."""
TRIES = 16


def _mounted(folder: Path, size: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, capture_output=True)


@pytest.fixture
def small_disk(scene: Scene) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """Puts a disk of so many bytes in the place of a folder of the scene; calling what it returns makes it large."""
    with contextlib.ExitStack() as mounted:

        def put(name: str, size: int) -> Callable[[], None]:
            folder = scene.root / name
            try:
                _mounted(folder, size)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"disks cannot be mounted here: {error}")
            mounted.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
            remount = ["mount", "-o", "remount,size=64m", folder]
            return lambda: subprocess.run(remount, check=True) and None  # type: ignore[func-returns-value]

        yield put


def cases() -> Iterator[Any]:
    for name in ROOM:
        for number in range(TRIES):
            marks = () if (name, number) == ("out", TRIES // 2) else (pytest.mark.slow,)
            yield pytest.param(name, number, id=f"{name}-{number}", marks=marks)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts disks")
@pytest.mark.parametrize(("name", "number"), list(cases()))
def test_a_disk_that_is_full(
    scene: Scene,
    undisturbed: Callable[..., Undisturbed],
    small_disk: Callable[[str, int], Callable[[], None]],
    dice: random.Random,
    tell: Callable[..., None],
    name: str,
    number: int,
) -> None:
    expected = undisturbed("thread")
    executor = "process" if number % 3 == 1 else "thread"
    tell(f"full disk: {name}", executor, "sqlite")
    enlarge = small_disk(name, max(4096, ROOM[name] * (number + 1) // TRIES))
    job = scene.job(executor, "sqlite")
    hurt = scene.run(job)
    if hurt.outcome["status"] == "completed":
        check_outputs(scene, expected.tree)
    else:
        assert tells(hurt, "NO_SPACE"), hurt.outcome
    enlarge()
    before = Aftermath.of(scene, "sqlite")
    check_recovery(scene, "sqlite", scene.run(job), expected.tree, before)
