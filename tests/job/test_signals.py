"""Programs that run jobs and are told to end: what they record, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from rastercollection import MainThreadError, status, stopping_on_signals
from rastercollection.cli.demo import make_scene

TIMEOUT = 60.0
SIGNALS = [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]

PROGRAM = """
import atexit, signal, sys, time
from pathlib import Path
from rastercollection import JobCancelledError, RasterCollectionError, process_collection, stopping_on_signals
from rastercollection.core.events import TaskEnded

folder, executor = Path(sys.argv[1]), sys.argv[2]

def run(cancel, name="x"):
    def watch(event):
        if isinstance(event, TaskEnded) and not cancel.is_set():
            print("running", event.job_id, flush=True)
            while not cancel.is_set():
                time.sleep(0.01)

    return process_collection(
        container_name=str(folder / "scene"), blob_list=["*.tif"], collection_id=name, executor=executor, max_workers=2,
        output_container=str(folder / "out"), jobs=f"sqlite:///{folder}/jobs.db", observers=[watch], cancel=cancel,
    )

if __name__ == "__main__":
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("told")
    make_scene(folder / "scene", size=128)
    return folder


def start(folder: Path, code: str, executor: str = "serial") -> tuple[subprocess.Popen[str], str]:
    """A program that runs a job, in a process group of its own, and the job's id once a task has ended."""
    script = folder / "script.py"
    script.write_text(PROGRAM + textwrap.indent(textwrap.dedent(code), "    "))
    program = subprocess.Popen(
        [sys.executable, str(script), str(folder), executor],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert program.stdout is not None
    line = program.stdout.readline().split()
    assert line[:1] == ["running"], program.communicate()
    return program, line[1]


@pytest.mark.parametrize("executor", ["serial", "thread", "process"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_program_without_handlers_records_its_job_and_is_ended_by_the_signal(
    folder: Path, number: signal.Signals, executor: str
) -> None:
    code = """
    for name in ("x", "y"):
        with stopping_on_signals() as cancel:
            try:
                run(cancel, name)
            except RasterCollectionError as error:
                print(name, error.code)
    """
    program, job = start(folder, code, executor)
    os.killpg(program.pid, number)
    out, err = program.communicate(timeout=TIMEOUT)
    assert out == "x JOB_CANCELLED\n"
    assert program.returncode == -number
    assert err == "" or (number is signal.SIGINT and err.endswith("KeyboardInterrupt\n"))
    assert status(job, jobs=f"sqlite:///{folder}/jobs.db").job.status == "cancelled"


def test_the_handler_of_a_server_is_called_after_the_job(folder: Path) -> None:
    code = """
    def shut_down(number, frame):
        print("shutting down for", signal.Signals(number).name)

    signal.signal(signal.SIGTERM, shut_down)
    try:
        with stopping_on_signals() as cancel:
            run(cancel)
    except JobCancelledError:
        print("cancelled")
    assert signal.getsignal(signal.SIGTERM) is shut_down
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    """
    program, _ = start(folder, code)
    program.send_signal(signal.SIGTERM)
    assert program.communicate(timeout=TIMEOUT) == ("shutting down for SIGTERM\ncancelled\n", "")
    assert program.returncode == 0


def test_a_second_ctrl_c_is_not_waited_for(folder: Path) -> None:
    code = """
    try:
        with stopping_on_signals() as cancel:
            print("running", "-", flush=True)
            cancel.wait()
            print("asked", flush=True)
            time.sleep(60)
    except KeyboardInterrupt:
        print("at once")
    """
    program, _ = start(folder, code)
    assert program.stdout is not None
    program.send_signal(signal.SIGINT)
    assert program.stdout.readline() == "asked\n"
    began = time.monotonic()
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=TIMEOUT) == ("at once\n", "")
    assert time.monotonic() - began < 20


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no such signal here")
def test_what_the_program_ignores_stays_ignored(folder: Path) -> None:
    code = """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stopping_on_signals() as cancel:
        print("running", "-", flush=True)
        assert not cancel.wait(1.0)
    print("undisturbed")
    """
    program, _ = start(folder, code)
    program.send_signal(signal.SIGHUP)
    assert program.communicate(timeout=TIMEOUT) == ("undisturbed\n", "")


def test_the_event_given_is_the_one_that_is_set() -> None:
    given = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with stopping_on_signals(given) as cancel:
            assert cancel is given
            signal.raise_signal(signal.SIGTERM)
            assert given.wait(10)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_are_told_what_to_do() -> None:
    errors: list[Exception] = []

    def enter() -> None:
        try:
            with stopping_on_signals():
                pass
        except MainThreadError as error:
            errors.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])
