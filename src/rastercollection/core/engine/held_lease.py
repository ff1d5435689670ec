"""The engine's side of a lease: waiting for it, keeping it alive, and knowing when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from rastercollection.core.guard import LeaseGuard
from rastercollection.core.job_store import JobStore
from rastercollection.core.lease import Lease, Owner, Wish
from rastercollection.core.patience import Patience
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError, JobBusyError, LeaseLostError, RasterCollectionError

__all__ = ["HeldLease", "OnBusy", "waits_for_itself"]

OnBusy = Literal["wait", "take_over", "fail"]
"""What to do about a job that another process runs: wait until it has ended there, ask for it, or give up."""

LEASE_SECONDS = 15.0
RENEWALS = 5
TOLD_EVERY = 5.0
POLL_SECONDS = 0.2

log = get_logger("rastercollection")

_held: set[tuple[str, int]] = set()
"""Jobs with the threads of this process that hold the leases on them."""


class HeldLease:
    """The right to run a job, held for as long as the ``with`` block lasts, and renewed several times in its term.

    An owner that has died on this machine is seen at once; one that is not heard of any more loses the lease when its
    term is over.

    Args:
        store: Where it is.
        job_id: The job.
        seconds: Its term.
        on_busy: What to do where somebody else holds it.
        tell: Called with the lease that is waited for, at once and every few seconds.
        cancel: Ends the waiting.
        given: A lease that was acquired already, as by taking the job from the queue.
        patience: With a store that cannot be asked for it.

    Raises:
        JobBusyError: On entering, with ``fail``, or when ``cancel`` was set meanwhile.
        RuntimeError: On entering: no thread can be started to renew it, and it is given back.
    """

    def __init__(
        self,
        store: JobStore,
        job_id: str,
        *,
        seconds: float = LEASE_SECONDS,
        on_busy: OnBusy = "wait",
        tell: Callable[[Lease], None] = lambda _: None,
        cancel: threading.Event | None = None,
        given: Lease | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.job_id, self.lost, self.has_waited = job_id, threading.Event(), False
        self._patient = (patience or Patience()).of(store)
        self._store, self._seconds, self._on_busy, self._tell = store, seconds, on_busy, tell
        self._cancel = cancel or threading.Event()
        self._wish, self._renewed, self._is_given_up = Wish.NONE, 0.0, False
        self._given = given
        self._place = job_id, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="rastercollection-lease", daemon=True)

    def __enter__(self) -> Self:
        self._renewed = time.monotonic()
        self._place = self.job_id, threading.get_ident()
        self._lease = self._given or self._acquired()
        self._wish = self._lease.wish
        _held.add(self._place)
        try:
            self._thread.start()
        except BaseException:  # the system may have no thread left: a lease that nobody renews is no one's
            self._give_back()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._give_back()

    def _give_back(self) -> None:
        _held.discard(self._place)
        try:
            self._store.release(self.job_id, self.token)
        except BackendError:  # it ends by itself; what is recorded is recorded
            log.warning("the lease on job %s could not be given back; it ends by itself", self.job_id)

    @property
    def lease(self) -> Lease:
        """As it was acquired."""
        return self._lease

    @property
    def token(self) -> int:
        """What writes for the job are made under."""
        return self._lease.token

    @property
    def wish(self) -> Wish:
        """What somebody else wants, as far as it was heard of; or this process itself, by :meth:`hand_over`."""
        return Wish.HAND_OVER if self._is_given_up and self._wish is Wish.NONE else self._wish

    def hand_over(self) -> None:
        """Have the run end as if another process had asked for the job: it is queued, and goes on where it stopped."""
        self._is_given_up = True

    @property
    def overdue(self) -> float:
        """Seconds since its term was over without being renewed: others may have it. Not positive before."""
        return time.monotonic() - self._renewed - self._seconds

    def guard(self, *, reachable: bool) -> LeaseGuard:
        """What is asked before each effect.

        Args:
            reachable: Whether the processes that ask can use the job store.
        """
        return LeaseGuard(jobs=self._store if reachable else None, job_id=self.job_id, token=self.token)

    def check(self) -> None:
        """Raise LeaseLostError if the lease is known to be lost."""
        if self.lost.is_set():
            raise LeaseLostError.of(self.job_id, "")

    def _acquired(self) -> Lease:
        asked, told = False, -TOLD_EVERY
        while True:
            began = time.monotonic()
            lease = self._patient.acquire(self.job_id, Owner.current(), self._seconds)
            if lease is not None:
                self._renewed = began
                return lease
            holder = self._patient.lease(self.job_id)
            if holder is None:
                continue
            if holder.owner.is_dead:
                self._patient.release(self.job_id, holder.token)
                continue
            self._refuse_or_wait(holder)
            if self._on_busy == "take_over" and not asked:
                self._patient.request(self.job_id, Wish.HAND_OVER)
                asked = True
            if time.monotonic() - told >= TOLD_EVERY:
                self._tell(holder)
                told = time.monotonic()

    def _refuse_or_wait(self, holder: Lease) -> None:
        if (self.job_id, threading.get_ident()) in _held:
            raise waits_for_itself(self.job_id)
        self.has_waited = True
        if self._on_busy == "fail" or self._cancel.wait(POLL_SECONDS):
            raise JobBusyError(
                f"Job {self.job_id} is being run by {holder.owner}, last heard of {holder.age:.0f} s ago.",
                "Wait for it, or watch it with status(); on_busy says what to do about it.",
            )

    def _keep(self) -> None:
        while not self._stop.wait(self._seconds / RENEWALS):
            began = time.monotonic()
            try:
                lease = self._store.renew(self.job_id, self.token, self._seconds)
            except RasterCollectionError as error:  # once is nothing; what it means for long is told by overdue
                log.warning("the lease on job %s could not be renewed: %s", self.job_id, error)
                continue
            if lease is None:
                self.lost.set()
                return
            self._renewed, self._wish = began, lease.wish


def waits_for_itself(job_id: str) -> JobBusyError:
    """The error of waiting for a job in the very thread that runs it, as an observer could."""
    return JobBusyError(
        f"Job {job_id} runs in this very thread: whoever waits for it here, as in an observer, waits for ever.",
        "Ask status() here, and wait in another thread, or once the job has ended.",
    )
