"""What there is on this machine's disks where a job will write."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from rastercollection.core.disks import Disk
from rastercollection.core.job_store import JobStore
from rastercollection.core.offering import Offering
from rastercollection.model.request import CollectionRequest
from rastercollection.model.room import Room, Use
from rastercollection.ports.addresses import is_local, join, local_path

if TYPE_CHECKING:
    from rastercollection.rasters.limits import Limits

__all__ = ["find_room"]


@runtime_checkable
class _InFile(Protocol, metaclass=Offering):
    """A job store in a file of this machine."""

    @property
    def path(self) -> str: ...


def find_room(request: CollectionRequest, limits: Limits, jobs: JobStore | None) -> Room:
    """Look at the disks; nothing is known of stores, whose room is nobody's to tell.

    Args:
        request: Where COGs go.
        limits: Where temporary files go, of tasks that run on this machine.
        jobs: Where the job is recorded; None where it is not.
    """
    folders: dict[Use, str] = {"scratch": limits.scratch or tempfile.gettempdir()}
    names: frozenset[str] = frozenset()
    if is_local(request.output_container):
        folders["output"] = local_path(join(request.output_container, request.output_folder or ""))
        with contextlib.suppress(OSError):
            names = frozenset(os.listdir(folders["output"]))
    if isinstance(jobs, _InFile):
        folders["state"] = os.path.dirname(os.path.abspath(jobs.path))
    disks: Mapping[Use, Disk | None] = {use: Disk.of(folder) for use, folder in folders.items()}
    return Room(disks={use: disk for use, disk in disks.items() if disk is not None}, there=names)
