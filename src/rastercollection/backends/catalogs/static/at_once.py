"""Several requests to a store at the same time: waiting for it takes most of the time."""

from __future__ import annotations

import contextvars
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["PARALLEL_REQUESTS", "batches", "in_parallel"]

T = TypeVar("T")

PARALLEL_REQUESTS = 8


def batches(values: Sequence[T], size: int) -> Iterator[list[T]]:
    """The values, so many at a time."""
    values_left = iter(values)
    while batch := list(itertools.islice(values_left, size)):
        yield batch


def in_parallel(function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
    """What a function returns for each argument, in their order."""
    if not arguments:
        return []
    with ThreadPoolExecutor(max_workers=PARALLEL_REQUESTS) as threads:
        # each in the context of this thread, which tells the guard whose attempt it is
        waiting = [threads.submit(contextvars.copy_context().run, function, each) for each in arguments]
        return [future.result() for future in waiting]
