"""What fails for passing reasons is tried again within a deadline, once however many are patient with it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from rastercollection.core.patience import Patience, tell_of_trying_again
from rastercollection.errors import BackendError, UnavailableError


class Store:
    """Fails so often, then works."""

    name = "store"

    def __init__(self, failures: int, error: type[BackendError] = UnavailableError) -> None:
        self.failures, self.calls, self.error = failures, 0, error

    def read(self, url: str) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error(f"{url} could not be read")
        return url

    def list(self) -> Iterator[str]:
        yield "a"
        yield self.read("b")


def test_it_is_tried_again_and_told() -> None:
    store, patience = Store(3), Patience(seconds=10)
    assert patience.of(store).read("x") == "x"
    assert store.calls == 4
    assert [notice.message for notice in patience.notices] == ["Store.read: [UNAVAILABLE] x could not be read"]
    assert patience.of(store).name == "store"


def test_what_a_backend_tries_again_by_itself_is_told_as_well() -> None:
    patience = Patience(seconds=10)
    patience.call(lambda: tell_of_trying_again(UnavailableError("It was gone.")), "reading")
    tell_of_trying_again(UnavailableError("Nobody asked."))
    assert [notice.message for notice in patience.notices] == ["[UNAVAILABLE] It was gone."]


def test_what_is_listed_is_tried_as_a_whole() -> None:
    store, patience = Store(2), Patience(seconds=10)
    assert list(patience.of(store).list()) == ["a", "b"]


def test_other_errors_are_not_tried_again() -> None:
    store = Store(1, BackendError)
    with pytest.raises(BackendError):
        Patience(seconds=10).of(store).read("x")
    assert store.calls == 1


def test_it_ends_and_nobody_further_out_begins_anew() -> None:
    store, inner, outer = Store(10**6), Patience(seconds=0.3), Patience(seconds=5)
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        inner.of(store).read("x")
    assert 0.1 < time.monotonic() - began < 2
    nested = Store(4)
    assert outer.call(lambda: inner.of(nested).read("x"), "reading") == "x"
    assert nested.calls == 5
