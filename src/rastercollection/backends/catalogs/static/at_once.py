"""Several requests to a store at the same time: waiting for it takes most of the time."""

from __future__ import annotations

import contextvars
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["PARALLEL_REQUESTS", "batches", "in_parallel"]

T = TypeVar("T")

PARALLEL_REQUESTS = 8
MOST_AT_A_TURN = 32
"""Arguments that a thread takes at a time: to hand over each of 10⁵ takes longer than some of what is done with it."""


def batches(values: Sequence[T], size: int) -> Iterator[list[T]]:
    """The values, so many at a time."""
    values_left = iter(values)
    while batch := list(itertools.islice(values_left, size)):
        yield batch


def in_parallel(function: Callable[[Any], T], arguments: Sequence[Any]) -> list[T]:
    """What a function returns for each argument, in their order."""
    if not arguments:
        return []
    size = min(MOST_AT_A_TURN, math.ceil(len(arguments) / PARALLEL_REQUESTS))
    with ThreadPoolExecutor(max_workers=PARALLEL_REQUESTS) as threads:
        # each in the context of this thread, which tells the guard whose attempt it is
        turns = [
            threads.submit(contextvars.copy_context().run, lambda some: [function(each) for each in some], some)
            for some in batches(arguments, size)
        ]
        return [found for turn in turns for found in turn.result()]
