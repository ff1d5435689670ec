"""Tasks and initializers that worker processes of the tests import."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from rastercollection.testing import scripted

PREPARED: list[int] = []


def prepare() -> None:
    PREPARED.append(os.getpid())


def prepared() -> list[int]:
    return PREPARED


def fail_to_prepare() -> None:
    raise RuntimeError("no licence for the sensor model")


def variable(name: str) -> str | None:
    return os.environ.get(name)


def die_and_leave_a_child(seconds: float) -> None:
    """Fork a child that keeps all pipes open, then die."""
    if os.fork() == 0:
        time.sleep(seconds)
        os._exit(0)
    os._exit(1)


def size(data: bytes) -> int:
    return len(data)


def zeros(count: int) -> bytes:
    return bytes(count)


def hold_memory(mebibytes: int, gate: str = "") -> int:
    """Take memory step by step, and keep it for a while: until a file appears, if one is named."""
    held = [b"x" * 2**20 for _ in range(mebibytes)]
    scripted.wait_for_file(gate) if gate else time.sleep(1.0)
    return len(held)


def end_a_program() -> int:
    """Start a program, tell it to end, and return how it did."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        time.sleep(0.2)
        program.terminate()
        return program.wait(timeout=20)


def number_and_process(number: int) -> tuple[int, int]:
    time.sleep(0.01)
    return number, os.getpid()
