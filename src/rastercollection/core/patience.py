"""Trying again what fails for passing reasons: within a deadline, after growing, random pauses, and never nested."""

from __future__ import annotations

import contextvars
import functools
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import attrs

from rastercollection.core.models import Notice
from rastercollection.core.stand_in import StandIn
from rastercollection.errors import RasterCollectionError

__all__ = ["Patience", "tell_of_trying_again"]

T = TypeVar("T")

_active: contextvars.ContextVar[Patience | None] = contextvars.ContextVar("rastercollection_patience", default=None)
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0


@attrs.define(kw_only=True)
class Patience:
    """How long work of the driver that fails for passing reasons is tried again.

    Attributes:
        seconds: From the first failure to the last attempt. What is patient within what is patient is tried once.
    """

    seconds: float = 300.0
    _told: dict[str, None] = attrs.field(factory=dict, init=False)

    def call(self, work: Callable[[], T], doing: str) -> T:
        """The result of ``work``, which is called again while it raises retryable errors.

        Args:
            work: Called in this thread; it can be called twice with the effect of once.
            doing: What it does, for the notice.
        """
        if _active.get() is not None:
            return work()
        token = _active.set(self)
        try:
            return self._persist(work, doing)
        finally:
            _active.reset(token)

    def _persist(self, work: Callable[[], T], doing: str) -> T:
        deadline, pause = 0.0, FIRST_PAUSE
        while True:
            try:
                return work()
            except RasterCollectionError as error:
                if not error.retryable:
                    raise
                now = time.monotonic()
                deadline = deadline or now + self.seconds
                if now + pause > deadline:
                    raise
                self.tell(error, f"{doing}: ")
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)

    def tell(self, error: RasterCollectionError, doing: str = "") -> None:
        """Note that something was tried again after an error."""
        self._told[f"{doing}[{error.code}] {error.message}"] = None

    def of(self, backend: T) -> T:
        """The same backend, all of whose methods are called with patience; what they would yield comes as a whole."""
        return cast(T, _Patient(backend, self))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What had to be tried again."""
        return tuple(Notice(code="TRIED_AGAIN", message=message) for message in self._told)


def tell_of_trying_again(error: RasterCollectionError) -> None:
    """For backends that try again by themselves: note it where the driver is patient with this call."""
    if (patience := _active.get()) is not None:
        patience.tell(error)


class _Patient(StandIn):
    """A backend that is asked again; it does not pickle: workers have no use for it."""

    def __init__(self, backend: Any, patience: Patience) -> None:
        super().__init__(backend)
        self._patience = patience

    def _called(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            doing = f"{type(self._backend).__name__}.{name}"
            return self._patience.call(lambda: _whole(method(*args, **kwargs)), doing)

        return call


def _whole(value: Any) -> Any:
    return iter(list(value)) if isinstance(value, Iterator) else value
