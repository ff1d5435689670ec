"""A tile is at fault where two looks at it find the same, and nothing wrote to it meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TypeVar

from rastercollection.core.contexts import TaskContext
from rastercollection.errors import TaskError, TileError
from rastercollection.model.tile import SourceFile
from rastercollection.ports.storage import StorageBackend
from rastercollection.rasters.gdal_env import is_remote
from rastercollection.rasters.source.inspection import check_unchanged

__all__ = ["proven"]

T = TypeVar("T")


def proven(look: Callable[[bool], T], source: SourceFile, storage: StorageBackend, context: TaskContext) -> T:
    """What a look at a source gives, the second one where the first blames the source: a disk may read wrong once.

    Args:
        look: Does the work; asked to fetch a source that is not on this machine, so that the way there cannot be at
            fault for what is wrong with the copy.
        source: The tile.
        storage: Where it is.
        context: Told where the second look is better.

    Raises:
        TileError: Both looks found the same.
        TaskError: They did not, or something wrote to the source: retryable. Or the store does not tell one version of
            the source from another, so that nothing would tell when it is mended.
    """
    notices = len(context.notices)
    try:
        return look(context.attempt > 1)
    except TileError as error:
        first = error
    del context.notices[notices:]
    _forget_pages(storage, source)
    try:
        found = look(True)
    except TileError as second:
        check_unchanged(storage, source)
        differs = (second.code, second.details) != (first.code, first.details)
        if not differs and source.version:
            raise
        raise TaskError(second.message, second.hint, second.code, retryable=differs, details=second.details) from second
    context.notice("RETRIED", f"At first: [{first.code}] {first.message}")
    return found


def _forget_pages(storage: StorageBackend, source: SourceFile) -> None:
    """Have the system read a local file from its disk again."""
    place = storage.gdal_source(source.url)
    if place is None or is_remote(place.path) or not hasattr(os, "posix_fadvise"):
        return
    with contextlib.suppress(OSError), open(place.path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
