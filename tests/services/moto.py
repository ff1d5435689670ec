"""An S3 server for tests: moto's, in a process of its own, on loopback."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from services.loopback import free_port, listening

INSTALL = "pip install 'moto[server]' s3fs"


@contextlib.contextmanager
def running() -> Iterator[int]:
    """The port of a new server without buckets."""
    port = free_port()
    with listening(port, [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]):
        yield port
