"""The right to write, asked for again right before every effect: a run that lost its lease changes nothing more."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from rastercollection.core.lease import Mark
from rastercollection.core.offering import Offering
from rastercollection.errors import LeaseLostError, TaskError

if TYPE_CHECKING:
    from rastercollection.core.job_store import JobStore

__all__ = ["Guard", "LeaseGuard", "abandon", "attempting"]

_attempt: contextvars.ContextVar[str] = contextvars.ContextVar("rastercollection_attempt", default="")
_abandoned: set[str] = set()


@runtime_checkable
class Guard(Protocol, metaclass=Offering):
    """Asked by storage and catalogs right before what they write can be seen. It pickles."""

    @property
    def mark(self) -> Mark:
        """Of temporary files that are made by this process."""
        ...

    def check(self) -> None:
        """Return if writing is still allowed.

        Raises:
            LeaseLostError: Another process runs the job by now.
            TaskError: ``TASK_ABANDONED``; the attempt in whose thread this is asked was given up.
            BackendError: The job store cannot be asked.
        """
        ...


@attrs.frozen(kw_only=True)
class LeaseGuard:
    """Lets those write who run a job under its latest lease, and whose attempt was not given up.

    Attributes:
        jobs: The job store; None where this process cannot reach it: then only what is known here counts.
        job_id, token: Of the lease.
    """

    jobs: JobStore | None
    job_id: str
    token: int

    @property
    def mark(self) -> Mark:
        return Mark(job=self.job_id, token=self.token)

    def check(self) -> None:
        """See :meth:`Guard.check`."""
        if _attempt.get() in _abandoned:
            raise TaskError("The attempt was given up while it ran.", code="TASK_ABANDONED")
        if self.jobs is None:
            return
        lease = self.jobs.lease(self.job_id)
        if lease is None or lease.token != self.token:
            raise LeaseLostError.of(self.job_id, str(lease.owner) if lease else "")


@contextlib.contextmanager
def attempting(key: str) -> Iterator[None]:
    """Within it, this thread makes the attempt called ``key``, which :func:`abandon` may give up."""
    token = _attempt.set(key)
    try:
        yield
    finally:
        _attempt.reset(token)
        _abandoned.discard(key)


def abandon(key: str) -> None:
    """Have an attempt of this process that goes on write nothing any more."""
    _abandoned.add(key)
