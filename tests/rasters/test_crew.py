"""Threads share the pieces of one tile: their results come in order, and no more is begun than is needed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from rastercollection.rasters.crew import Crew

_MANY = 100


def counted(begun: list[int], piece: Callable[[int], int]) -> Iterator[Callable[[], int]]:
    """Many pieces of work, which are noted when they are asked for."""
    for number in range(_MANY):
        begun.append(number)
        yield partial(piece, number)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_order_however_long_each_takes(threads: int) -> None:
    def piece(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number

    with Crew.of(threads) as crew:
        assert list(crew.in_order(counted([], piece))) == list(range(_MANY))


def test_pieces_are_done_at_the_same_time_and_while_the_caller_is_busy() -> None:
    meet = threading.Barrier(3)
    with Crew.of(2) as crew:
        done = crew.in_order(partial(meet.wait, 20) for _ in range(4))
        busy = threading.Thread(target=lambda: [meet.wait(20), meet.wait(20)])
        busy.start()
        assert len(list(done)) == 4, "two at a time met with another thread"
        busy.join()


def test_what_was_begun_is_done_while_the_caller_goes_on() -> None:
    meet = threading.Barrier(2)
    with Crew.of(2) as crew:
        wait = crew.begin(partial(meet.wait, 20))
        assert {meet.wait(20), wait()} == {0, 1}
        broken = crew.begin(partial(int, "x"))
        with pytest.raises(ValueError, match="x"):
            broken()
    with Crew.of(1) as crew:
        assert crew.begin(threading.get_ident)() == threading.get_ident()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_few_are_begun_ahead(threads: int) -> None:
    begun: list[int] = []
    with Crew.of(threads) as crew:
        done = crew.in_order(counted(begun, abs))
        assert next(done) == 0
        assert len(begun) <= 1 + 2 * threads, "what is begun holds memory"
        assert threads == 1 or len(begun) > threads, "no thread is idle while the first result is looked at"
        assert len(list(done)) == _MANY - 1


@pytest.mark.parametrize("threads", [1, 2])
def test_nothing_more_is_begun_after_an_error(threads: int) -> None:
    begun: list[int] = []

    def piece(number: int) -> int:
        if number == 3:
            raise MemoryError("no room")
        return number

    with Crew.of(threads) as crew:
        done = crew.in_order(counted(begun, piece))
        assert [next(done) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(MemoryError, match="no room"):
            next(done)
        assert list(done) == []
    assert len(begun) <= 4 + 2 * threads


def test_one_thread_is_the_callers_own() -> None:
    with Crew.of(1) as crew:
        assert list(crew.in_order([threading.get_ident])) == [threading.get_ident()]
    with Crew.of(2) as crew:
        assert list(crew.in_order([threading.get_ident])) != [threading.get_ident()]
