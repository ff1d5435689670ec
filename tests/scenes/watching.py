"""Who opens a file: the kernel tells, whichever library of whichever language does it."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

_OPENED = 0x20


class Watched:
    """A file that tells whether it was opened since it was last asked.

    Args:
        path: The file, which is made.
    """

    def __init__(self, path: Path) -> None:
        if not sys.platform.startswith("linux"):
            pytest.skip("only Linux tells who opens a file")
        path.write_text("no grid")
        self.path = path
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._events, os.fsencode(path), _OPENED) >= 0

    def was_opened(self) -> bool:
        """Whether anybody opened it since the last call."""
        try:
            return bool(os.read(self._events, 2**16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop watching."""
        os.close(self._events)
