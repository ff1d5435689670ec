"""A PostgreSQL server with PostGIS and pgSTAC for tests: found, started in a folder, stopped by its handle."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import attrs
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from services.loopback import free_port

INSTALL = "apt-get install postgresql postgresql-postgis postgresql-postgis-scripts (Homebrew: brew install postgis)"
PASSWORD = "only-for-tests/%@:"  # as awkward in a URL as they come
SECONDS_TO_START = 60


@attrs.define(eq=False)
class Server:
    """A running server: where it is, as the superuser."""

    dsn: str
    template: str = ""

    def database(self, name: str, **changes: str) -> str:
        """Address of one of its databases."""
        return make_conninfo(self.dsn, dbname=name, **changes)

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.database(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextlib.contextmanager
    def new_database(self, template: str = "") -> Iterator[str]:
        """Name of a database made from the template, or from another one, dropped at the end."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or self.template}"')
        try:
            yield name
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def find_programs() -> Path | None:
    """The folder with initdb and postgres of an installation that has PostGIS."""
    folders = [os.environ.get("RASTERCOLLECTION_POSTGRES_BIN", ""), "/opt/homebrew/opt/postgresql/bin"]
    folders += [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if config := shutil.which("pg_config"):
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(told.stdout.strip())
    return next((Path(folder) for folder in folders if folder and _has_postgis(Path(folder))), None)


def _has_postgis(folder: Path) -> bool:
    config = folder / "pg_config"
    if not (folder / "initdb").exists() or not config.exists():
        return False
    # Debian's pg_config in that folder is of this version; the shared folder holds the extensions
    told = subprocess.run([str(config), "--sharedir"], capture_output=True, text=True, check=False)
    return (Path(told.stdout.strip()) / "extension" / "postgis.control").exists()


@attrs.define(eq=False)
class OwnServer(Server):
    """A server whose process is ours: it may be stopped and started, by one thread after the other."""

    programs: Path = attrs.field(kw_only=True)
    data: Path = attrs.field(kw_only=True)
    port: int = attrs.field(kw_only=True)
    _process: subprocess.Popen[bytes] | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def restart(self, how: signal.Signals = signal.SIGINT, seconds: float = 0.0) -> None:
        """Stop the server, and start it after a while; whoever asks meanwhile does so when it runs again."""
        with self._lock:
            self._stop(how)
            time.sleep(seconds)
            self._start()

    def start(self) -> None:
        with self._lock:
            self._start()

    def stop(self) -> None:
        with self._lock:
            self._stop()

    def _start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.data.parent),
            "port": str(self.port),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "off",
            "shared_buffers": "64MB",
            "jit": "off",
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with (self.data.parent / "log").open("ab") as log:
            command = [self.programs / "postgres", "-D", self.data, *options]
            self._process = subprocess.Popen(command, cwd="/", stdout=log, stderr=log, **identity())
        deadline = time.monotonic() + SECONDS_TO_START
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.dsn):
                return
            time.sleep(0.05)
        self._stop()
        raise RuntimeError(f"PostgreSQL did not start: {(self.data.parent / 'log').read_text()[-2000:]}")

    def _stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it without waiting for its clients; with SIGQUIT as by a crash."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def started(programs: Path) -> Iterator[OwnServer]:
    """A new server, on loopback, with password authentication."""
    folder = Path(tempfile.mkdtemp(prefix="rastercollection-pg-", dir="/tmp"))
    try:
        data = folder / "data"
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if identity():
            shutil.chown(folder, "nobody")
            shutil.chown(secret, "nobody")
        subprocess.run(
            [
                *(programs / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}"),
                *("-E", "UTF8", "--no-locale", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **identity(),
        )
        port = free_port()
        dsn = make_conninfo(host="127.0.0.1", port=port, user="postgres", password=PASSWORD, dbname="postgres")
        server = OwnServer(dsn, programs=programs, data=data, port=port)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def identity() -> dict[str, object]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def make_template(server: Server, name: str) -> None:
    """A database with PostGIS and pgSTAC."""
    from pypgstac.db import PgstacDB
    from pypgstac.migrate import Migrate

    server.execute(f'CREATE DATABASE "{name}"')
    server.execute("CREATE EXTENSION postgis", name)
    database = PgstacDB(dsn=server.database(name))
    try:
        Migrate(database).run_migration()
    finally:
        pool = database.pool
        database.disconnect()
        if pool is not None:
            pool.close()


def as_url(dsn: str) -> str:
    """The same address as a URL."""
    from urllib.parse import quote

    fields = {name: quote(str(value), safe="") for name, value in conninfo_to_dict(dsn).items()}
    return f"postgresql://{fields['user']}:{fields['password']}@{fields['host']}:{fields['port']}/{fields['dbname']}"
