"""Storage and catalogs that ask, right before an effect of theirs can be seen, whether it is still allowed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any, Protocol, Self, TypeVar, cast, runtime_checkable

from rastercollection.core.guard import Guard
from rastercollection.core.offering import Offering
from rastercollection.core.stand_in import StandIn
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend

__all__ = ["Guardable", "guarded_catalog", "guarded_storage"]

T = TypeVar("T")

_OF_STORAGE = frozenset({"write", "put", "copy", "delete"})
_OF_CATALOGS = frozenset({"publish", "register_search", "remove", "remove_items"})


@runtime_checkable
class Guardable(Protocol, metaclass=Offering):
    """What a storage or a catalog can besides: be guarded where it knows best."""

    def guarded(self, guard: Guard) -> Self:
        """A copy that asks the guard right before what it writes, or deletes, can be seen.

        What the guard raises comes through as it is, and nothing has changed then. Names of temporary files hold the
        guard's mark. It pickles.
        """
        ...


def guarded_storage(storage: StorageBackend, guard: Guard) -> StorageBackend:
    """The storage, guarded; where it cannot itself, the guard is asked before every call that changes something."""
    return cast(StorageBackend, _guarded(storage, guard, _OF_STORAGE))


def guarded_catalog(catalog: CatalogBackend, guard: Guard) -> CatalogBackend:
    """The catalog, guarded; where it cannot itself, the guard is asked before every call that changes something."""
    return cast(CatalogBackend, _guarded(catalog, guard, _OF_CATALOGS))


def _guarded(backend: Any, guard: Guard, effects: Collection[str]) -> Any:
    # asked of the class: one that hands everything on to another would hand on that, too
    if hasattr(type(backend), "guarded"):
        return backend.guarded(guard)
    return _Asking(backend, guard, frozenset(effects))


class _Asking(StandIn):
    """A backend that asks before its effects, and is in all else the one that it stands for."""

    def __init__(self, backend: Any, guard: Guard, effects: frozenset[str]) -> None:
        super().__init__(backend)
        self._guard, self._effects = guard, effects

    def _called(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        return functools.partial(_asked_first, self._guard, method) if name in self._effects else method

    def __reduce_ex__(self, _protocol: Any) -> tuple[Any, ...]:
        return _Asking, (self._backend, self._guard, self._effects)


def _asked_first(guard: Guard, effect: Callable[..., T], *args: Any, **options: Any) -> T:
    guard.check()
    return effect(*args, **options)
