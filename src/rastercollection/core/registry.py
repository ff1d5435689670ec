"""Names for the things that can be plugged in.

A registry maps a name to an import string ``module:attribute``. Built-in names are known at once; names of installed
packages are found through entry points, which are read only when a name is not known yet.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from rastercollection.errors import RasterCollectionError, UnknownNameError

__all__ = ["Registry", "load_target"]


class Registry:
    """Names of one kind of thing.

    Args:
        kind: What the names stand for, in words; used in errors.
        group: Entry-point group where installed packages announce theirs.
        builtin: Names that are always known.
    """

    def __init__(self, kind: str, group: str, builtin: Mapping[str, str]) -> None:
        self.kind, self.group = kind, group
        self._targets = dict(builtin)

    def register(self, name: str, target: str) -> None:
        """Make ``name`` stand for ``target`` (``module:attribute``), in this process, over any earlier meaning."""
        module, separator, attribute = target.partition(":")
        if not (name and module and separator and attribute):
            raise RasterCollectionError(
                f"Cannot register {self.kind} {name!r} as {target!r}.", "Give a name and 'module:attribute'."
            )
        self._targets[name] = target

    def names(self) -> tuple[str, ...]:
        """All known names, those of installed packages included, sorted."""
        return tuple(sorted({*self._installed(), *self._targets}))

    def target(self, name: str) -> str:
        """The import string behind a name.

        Raises:
            UnknownNameError: Nobody registered it; lists the known ones.
        """
        found = self._targets.get(name) or self._installed().get(name)
        if found is None:
            raise UnknownNameError(self.kind, name, self.names())
        return found

    def registered(self) -> dict[str, str]:
        """The import strings of built-in names and of those that were registered in this process."""
        return dict(self._targets)

    def load(self, name: str) -> Any:
        """Import and return what a name stands for.

        Raises:
            UnknownNameError: Nobody registered it.
            RasterCollectionError: It is registered, but cannot be imported.
        """
        return load_target(self.kind, name, self.target(name))

    def _installed(self) -> dict[str, str]:
        from importlib.metadata import entry_points  # slow to load, and rarely needed

        return {point.name: point.value for point in entry_points(group=self.group)}


def load_target(kind: str, name: str, target: str) -> Any:
    """Import and return what a name stands for whose import string is known, as in a worker.

    Args:
        kind, name: Used in errors.
        target: ``module:attribute``.

    Raises:
        RasterCollectionError: It cannot be imported.
    """
    module_name, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise RasterCollectionError(
            f"The {kind} {name!r} ({target}) cannot be imported: {error}.",
            "Check the package that provides it.",
        ) from error
