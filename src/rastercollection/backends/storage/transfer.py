"""Copying an object to another address: inside the kernel, inside a store, or through a temporary file of this machine.

In all cases the target takes the new content in one step, once all of it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rastercollection.backends.storage.local import LocalObject
from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import temporary_folder
from rastercollection.ports.storage import ObjectInfo

if TYPE_CHECKING:
    from rastercollection.backends.storage.remote import RemoteObject

__all__ = ["copied"]


def copied(source: LocalObject | RemoteObject, target: LocalObject | RemoteObject) -> ObjectInfo:
    """Copy ``source``, an object that is there, to ``target``, and say what is there now.

    Nothing but a buffer is held in memory, except for targets that live in memory.
    """
    if source == target:  # S3 refuses to copy an object onto itself
        return source.stat()
    if isinstance(source, LocalObject):
        return target.put(source.path, overwrite=True)
    if isinstance(target, LocalObject):
        return target.fill(source.fetch)
    if target.copies_inside_store(source):
        return target.copy_inside_store(source)
    with temporary_folder(Mark() if target.guard is None else target.guard.mark) as folder:
        passing = str(folder / "object")
        source.get(passing)
        return target.put(passing, overwrite=True)
