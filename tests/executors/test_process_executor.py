"""Worker processes: who is blamed for a death, who outlives whom, what they see of the parent."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import process_tasks
import pytest

from rastercollection.errors import ExecutorBrokenError, ExecutorError, MachineError, TaskError, WorkerDiedError
from rastercollection.executors.process import ProcessExecutor, StartMethod
from rastercollection.testing import scripted

TIMEOUT = 60.0


@pytest.fixture(params=["forkserver", "spawn"])
def method(request: pytest.FixtureRequest) -> StartMethod:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def executor(method: StartMethod) -> Iterator[ProcessExecutor]:
    with ProcessExecutor(max_workers=2, start_method=method) as executor:
        yield executor


def is_there(pid: int) -> bool:
    """Whether a process exists, a zombie counting as one."""
    return bool(state(pid))


def has_ended(pid: int) -> bool:
    """Whether a process runs no more; its parent may not have noticed yet."""
    return state(pid)[:1] in ("", "Z") and threads(pid) <= 1


def threads(pid: int) -> int:
    """Threads of a process, the first included: until the others have ended, what it held open stays open."""
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return 0


def state(pid: int) -> str:
    """A letter, as ps shows it; nothing for a process that does not exist."""
    if not Path("/proc/self/stat").exists():
        return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def workers() -> set[int]:
    return {process.pid for process in multiprocessing.active_children() if process.pid is not None}


def run_script(folder: Path, code: str, *options: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(textwrap.dedent(code))
    return subprocess.Popen(
        [sys.executable, *options, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=folder,
    )


def test_a_task_beside_the_one_that_dies_is_not_blamed(executor: ProcessExecutor, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    beside = executor.submit(scripted.wait_for_file, str(gate))
    for _ in range(2):
        death = executor.submit(scripted.die_by_signal, signal.SIGKILL).exception(TIMEOUT)
        assert isinstance(death, WorkerDiedError)
        assert "SIGKILL" in str(death)
        assert death.details["exitcode"] == -signal.SIGKILL
    assert not beside.done()
    gate.touch()
    assert beside.result(TIMEOUT) == str(gate)


def test_a_worker_that_dies_while_idle_is_replaced_and_nobody_blamed(executor: ProcessExecutor) -> None:
    pid = executor.submit(scripted.process_id).result(TIMEOUT)
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: has_ended(pid))
    after = [executor.submit(scripted.process_id) for _ in range(4)]
    assert pid not in {future.result(TIMEOUT) for future in after}


def test_whoever_is_killed_every_task_ends_and_none_is_blamed_for_another(executor: ProcessExecutor) -> None:
    futures = [executor.submit(process_tasks.number_and_process, number) for number in range(120)]
    killed: set[int] = set()
    for milestone in (30, 60, 90):
        futures[milestone].exception(TIMEOUT)
        served = [future.result()[1] for future in futures if future.done() and not future.exception()]
        with contextlib.suppress(ProcessLookupError):
            os.kill(served[-1], signal.SIGKILL)
            killed.add(served[-1])
    errors = [error for future in futures if (error := future.exception(TIMEOUT)) is not None]
    assert all(isinstance(error, WorkerDiedError) and error.details["pid"] in killed for error in errors)
    # one that was waiting for work when it was killed had no task to lose
    assert len(errors) <= len(killed) > 0
    assert all(future.exception() or future.result()[0] == number for number, future in enumerate(futures))


def test_a_child_of_the_dead_worker_does_not_hide_its_death(executor: ProcessExecutor) -> None:
    began = time.monotonic()
    error = executor.submit(process_tasks.die_and_leave_a_child, 9.0).exception(TIMEOUT)
    assert isinstance(error, WorkerDiedError)
    assert time.monotonic() - began < 7


def test_workers_start_when_needed_are_kept_and_are_gone_after_shutdown(method: StartMethod) -> None:
    others = workers()  # of tests before this one
    with ProcessExecutor(max_workers=2, start_method=method, initializer=process_tasks.prepare) as executor:
        assert workers() <= others
        pids = {executor.submit(scripted.process_id).result(TIMEOUT) for _ in range(20)}
        assert pids == workers() - others
        assert executor.submit(process_tasks.prepared).result(TIMEOUT)[1:] == []
    assert not any(map(is_there, pids))
    assert workers() <= others


def test_the_worker_of_a_task_that_is_given_up_is_killed_before_that_is_told(executor: ProcessExecutor) -> None:
    pid = executor.submit(scripted.process_id).result(TIMEOUT)
    hung = executor.submit(scripted.sleep_for, 600)
    assert eventually(hung.running)
    assert executor.end(hung, TaskError("given up", code="TOO_LATE"))
    assert has_ended(pid)
    assert executor.submit(scripted.process_id).result(TIMEOUT) not in (pid, os.getpid())


def test_a_worker_that_takes_too_much_memory_is_ended_and_no_other(method: StartMethod, tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("nothing tells what memory a process takes")
    gate = tmp_path / "gate"
    with ProcessExecutor(2, start_method=method, worker_memory=200 * 2**20) as executor:
        modest = executor.submit(process_tasks.hold_memory, 50, str(gate))
        error = executor.submit(process_tasks.hold_memory, 1000).exception(TIMEOUT)
        assert isinstance(error, MachineError)
        assert (error.code, error.retryable, error.settled) == ("MEMORY_LIMIT", False, False)
        assert error.details["limit"] == 200 * 2**20 < error.details["peak"] < 1500 * 2**20
        assert "worker_memory" in str(error)
        assert eventually(lambda: has_ended(error.details["pid"]))
        gate.touch()
        assert modest.result(TIMEOUT) == 50
        assert executor.submit(process_tasks.hold_memory, 50).result(TIMEOUT) == 50


def test_where_all_workers_take_too_much_the_largest_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("nothing tells what memory a process takes")
    monkeypatch.setattr("rastercollection.executors.memory_watch.available_memory", lambda: 600 * 2**20)
    gate = tmp_path / "gate"
    with ProcessExecutor(2) as executor:
        small = executor.submit(process_tasks.hold_memory, 150, str(gate))
        large = executor.submit(process_tasks.hold_memory, 450, str(gate))
        error = large.exception(TIMEOUT)
        assert isinstance(error, MachineError)
        assert (error.code, error.retryable) == ("MEMORY_LIMIT", True)
        gate.touch()
        assert small.result(TIMEOUT) == 150
        assert executor.submit(process_tasks.hold_memory, 450).result(TIMEOUT) == 450


def test_large_arguments_and_results_pass(executor: ProcessExecutor) -> None:
    count = 5_000_000
    assert executor.submit(process_tasks.size, bytes(count)).result(TIMEOUT) == count
    assert len(executor.submit(process_tasks.zeros, count).result(TIMEOUT)) == count


def test_an_exception_tells_where_it_was_raised(executor: ProcessExecutor) -> None:
    error = executor.submit(scripted.raise_error, ValueError("told to")).exception(TIMEOUT)
    assert error is not None
    assert "in raise_error" in str(error.__cause__)


def test_a_refusal_names_what_does_not_pickle(executor: ProcessExecutor) -> None:
    error = executor.submit(scripted.echo, value=sys.stdout).exception(TIMEOUT)
    assert isinstance(error, ExecutorError)
    assert "argument 'value'" in str(error)
    assert "scripted.echo" in str(error)


def test_workers_ignore_ctrl_c(executor: ProcessExecutor) -> None:
    pid = executor.submit(scripted.process_id).result(TIMEOUT)
    future = executor.submit(scripted.sleep_for, 0.5, "undisturbed")
    assert eventually(future.running)
    os.kill(pid, signal.SIGINT)
    assert future.result(TIMEOUT) == "undisturbed"
    assert executor.submit(scripted.process_id).result(TIMEOUT) == pid


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_what_ends_the_whole_group_is_for_the_parent_to_heed(
    method: StartMethod, number: signal.Signals, tmp_path: Path
) -> None:
    program = run_script(
        tmp_path,
        f"""
        import signal, sys, threading
        from rastercollection.executors.process import ProcessExecutor
        from rastercollection.testing import scripted

        def workers(executor):
            return {{future.result() for future in [executor.submit(scripted.process_id) for _ in range(20)]}}

        if __name__ == "__main__":
            told = threading.Event()
            signal.signal({int(number)}, lambda *_: told.set())
            with ProcessExecutor(2, start_method={method!r}) as executor:
                running = [executor.submit(scripted.wait_for_file, sys.argv[0] + ".gate") for _ in range(2)]
                while not all(future.running() for future in running):
                    scripted.sleep_for(0.01)
                scripted.sleep_for(1)
                print("ready", flush=True)
                told.wait()
                scripted.sleep_for(0.5)
                open(sys.argv[0] + ".gate", "w").close()
                print(*(future.exception() for future in running))
                doomed = executor.submit(scripted.die_by_signal, signal.SIGKILL)
                print(type(doomed.exception()).__name__)
                executor.submit(scripted.echo, 1).result()
            with ProcessExecutor(1, start_method={method!r}) as executor:
                print(executor.submit(scripted.echo, "a new worker").result())
        """,
        "-Werror",
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    os.killpg(program.pid, number)
    out, err = program.communicate(timeout=TIMEOUT)
    assert (out.splitlines(), err) == (["None None", "WorkerDiedError", "a new worker"], "")
    assert program.returncode == 0


def test_a_worker_whose_fork_server_was_killed_ends_and_others_start(tmp_path: Path) -> None:
    program = run_script(
        tmp_path,
        """
        import os, signal
        from multiprocessing import forkserver
        from pathlib import Path
        from rastercollection.executors.process import ProcessExecutor
        from rastercollection.testing import scripted

        if __name__ == "__main__":
            with ProcessExecutor(1, start_method="forkserver") as executor:
                pid = executor.submit(scripted.process_id).result()
                running = executor.submit(scripted.sleep_for, 600)
                while not running.running():
                    scripted.sleep_for(0.01)
                scripted.sleep_for(0.5)
                os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
                print(type(running.exception()).__name__, flush=True)
                print(executor.submit(scripted.echo, "a new worker").result())
                print(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_text())
        """,
    )
    out, err = program.communicate(timeout=TIMEOUT)
    lines = out.splitlines()
    assert (lines[:2], err) == (["WorkerDiedError", "a new worker"], "")
    assert lines[2:] in (["False"], [""], [])


def test_programs_that_a_task_starts_can_be_ended(executor: ProcessExecutor) -> None:
    assert executor.submit(process_tasks.end_a_program).result(TIMEOUT) == -signal.SIGTERM


def test_workers_see_the_environment_of_their_start(method: StartMethod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASTERCOLLECTION_TEST_VARIABLE", "first")
    with ProcessExecutor(1, start_method=method) as executor:
        assert executor.submit(process_tasks.variable, "RASTERCOLLECTION_TEST_VARIABLE").result(TIMEOUT) == "first"
    monkeypatch.delenv("RASTERCOLLECTION_TEST_VARIABLE")
    with ProcessExecutor(1, start_method=method) as executor:
        assert executor.submit(process_tasks.variable, "RASTERCOLLECTION_TEST_VARIABLE").result(TIMEOUT) is None


def test_an_initializer_that_fails_breaks_the_executor_with_its_reason(method: StartMethod) -> None:
    with ProcessExecutor(1, start_method=method, initializer=process_tasks.fail_to_prepare) as executor:
        futures = [executor.submit(scripted.echo, 1)]
        first = futures[0].exception(TIMEOUT)
        assert isinstance(first, ExecutorBrokenError)
        assert "no licence for the sensor model" in str(first)
        with pytest.raises(ExecutorBrokenError, match="no licence"):
            executor.submit(scripted.echo, 2)


@pytest.mark.parametrize(
    "arguments",
    [{"max_workers": 0}, {"start_method": "fork"}, {"initializer": lambda: None}, {"worker_memory": 0}],
    ids=["no-workers", "fork", "lambda", "no-memory"],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, object]) -> None:
    with pytest.raises(ExecutorError):
        ProcessExecutor(**arguments)  # type: ignore[arg-type]


def test_an_executor_nobody_holds_any_more_finishes_and_closes(method: StartMethod) -> None:
    executor = ProcessExecutor(1, start_method=method)
    pid = executor.submit(scripted.process_id).result(TIMEOUT)
    last = executor.submit(scripted.sleep_for, 0.1, "done")
    del executor
    gc.collect()
    assert last.result(TIMEOUT) == "done"
    assert eventually(lambda: not is_there(pid))


def test_workers_end_when_the_parent_is_killed(method: StartMethod, tmp_path: Path) -> None:
    parent = run_script(
        tmp_path,
        f"""
        from rastercollection.executors.process import ProcessExecutor
        from rastercollection.testing import scripted

        if __name__ == "__main__":
            idle = ProcessExecutor(1, start_method={method!r})
            busy = ProcessExecutor(1, start_method={method!r})
            print(*(executor.submit(scripted.process_id).result() for executor in (idle, busy)), flush=True)
            busy.submit(scripted.sleep_for, 600).result()
        """,
    )
    with parent:
        assert parent.stdout is not None
        pids = {int(word) for word in parent.stdout.readline().split()}
        parent.kill()
    assert len(pids) == 2
    assert eventually(lambda: all(map(has_ended, pids)))


def test_a_program_that_forgets_to_shut_down_ends_all_the_same(method: StartMethod, tmp_path: Path) -> None:
    program = run_script(
        tmp_path,
        f"""
        from rastercollection.executors.process import ProcessExecutor
        from rastercollection.testing import scripted

        if __name__ == "__main__":
            executor = ProcessExecutor(1, start_method={method!r})
            print(executor.submit(scripted.process_id).result(), flush=True)
            running = executor.submit(scripted.sleep_for, 0.3)
            waiting = [executor.submit(scripted.sleep_for, 600) for _ in range(3)]
            scripted.sleep_for(0.1)
        """,
    )
    out, err = program.communicate(timeout=TIMEOUT)
    assert (program.returncode, err) == (0, "")
    assert not is_there(int(out))


def test_ctrl_c_lets_running_tasks_finish_and_leaves_nothing_behind(method: StartMethod, tmp_path: Path) -> None:
    program = run_script(
        tmp_path,
        f"""
        from rastercollection.executors.process import ProcessExecutor
        from rastercollection.testing import scripted

        if __name__ == "__main__":
            try:
                with ProcessExecutor(1, start_method={method!r}) as executor:
                    pid = executor.submit(scripted.process_id).result()
                    future = executor.submit(scripted.sleep_for, 1.0, "finished")
                    while not future.running():
                        scripted.sleep_for(0.01)
                    print(pid, flush=True)
                    scripted.sleep_for(600)
            except KeyboardInterrupt:
                print(future.result(timeout=0), flush=True)
        """,
    )
    with program:
        assert program.stdout is not None
        assert program.stderr is not None
        pid = int(program.stdout.readline())
        os.killpg(program.pid, signal.SIGINT)
        assert program.stdout.readline().strip() == "finished"
        assert program.stderr.read() == ""
    assert program.returncode == 0
    assert not is_there(pid)


def test_a_script_without_a_main_guard_is_told_so(method: StartMethod, tmp_path: Path) -> None:
    program = run_script(
        tmp_path,
        f"""
        from rastercollection.executors.process import ProcessExecutor
        from rastercollection.testing import scripted

        with ProcessExecutor(1, start_method={method!r}) as executor:
            print(executor.submit(scripted.echo, "never").result())
        """,
    )
    out, err = program.communicate(timeout=TIMEOUT)
    assert program.returncode == 1
    assert "never" not in out
    assert "ExecutorBrokenError" in err.splitlines()[-1]
    assert "__main__" in err.splitlines()[-1]
