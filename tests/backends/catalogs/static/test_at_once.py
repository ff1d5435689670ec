"""Several requests at a time: in order, none left out, and at the same time however few there are."""

from __future__ import annotations

import threading

import pytest

from rastercollection.backends.catalogs.static.at_once import PARALLEL_REQUESTS, in_parallel


@pytest.mark.parametrize("count", [0, 1, PARALLEL_REQUESTS, 1001])
def test_every_argument_has_its_answer_in_its_place(count: int) -> None:
    assert in_parallel(lambda number: -number, range(count)) == [-number for number in range(count)]


def test_a_few_requests_go_out_at_the_same_time() -> None:
    together = threading.Barrier(PARALLEL_REQUESTS)
    assert in_parallel(lambda _: together.wait(60) >= 0, range(PARALLEL_REQUESTS)) == [True] * PARALLEL_REQUESTS


def test_what_one_request_raises_comes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        in_parallel(lambda number: 1 / number, range(-500, 500))
