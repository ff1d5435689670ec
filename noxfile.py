"""The one entry point for developers: ``nox`` checks and tests everything, ``nox -l`` lists what else there is.

Sessions run on Python 3.11, or on the oldest newer one where 3.11 is not present; ``nox -s tests`` runs the tests on
each of 3.11, 3.12 and 3.13 that is present, ``nox -s tests-3.12`` on that one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml("pyproject.toml")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"


def _present() -> list[str]:
    """The supported Python versions that start on this machine, the oldest first."""
    # the interpreter that runs nox counts, also where its folder is not on the search path
    os.environ["PATH"] += os.pathsep + str(Path(sys.executable).resolve().parent)
    return [version for version in ("3.11", "3.12", "3.13") if _starts(f"python{version}")] or [RUNNING]


def _starts(name: str, program: str = "") -> bool:
    found = shutil.which(name)
    return (
        found is not None and subprocess.run([found, "-c", program], capture_output=True, check=False).returncode == 0
    )


PYTHONS = _present()

SERVICES = {
    "postgresql": lambda: bool(list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))),
    "postgresql-postgis": lambda: bool(list(Path("/usr/lib/postgresql").glob("*/lib/postgis-*.so"))),
    "postgresql-postgis-scripts": lambda: bool(list(Path("/usr/share/postgresql").glob("*/extension/postgis.control"))),
    "pgbouncer": lambda: Path("/usr/sbin/pgbouncer").exists(),
    "chromium": lambda: shutil.which("chromium") is not None,
    "libtiff-tools": lambda: shutil.which("tiffcp") is not None,
    "python3-gdal": lambda: _starts("/usr/bin/python3", "from osgeo import gdal"),
    "gdal-bin": lambda: shutil.which("gdalinfo") is not None,
}
"""Debian's packages, and whether what they bring is there."""

TITILERS = ("~=3.0", "~=2.0")
"""The major versions of titiler-pgstac that links are tested against."""

nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", f"tests-{PYTHONS[0]}"]


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, name)


