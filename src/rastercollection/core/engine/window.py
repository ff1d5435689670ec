"""How many tasks of a stage are in flight at once: enough that no worker waits, few enough that little is queued."""

from __future__ import annotations

import time

import attrs

from rastercollection.core.executor import Executor

__all__ = ["Window"]

ASK_SECONDS = 2.0
"""Workers may come and go meanwhile: how many there are is asked again after so long."""

SHORT_SECONDS = 0.25
"""As long as workers are to have work at hand while results travel: of shorter tasks, more than two a worker."""

MOST_A_WORKER = 64


@attrs.define(kw_only=True)
class Window:
    """Two tasks a worker; more where tasks have proved so short that their way to the worker takes as long.

    Attributes:
        executor: Where they run; asked for the number of its workers now and then.
        fixed: The number itself, where it is given.
    """

    executor: Executor
    fixed: int | None = None
    _workers: int = attrs.field(default=1, init=False)
    _asked_at: float = attrs.field(default=float("-inf"), init=False)
    _ended: int = attrs.field(default=0, init=False)
    _seconds: float = attrs.field(default=0.0, init=False)

    def size(self) -> int:
        """Most tasks in flight, as of now."""
        if self.fixed:
            return self.fixed
        now = time.monotonic()
        if now - self._asked_at > ASK_SECONDS:
            self._workers, self._asked_at = self.executor.capabilities.max_workers, now
        return self._workers * self._a_worker()

    def ended(self, seconds: float) -> None:
        """Take note of how long an attempt has taken where it ran; later ones count more."""
        self._ended += 1
        weight = max(0.05, 1 / self._ended)
        self._seconds += weight * (seconds - self._seconds)

    def _a_worker(self) -> int:
        if self._ended <= 2 * self._workers:
            return 2
        return max(2, min(MOST_A_WORKER, int(SHORT_SECONDS / max(self._seconds, 1e-6))))
