"""What is free on this machine's disks."""

from __future__ import annotations

import os
from typing import Self

import attrs

__all__ = ["Disk"]


@attrs.frozen(kw_only=True)
class Disk:
    """The disk that a folder lies on.

    Attributes:
        path: The folder, or what there is of the way to it.
        device: The same for folders on one disk.
        free: Bytes that may still be written.
    """

    path: str
    device: int
    free: int

    @classmethod
    def of(cls, folder: str) -> Self | None:
        """Of a folder that need not be there yet; None where it cannot be told, as by some network disks."""
        path = os.path.abspath(folder)
        while not os.path.exists(path) and os.path.dirname(path) != path:
            path = os.path.dirname(path)
        try:
            found = os.statvfs(path)
            device = os.stat(path).st_dev
        except (OSError, AttributeError):
            return None
        if not found.f_blocks:
            return None
        return cls(path=path, device=device, free=found.f_bavail * found.f_frsize)
