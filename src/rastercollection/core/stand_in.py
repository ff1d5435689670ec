"""Objects that stand in for a backend, and are in all the backend but for how its methods are called."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

__all__ = ["StandIn"]


class StandIn(abc.ABC):
    """Passes for the backend it stands in for, also to ``isinstance``, so that what that offers besides is found.

    Args:
        backend: What everything is handed on to.
    """

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._backend)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._backend, name)
        return self._called(name, found) if callable(found) else found

    def __repr__(self) -> str:
        return repr(self._backend)

    @abc.abstractmethod
    def _called(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """What is called in the place of a method."""