def _install_wheel(session: nox.Session, *requirements: str, extras: str = "") -> None:
    """Build the wheel and install it: what is tested is what users get, not the source tree."""
    folder = Path(session.create_tmp()).resolve() / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), ".")
    (wheel,) = folder.glob("*.whl")
    session.install(f"rastercollection{extras} @ {wheel.as_uri()}", *requirements)
    session.install("--force-reinstall", "--no-deps", str(wheel))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The test suite, against the built wheel; arguments after -- go to pytest."""
    _install_services(session)
    extras = "[dask,geoparquet,pgstac,postgres,terminal,view]"
    _install_wheel(session, *_group("test"), "./tests/plugin_package", extras=extras)
    servers = _tile_servers(session)
    # much of a test's time is waiting for servers and processes: one more than there are cores
    at_once = ("-n", str(min(4, 1 + (os.cpu_count() or 1))), "--dist", "worksteal")
    session.run("pytest", *at_once, *session.posargs, env={"RASTERCOLLECTION_TITILER_PGSTAC": servers})


def _install_services(session: nox.Session) -> None:
    """Have apt-get bring the servers and programs that tests use, where it may; elsewhere those tests say so."""
    missing = [package for package, is_there in SERVICES.items() if not is_there()]
    if not missing or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    # a list of packages that is not there, or out of date, is no reason to test nothing
    session.run("apt-get", "update", "-qq", external=True, env=quiet, success_codes=range(256))
    install = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *missing]
    session.run(*install, external=True, env=quiet, success_codes=range(256))


def _tile_servers(session: nox.Session) -> str:
    """The interpreters of environments of their own, kept between runs, each with a version of titiler-pgstac."""
    with ThreadPoolExecutor() as pool:
        return os.pathsep.join(pool.map(lambda version: _tile_server(session, version), TITILERS))


def _tile_server(session: nox.Session, version: str) -> str:
    folder = ROOT / ".nox" / f"titiler-pgstac-{session.python}-{version.strip('<>=~.*')}"
    python, marker = folder / "bin" / "python", folder / "complete"
    needs = [f"titiler.pgstac{version}", "psycopg[binary,pool]>=3.1", "uvicorn>=0.30"]
    if not marker.exists() or marker.read_text() != str(needs):
        session.run("python", "-m", "venv", "--clear", str(folder))
        session.run(str(python), "-m", "pip", "install", "--quiet", *needs, external=True)
        marker.write_text(str(needs))
    return str(python)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Style, format, and the direction of imports."""
    session.install(*_group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", env={"PYTHONPATH": str(ROOT / "src")})


@nox.session(python=PYTHONS[0])
def types(session: nox.Session) -> None:
    """Types of the whole library, strictly."""
    session.install(*PROJECT["project"]["dependencies"], *_group("types"))
    session.run("mypy")


@nox.session(python=PYTHONS[0])
def parameters(session: nox.Session) -> None:
    """Write the reference tables and the API's keyword arguments, which follow from the fields of parameters."""
    session.install(*PROJECT["project"]["dependencies"], *_group("lint"))
    session.run("python", "docs/write_parameters.py", env={"PYTHONPATH": str(ROOT / "src")})
    session.run("ruff", "check")


@nox.session(python=PYTHONS[0])
def architecture(session: nox.Session) -> None:
    """Write the tree and the layers of the page on architecture, which follow from packages and contracts."""
    session.run("python", "docs/write_architecture.py")


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """The documentation site, into site/; any broken link is an error."""
    session.install(*_group("docs"))
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session(python=PYTHONS[0])
def demo(session: nox.Session) -> None:
    """Make the demo scene, run the whole job on it and show where everything is."""
    _install_wheel(session, extras="[terminal]")
    session.run("rastercollection", "demo", *session.posargs)


@nox.session(python=PYTHONS[0])
def bench(session: nox.Session) -> None:
    """Run every benchmark that makes its own images; each prints its figures."""
    _install_wheel(session, *_group("bench"), extras="[fast,geoparquet]")
    left_out = {ROOT / "benchmarks" / name for name in ("encoders.py", "simulated_run.py", "dask_overhead.py")}
    for script in sorted({*(ROOT / "benchmarks").glob("*.py")} - left_out):
        session.run("python", str(script), *session.posargs)


@nox.session(python=PYTHONS[0], default=False)
def scaling(session: nox.Session) -> None:
    """Simulate jobs of up to 100,000 tiles on 1,000 cores, and measure what a task costs on Dask; half an hour."""
    _install_wheel(session, *_group("bench"), extras="[dask]")
    session.run("python", str(ROOT / "benchmarks" / "dask_overhead.py"))
    session.run("python", str(ROOT / "benchmarks" / "simulated_run.py"), *(session.posargs or ["--tiles=10000,100000"]))


@nox.session(python=PYTHONS[0], default=False)
def clients(session: nox.Session) -> None:
    """Have other people's programs read a collection of each kind; prints what each saw in each, in Markdown.

    Arguments after -- go to pytest. The table is written to ``clients.md`` in the session's temporary folder, or where
    the variable RASTERCOLLECTION_CLIENTS_TABLE says.
    """
    _install_services(session)
    groups = (*_group("test"), *_group("clients"))
    _install_wheel(session, *groups, "./tests/plugin_package", extras="[geoparquet,pgstac,view]")
    servers = _tile_servers(session)
    table = os.environ.get("RASTERCOLLECTION_CLIENTS_TABLE") or str(Path(session.create_tmp()).resolve() / "clients.md")
    settings = {"RASTERCOLLECTION_TITILER_PGSTAC": servers, "RASTERCOLLECTION_CLIENTS_TABLE": table}
    session.run("pytest", "tests/clients", "-m", "not slow", *session.posargs, env=settings)


@nox.session(python=PYTHONS[0], default=False)
def matrix(session: nox.Session) -> None:
    """Have readers of TIFF read COGs of every type, validity and codec; prints how many each saw, in Markdown.

    Runs all of what the default run takes only a few cells of besides. Takes half an hour. The table is written to
    ``readers.md`` in the session's temporary folder, or where the variable RASTERCOLLECTION_READERS_TABLE says.
    """
    _install_services(session)
    _install_wheel(session, *_group("test"))
    table = os.environ.get("RASTERCOLLECTION_READERS_TABLE") or str(Path(session.create_tmp()).resolve() / "readers.md")
    tests = [
        "tests/mosaics/test_mosaicjson.py",
        "tests/rasters/test_proj_data.py",
        "tests/rasters/writing/test_pyramid.py",
        "tests/rasters/writing/test_readers_of_cogs.py",
        "tests/stages/cog/test_warp_windows.py",
    ]
    settings = {"RASTERCOLLECTION_READERS_TABLE": table}
    session.run("pytest", *tests, "-m", "slow or not slow", *session.posargs, env=settings)


@nox.session(python=PYTHONS[0], default=False)
def chaos(session: nox.Session) -> None:
    """Kill jobs, stop them, fail their calls, fill their disks and race them; prints how often, and what was lost.

    Takes an hour or two. Arguments after -- go to pytest: ``--chaos-seed N`` hurts them at other moments and places.
    """
    _install_services(session)
    _install_wheel(session, *_group("test"), extras="[dask,geoparquet,pgstac,postgres]")
    session.run("pytest", "tests/chaos", "-m", "slow or not slow", *session.posargs)


@nox.session(python=PYTHONS[0], default=False)
def mutants(session: nox.Session) -> None:
    """Break single places of the pure rooms on purpose and list those that no test of the room notices; takes hours.

    Names of mutants after --, or patterns of names, choose some of them.
    """
    session.install(*PROJECT["project"]["dependencies"], *_group("test"), *_group("mutants"))
    # the package is not installed: processes that tests start find it there
    session.run("mutmut", "run", *session.posargs, env={"PYTHONPATH": str(ROOT / "mutants" / "src")})
    session.run("mutmut", "results")
