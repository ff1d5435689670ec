"""pgbouncer in front of a PostgreSQL server: every transaction may get another of its few connections."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from services.loopback import free_port
from services.postgresql import identity

INSTALL = "apt-get install pgbouncer (Homebrew: brew install pgbouncer)"
SECONDS_TO_START = 20


def find_program() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")


@contextlib.contextmanager
def running(program: str, dsn: str) -> Iterator[str]:
    """Address, through a pooler in transaction mode, of the database at ``dsn``."""
    folder = Path(tempfile.mkdtemp(prefix="rastercollection-pgbouncer-", dir="/tmp"))
    try:
        port = free_port()
        settings = folder / "pgbouncer.ini"
        settings.write_text(_settings(dsn, port))
        if identity():
            shutil.chown(folder, "nobody")
            shutil.chown(settings, "nobody")
        log = (folder / "log").open("wb")
        process = subprocess.Popen([program, settings], cwd="/", stdout=log, stderr=log, **identity())
        log.close()
        try:
            _wait(process, port, folder / "log")
            yield make_conninfo(host="127.0.0.1", port=port, user="anybody", dbname="pooled")
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(dsn: str, port: int) -> str:
    fields = {name: str(value).replace("'", "''") for name, value in conninfo_to_dict(dsn).items()}
    where = " ".join(f"{name}='{fields[name]}'" for name in ("host", "port", "dbname", "user", "password"))
    return f"""
[databases]
pooled = {where}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"pgbouncer did not start: {log.read_text()[-2000:]}")
