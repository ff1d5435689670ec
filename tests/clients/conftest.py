"""Collections of each kind, made by this library and by the usual tools, and the table of what clients see in them."""

from __future__ import annotations

import importlib
import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pystac
import pytest
from cogeo_mosaic.mosaic import MosaicJSON
from pystac.utils import str_to_datetime
from rio_cogeo import cog_profiles, cog_translate

from client_cells import BY_ITSELF, NOT_YET, READING_ERRORS, Cell, Judge, Published
from client_scenes import DAY, KINDS, MOMENT, Kind
from rastercollection import process_collection
from services.titiler import serving

TABLE = "RASTERCOLLECTION_CLIENTS_TABLE"
"""A file that the table is written to, beside the terminal."""

MOST_OF_REFERENCE = 20
"""Tiles of a large collection that are made for reference."""


@pytest.fixture(scope="session")
def kinds_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.fixture(scope="session")
def publish(kinds_folder: Path) -> Callable[..., Published]:
    """A kind's collection, made once; with a ``catalog``, in that database, with addresses of a tile server."""
    made: dict[tuple[str, str], Published] = {}

    def of_kind(name: str, **more: Any) -> Published:
        key = (name, str(sorted(more.items())))
        if key not in made:
            made[key] = _published(KINDS[name], kinds_folder, more)
        return made[key]

    return of_kind


def _published(kind: Kind, folder: Path, more: dict[str, Any]) -> Published:
    sources = folder / kind.name / "sources"
    if not sources.exists():
        kind.write(sources)
    parameters = {"collection_id": kind.name, "datetime": MOMENT, "executor": "thread", **kind.parameters, **more}
    output = folder / kind.name / parameters["collection_id"]
    result = process_collection(
        container_name=sources, blob_list=["*.tif"], output_container=output, jobs="memory", **parameters
    )
    assert result.status == "completed", result
    summary = result.to_dict()
    catalog = output / "stac"
    table = catalog / kind.name / "items.parquet"
    mosaic = summary["mosaicjson"]["url"]
    return Published(kind, catalog / "catalog.json", mosaic, table if table.exists() else None, summary)


@pytest.fixture(scope="session")
def reference(kinds_folder: Path) -> Callable[[str], Published]:
    """The same sources through ``rio cogeo create``, ``rio stac`` and cogeo-mosaic, without this library."""
    made: dict[str, Published] = {}

    def of_kind(name: str) -> Published:
        if name not in made:
            made[name] = _reference(KINDS[name], kinds_folder / f"{name}-reference")
        return made[name]

    return of_kind


