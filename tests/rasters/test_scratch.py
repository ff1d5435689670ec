"""Room on the scratch disk: shared by all that ask for it, of whatever process, on a real disk that is small."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rastercollection.core.temporaries import mark_of, size_of
from rastercollection.errors import LeaseLostError, MachineError
from rastercollection.rasters import scratch
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.scratch import scratch_folder
from rastercollection.testing.scripted import ScriptedGuard
from services.small_disk import small_disk

MIB = 2**20

HOLDER = """
import sys, time
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.scratch import scratch_folder
with scratch_folder(Limits(scratch=sys.argv[1]), int(sys.argv[2])) as folder:
    (folder / "pixels").write_bytes(bytes(int(sys.argv[3])))
    print("holds", flush=True)
    time.sleep(300)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", mebibytes=64) as folder:
        yield folder


@pytest.fixture
def limits(disk: Path) -> Limits:
    return Limits(scratch=str(disk), guard=ScriptedGuard(allowed=10**9))


@pytest.fixture
def holder(disk: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has asked for 40 MiB and written 30."""
    command = [sys.executable, "-c", HOLDER, str(disk), str(40 * MIB), str(30 * MIB)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def fill(folder: Path, mebibytes: int) -> None:
    (folder / "pixels").write_bytes(bytes(mebibytes * MIB))


def test_a_folder_tells_whose_it_is_and_how_much_was_asked_for(limits: Limits, disk: Path) -> None:
    with scratch_folder(limits, 5 * MIB) as folder:
        assert folder.parent == disk
        assert mark_of(folder.name) == limits.guard.mark
        assert size_of(folder.name) == 5 * MIB
    assert list(disk.iterdir()) == []


def test_two_that_do_not_fit_beside_each_other_take_turns(limits: Limits, disk: Path) -> None:
    told: list[str] = []
    most: list[int] = []

    def work() -> None:
        with scratch_folder(limits, 40 * MIB, lambda code, _: told.append(code)) as folder:
            fill(folder, 40)
            most.append(len(list(disk.iterdir())))
            time.sleep(0.1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1, 1, 1, 1]
    assert told == ["WAITING_FOR_ROOM"] * 3


@pytest.mark.usefixtures("holder")
def test_what_another_process_has_asked_for_and_not_used_yet_is_its_own(limits: Limits) -> None:
    """Of 64 MiB, 30 are written and 10 promised: 24 are left."""
    with scratch_folder(limits, 20 * MIB, waits=False):
        pass
    with pytest.raises(MachineError, match="others have reserved 10 MiB") as caught:
        scratch_folder(limits, 28 * MIB, waits=False).__enter__()
    assert (caught.value.code, caught.value.retryable, caught.value.settled) == ("NO_SPACE", True, False)


@pytest.mark.usefixtures("holder")
def test_what_would_not_fit_alone_is_not_waited_for(limits: Limits) -> None:
    began = time.monotonic()
    with pytest.raises(MachineError, match="a tile may need 70 MiB") as caught:
        scratch_folder(limits, 70 * MIB).__enter__()
    assert (caught.value.code, caught.value.retryable) == ("NO_SPACE", False)
    assert time.monotonic() - began < 5


def test_room_of_a_process_that_was_killed_is_there_at_once(
    limits: Limits, disk: Path, holder: subprocess.Popen[str]
) -> None:
    waiting = threading.Event()

    def kill() -> None:
        waiting.wait(30)
        holder.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with scratch_folder(limits, 60 * MIB, lambda *_: waiting.set()) as folder:
        fill(folder, 60)
        assert list(disk.iterdir()) == [folder]
    killer.join()


@pytest.mark.usefixtures("holder")
def test_who_lost_the_lease_waits_no_longer(disk: Path) -> None:
    with pytest.raises(LeaseLostError):
        scratch_folder(Limits(scratch=str(disk), guard=ScriptedGuard(allowed=2)), 50 * MIB).__enter__()


def test_two_that_hold_room_and_want_more_do_not_wait_for_ever(limits: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_PATIENCE", 0.5)
    ended: list[str] = []
    start = threading.Barrier(2)

    def work() -> None:
        while True:
            try:
                with ExitStack() as held:
                    fill(held.enter_context(scratch_folder(limits, 20 * MIB)), 20)
                    if not ended:
                        start.wait(0.5) if not start.broken else None
                    fill(held.enter_context(scratch_folder(limits, 30 * MIB)), 30)
                    ended.append("well")
                    return
            except threading.BrokenBarrierError:
                continue
            except MachineError as error:
                ended.extend([] if error.retryable else ["ill"])
                time.sleep(0.3)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ended == ["well", "well"]
