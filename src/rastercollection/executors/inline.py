"""A call made in this very thread, its outcome put into a future."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any

__all__ = ["run_inline"]


def run_inline(
    future: Future[Any],
    fn: Callable[..., object],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    lets_through: tuple[type[BaseException], ...] = (),
) -> Future[Any]:
    """Run ``fn(*args, **kwargs)``, settle the running future with its outcome, and return it.

    Exceptions in ``lets_through`` are raised instead. A future that was settled meanwhile, as the call was given up,
    stays as it is.

    Callers must not keep the future in a variable: the traceback of a failure holds their frames, and a failed task's
    arrays would live until the next full garbage collection.
    """
    try:
        result = fn(*args, **kwargs)
    except lets_through:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a task raises belongs to its future
        with contextlib.suppress(InvalidStateError):
            future.set_exception(error)
        return future
    else:
        with contextlib.suppress(InvalidStateError):
            future.set_result(result)
        return future
    finally:
        del future
