"""What all bundled executors share: the context manager, and the errors of wrong use."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rastercollection.core.machine import available_cores
from rastercollection.errors import ExecutorError

__all__ = ["ContextManaged", "check_workers", "shut_down_error"]


class ContextManaged:
    """Leaving the context shuts the executor down and waits."""

    def shutdown(self, *, wait: bool = True, cancel_futures: bool = False) -> None:
        """Take no more tasks; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown(wait=True)


def check_workers(max_workers: int | None) -> int:
    """The number of workers, which is the number of cores this process may use when None is given.

    Raises:
        ExecutorError: It is less than 1.
    """
    if max_workers is None:
        return available_cores()
    if max_workers < 1:
        raise ExecutorError(f"An executor cannot have max_workers={max_workers}.", "Give at least 1.")
    return max_workers


def shut_down_error(name: str) -> ExecutorError:
    """The error of a ``submit`` after ``shutdown``."""
    return ExecutorError(f"{name} has been shut down and takes no more tasks.", "Make a new one.")
