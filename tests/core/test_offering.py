"""What an object offers, told by protocols, on every Python version."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import pytest

from rastercollection.core.offering import Offering


@runtime_checkable
class Reads(Protocol, metaclass=Offering):
    size: int

    def read(self) -> str: ...


@runtime_checkable
class Writes(Reads, Protocol, metaclass=Offering):
    def write(self) -> None: ...


class Reader:
    size = 3

    def read(self) -> str:
        return "abc"


class Own(Reads):
    """Says by inheriting what it is."""

    size = 0


class Handing:
    """Hands on what it does not do itself."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)


@pytest.mark.parametrize("found", [Reader(), Own(), Handing(Reader()), Handing(Handing(Reader()))])
def test_who_does_it_or_hands_it_on_offers_it_and_no_more(found: Any) -> None:
    assert isinstance(found, Reads)
    assert not isinstance(found, Writes)


def test_who_lacks_a_part_does_not_offer_it() -> None:
    assert not isinstance(Handing(object()), Reads)
    assert not isinstance("text", Reads)


def test_a_class_that_inherits_is_told_by_its_name() -> None:
    assert not isinstance(Reader(), Own)
    assert not isinstance(Handing(Own()), Own)
