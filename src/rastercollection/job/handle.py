"""What ``submit`` returns: a job that runs in this process or is done by a worker, to wait for and to ask about."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any

from rastercollection.core.engine.held_lease import waits_for_itself
from rastercollection.disclosure.logs import get_logger
from rastercollection.job.reporting import JobReport
from rastercollection.job.result import JobResult

__all__ = ["JobHandle"]

log = get_logger("rastercollection")


class JobHandle:
    """A job that was submitted: ``result = handle.result()``, or ``await handle``, which gives the same.

    Waiting for it does not hold it, nor does giving up the wait, as with ``asyncio.wait_for``, end it: :meth:`cancel`
    does.

    Attributes:
        job_id: Its id, for :func:`~rastercollection.status` from anywhere.
    """

    def __init__(
        self,
        job_id: str,
        *,
        work: Callable[[], JobResult],
        report: Callable[[], JobReport],
        cancel: Callable[[], None],
        watched: bool = False,
    ) -> None:
        """Made by :func:`~rastercollection.submit`.

        Args:
            job_id: The job.
            work: Returns its result, or raises; called once, in a thread of its own.
            report: Tells how it stands.
            cancel: Has it end.
            watched: ``work`` only watches what others do: it begins when somebody wants to know.
        """
        self.job_id = job_id
        self._work, self._report, self._cancel = work, report, cancel
        self._future: Future[JobResult] = Future()
        self._future.set_running_or_notify_cancel()
        self._lock, self._has_begun, self._is_watched = threading.Lock(), False, watched
        self._thread = threading.Thread(target=self._run, name=f"rastercollection-{job_id[:8]}", daemon=True)
        if not watched:
            self._begin()

    def _repr_html_(self) -> str:
        """For notebooks: how the job stands now."""
        from rastercollection.job.notebook.live_display import handle_html

        return handle_html(self)

    def _ipython_display_(self) -> None:
        """For notebooks: how the job stands, up to its end."""
        from rastercollection.job.notebook.live_display import show_handle

        show_handle(self)

    def __repr__(self) -> str:
        return f"<JobHandle {self.job_id}>"

    @property
    def future(self) -> Future[JobResult]:
        """The result as a future of :mod:`concurrent.futures`, which runs: its own ``cancel`` does nothing."""
        self._begin()
        return self._future

    def __await__(self) -> Generator[Any, None, JobResult]:
        return asyncio.wrap_future(self.future).__await__()

    def add_done_callback(self, function: Callable[[JobHandle], object]) -> None:
        """Have ``function(handle)`` called once the job has ended, in another thread, or at once where it has."""
        self.future.add_done_callback(lambda _: function(self))

    def result(self, timeout: float | None = None) -> JobResult:
        """Wait for the result; raises what :func:`~rastercollection.process_collection` would raise, or TimeoutError.

        Args:
            timeout: Seconds.

        Raises:
            JobBusyError: It is called in the job's own thread, as by an observer.
        """
        future = self.future
        if threading.current_thread() is self._thread and not future.done():
            raise waits_for_itself(self.job_id)
        return future.result(timeout)

    def status(self) -> JobReport:
        """How the job stands."""
        return self._report()

    def done(self) -> bool:
        """Whether it has ended, one way or another."""
        if self._is_watched and not self._future.done():
            return self._report().job.status.is_final
        return self._future.done()

    def cancel(self) -> None:
        """Ask it to stop: what runs is waited for, nothing more is started; then ``result`` raises."""
        self._cancel()

    def _begin(self) -> None:
        with self._lock:
            if self._has_begun:
                return
            self._has_begun = True
        self._thread.start()

    def _run(self) -> None:
        try:
            result = self._work()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever asks for the result
            self._future.set_exception(error)
        else:
            self._future.set_result(result)