def _reference(kind: Kind, folder: Path) -> Published:
    from rio_stac import create_stac_item

    cogs, items = [], []
    for source in kind.write(folder / "sources", kind.usual)[:MOST_OF_REFERENCE]:
        cogs.append(folder / source.name)
        # what ``rio cogeo create`` does
        cog_translate(source, cogs[-1], cog_profiles.get("deflate"), in_memory=False, quiet=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            items.append(create_stac_item(str(cogs[-1]), id=source.stem, asset_name="data", **_dated(kind), **SAID))
    extent = pystac.Extent.from_items(items)
    collection = pystac.Collection(kind.name, "reference", extent, license="other")
    collection.add_items(items)
    catalog = pystac.Catalog("reference", "reference")
    catalog.add_child(collection)
    catalog.normalize_and_save(str(folder / "stac"), pystac.CatalogType.SELF_CONTAINED)
    mosaic = folder / "mosaic.json"
    mosaic.write_text(MosaicJSON.from_urls([str(cog) for cog in cogs], quiet=True).model_dump_json())
    return Published(kind, folder / "stac" / "catalog.json", str(mosaic))


@pytest.fixture(scope="session")
def need(missing_service: Callable[[str, str], None]) -> Callable[[str, str], Any]:
    """Imports a client's module, or says how to get it."""

    def imported(module: str, install: str) -> Any:
        try:
            return importlib.import_module(module)
        except ImportError:
            missing_service(module, f"pip install {install}")

    return imported


@pytest.fixture(scope="session")
def tile_server(missing_service: Callable[[str, str], None]) -> Iterator[str]:
    """Root address of a server with ``/cog``, ``/stac`` and ``/mosaicjson``."""
    if importlib.util.find_spec("titiler") is None or importlib.util.find_spec("uvicorn") is None:
        missing_service("a tile server", "pip install titiler.application uvicorn")
    page = "/api" if importlib.util.find_spec("titiler.application") else "/openapi.json"
    with serving("services.tile_app:app", page=page) as server:
        yield server


@pytest.fixture(scope="session")
def stac_api(served_dsn: str, need: Callable[[str, str], Any]) -> Iterator[str]:
    """Root address of stac-fastapi-pgstac over the database that tile servers show."""
    need("stac_fastapi.pgstac", "stac-fastapi-pgstac")
    address = urlsplit(served_dsn)
    database = {
        "PGUSER": address.username or "",
        "PGPASSWORD": unquote(address.password or ""),
        "PGHOST": address.hostname or "",
        "PGPORT": str(address.port),
        "PGDATABASE": address.path.strip("/"),
    }
    with serving("stac_fastapi.pgstac.app:create_app", database, page="/_mgmt/ping") as server:
        yield server


SAID = {"with_proj": True, "with_raster": True, "with_eo": True}
"""What ``rio stac`` states unless it is told not to."""


def _dated(kind: Kind) -> dict[str, Any]:
    """As ``rio stac --datetime`` takes a moment or an interval."""
    if "datetime" not in kind.parameters:
        return {"input_datetime": str_to_datetime(MOMENT)}
    return {"properties": {"start_datetime": f"{DAY}T00:00:00Z", "end_datetime": f"{DAY}T23:59:59Z"}}


@pytest.fixture
def judge(
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
    publish: Callable[..., Published],
    reference: Callable[[str], Published],
) -> Judge:
    """Has a client look at a collection; what it gets wrong by itself it must get wrong with the reference, too."""

    def look(cell: Cell, read: Callable[[Published], str], *, version: str = "", ours: Published | None = None) -> None:
        client = f"{cell.client} {version}".strip()
        record_property("client", client)
        record_property("kind", cell.kind)
        known = (cell.client, cell.kind)
        if known in NOT_YET:
            request.applymarker(pytest.mark.xfail(reason=NOT_YET[known], strict=True))
        mine = ours or publish(cell.kind)
        if known not in BY_ITSELF:
            record_property("seen", read(mine))
            return
        with pytest.raises(READING_ERRORS):
            read(mine)
        with pytest.raises(READING_ERRORS):
            read(reference(cell.kind))
        record_property("seen", f"the client's own: {BY_ITSELF[known]}")

    return look


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of what was run, in Markdown; on the terminal where all clients were asked for, and in a file."""
    file = os.environ.get(TABLE)
    if not file:
        return
    reports = [
        report
        for outcome in ("passed", "failed", "xfailed", "xpassed", "skipped")
        for report in terminalreporter.stats.get(outcome, ())
        if getattr(report, "user_properties", None)
    ]
    text = "\n".join(_table(reports)) + "\n"
    Path(file).write_text(text, encoding="utf-8")
    terminalreporter.section("clients × kinds of collection")
    terminalreporter.write(text)


def _table(reports: list[Any]) -> Iterator[str]:
    cells: dict[str, dict[str, str]] = {}
    for report in reports:
        facts = dict(report.user_properties)
        if "client" in facts:
            cells.setdefault(str(facts["client"]), {})[str(facts["kind"])] = _seen(report, facts)
    yield "| client | " + " | ".join(KINDS) + " |"
    yield "|---" * (len(KINDS) + 1) + "|"
    for client, row in cells.items():
        yield f"| {client} | " + " | ".join(row.get(kind, "–") for kind in KINDS) + " |"


def _seen(report: Any, facts: dict[str, Any]) -> str:
    if "seen" in facts and report.outcome == "passed":
        text = str(facts["seen"])
    elif report.outcome == "skipped" and hasattr(report, "wrapxfail"):
        text = f"**wrong**: {report.wrapxfail}"
    else:
        crash = getattr(report.longrepr, "reprcrash", None)
        said = str(crash.message if crash else report.longrepr)
        text = f"**wrong**: {said.splitlines()[0] if said else report.outcome}"
    return " ".join(text.replace("|", "/").split())[:400]
