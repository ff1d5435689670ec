"""Fixtures every test may use."""

from __future__ import annotations

import contextlib
import importlib.util
import mmap
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
from hypothesis import settings
from pystac.validation import RegisteredValidator

from rastercollection.rasters.pixels import workspace
from stac_schemas import extension_schemas

# the same examples in every run: what was green stays green; look for new ones with --hypothesis-profile=explore
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", max_examples=2000)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real rasters beside the checkout; tests that use it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder of real rasters (../shared/data) is not here")
    return folder


@pytest.fixture(autouse=True, scope="session")
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Jobs of the tests are recorded in a temporary folder, not in the user's, and GDAL keeps tiles of maps in one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RASTERCOLLECTION_STATE", str(tmp_path_factory.mktemp("state")))
        patch.setenv("GDAL_DEFAULT_WMS_CACHE_PATH", str(tmp_path_factory.mktemp("maps")))
        yield


@pytest.fixture(autouse=True, scope="session")
def released_pixels_are_spoilt() -> Iterator[None]:
    """Whoever reads pixels that were released finds numbers that nobody wrote, where there might be plausible zeros."""

    def spoil(pages: mmap.mmap, start: int, size: int) -> None:
        np.frombuffer(pages, np.uint8, size, start)[:] = 0xA5

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "_give_back", spoil)
        yield


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_means_something() -> None:
    """A test run in the background of a shell inherits that Ctrl-C is ignored; programs the tests start must not."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def validate_stac() -> Callable[[dict[str, Any]], None]:
    """Validates a STAC document: always against the core schemas, and against extensions where copies are at hand."""
    cache = RegisteredValidator.get_validator().schema_cache
    cache.update(extension_schemas())

    def validate(document: dict[str, Any]) -> None:
        extensions = document.get("stac_extensions", [])
        assert len(extensions) == len(set(extensions))
        known = [uri for uri in extensions if uri in cache]
        pystac.validation.validate_dict({**document, "stac_extensions": known})

    return validate


@pytest.fixture(scope="session")
def missing_service() -> Callable[[str, str], None]:
    """Skips the test, saying how to get what it needs; where services are required, fails it."""

    def report(what: str, install: str) -> None:
        message = f"{what} is not installed: {install}"
        if os.environ.get("RASTERCOLLECTION_REQUIRE_SERVICES") == "1":
            pytest.fail(message)
        pytest.skip(message)

    return report


@pytest.fixture(scope="session")
def postgres(missing_service: Callable[[str, str], None]) -> Iterator[Any]:
    """A PostgreSQL server with a template database ``template_pgstac``: see ``services/postgresql.py``.

    ``RASTERCOLLECTION_TEST_DATABASE_URL`` (of a superuser, with PostGIS at hand) is used instead of a new one.
    """
    pytest.importorskip("psycopg", reason="pip install 'rastercollection[pgstac]'")
    pytest.importorskip("pypgstac", reason="pip install 'rastercollection[pgstac]'")
    from services import postgresql

    given = os.environ.get("RASTERCOLLECTION_TEST_DATABASE_URL")
    programs = postgresql.find_programs()
    if given is None and programs is None:
        missing_service("PostgreSQL with PostGIS", postgresql.INSTALL)
    running = contextlib.nullcontext(postgresql.Server(given)) if given else postgresql.started(programs)
    with running as server:
        server.template = f"template_pgstac_{os.getpid()}"
        postgresql.make_template(server, server.template)
        try:
            yield server
        finally:
            server.execute(f'DROP DATABASE IF EXISTS "{server.template}" WITH (FORCE)')


@pytest.fixture
def pgstac_dsn(postgres: Any) -> Iterator[str]:
    """Address, as a URL with a password, of a database of the test's own with PostGIS and an empty pgSTAC."""
    from services.postgresql import as_url

    with postgres.new_database() as name:
        yield as_url(postgres.database(name))


@pytest.fixture(scope="module")
def jobs_dsn(postgres: Any) -> Iterator[str]:
    """Address, as a URL with a password, of an empty database of the test module's own."""
    from services.postgresql import as_url

    with postgres.new_database("template0") as name:
        yield as_url(postgres.database(name))


TITILERS = [path for path in os.environ.get("RASTERCOLLECTION_TITILER_PGSTAC", "").split(os.pathsep) if path]
"""Python interpreters with titiler-pgstac, uvicorn and psycopg, each of another major version."""


@pytest.fixture(scope="session")
def served_dsn(postgres: Any) -> Iterator[str]:
    """Address of the database that titiler-pgstac serves; shared, so every test has a collection of its own."""
    from services.postgresql import as_url

    with postgres.new_database() as name:
        yield as_url(postgres.database(name))


@pytest.fixture(
    scope="session", params=TITILERS or [""], ids=lambda path: "titiler" + str(TITILERS.index(path) if path else "")
)
def titiler_pgstac(
    request: pytest.FixtureRequest, missing_service: Callable[[str, str], None], served_dsn: str
) -> Iterator[tuple[str, int]]:
    """Root address and major version of a real titiler-pgstac; tests run with each that there is."""
    from services.titiler import running

    if not request.param:
        missing_service(
            "titiler-pgstac",
            "python3 -m venv V && V/bin/pip install titiler.pgstac 'psycopg[binary,pool]' uvicorn, and set "
            "RASTERCOLLECTION_TITILER_PGSTAC=V/bin/python (more of them separated by a colon)",
        )
    with running(request.param, served_dsn) as server:
        yield server


@pytest.fixture(scope="session")
def s3_store() -> Iterator[Any]:
    """An S3 server behind a proxy that fails when told to: see ``services/stores.py``."""
    pytest.importorskip("s3fs", reason="pip install 'rastercollection[s3]'")
    pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    from services import stores

    with stores.s3() as store:
        yield store


@pytest.fixture(scope="session")
def azure_store(missing_service: Callable[[str, str], None]) -> Iterator[Any]:
    """Likewise an Azure Blob server, Azurite; npm brings it where there is npm."""
    pytest.importorskip("adlfs", reason="pip install 'rastercollection[azure]'")
    from services import azurite, stores

    script = azurite.find_program(Path(__file__).parents[1] / ".nox" / "azurite")
    if script is None:
        missing_service("Azurite", azurite.INSTALL)
    with stores.azure(script) as store:
        yield store


@pytest.fixture(scope="session")
def website() -> Iterator[Any]:
    """Likewise a plain web server."""
    pytest.importorskip("aiohttp", reason="pip install 'fsspec[http]'")
    from services import stores

    with stores.website() as store:
        yield store


@pytest.fixture(params=["s3_store", "azure_store", "website"])
def remote_store(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each of the three, in good health before and after."""
    store = request.getfixturevalue(request.param)
    store.proxy.heal()
    yield store
    store.proxy.heal()


@pytest.fixture(scope="module")
def browser(missing_service: Any) -> Any:
    """A real Chromium. Its driver occupies the main thread's event loop as long as it lives."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        missing_service("a browser", "apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        missing_service("what drives the browser", "pip install playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield browser
        browser.close()
