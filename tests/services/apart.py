"""Servers in Python, each in a process of its own: GDAL may hold the interpreter's lock while it waits for one."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator
from multiprocessing.managers import BaseManager
from typing import Any


class _Manager(BaseManager):
    """Keeps one object in its process."""


@contextlib.contextmanager
def apart(kind: type, *arguments: Any) -> Iterator[Any]:
    """An object made in another process, whose methods can be called from here; it is closed at the end."""
    _Manager.register(kind.__name__, kind)
    with _Manager(ctx=multiprocessing.get_context("spawn")) as manager:
        made = getattr(manager, kind.__name__)(*arguments)
        try:
            yield made
        finally:
            made.close()
