"""Running stage 4 on made-up COGs, and the servers that judge what comes out."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pystac
import pytest

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Notice, Task
from rastercollection.core.records import from_dict
from rastercollection.model.cog import Cog
from rastercollection.model.entry import CatalogEntry
from rastercollection.model.mosaic import Mosaic
from rastercollection.stac.renders import made_renders
from rastercollection.stages.mosaic import create_mosaicjson
from rastercollection.stages.stac import create_stac_collection
from rastercollection.testing.sample_records import fan_in_parameters, sample_results
from services.loopback import free_port
from services.titiler import wait_until_up
from tile_scenes import make_scene


@attrs.define
class Published:
    """What stages 3 and 4 made of some COGs."""

    entry: CatalogEntry
    mosaic: Mosaic | None
    notices: list[Notice]
    root: pystac.Catalog | None

    collection_id: str = ""
    cogs: Sequence[Cog] = ()
    catalog: Any = None

    @property
    def renders(self) -> dict[str, Any]:
        return made_renders([cog.file for cog in self.cogs], "data").by_name

    @property
    def collection(self) -> dict[str, Any]:
        return json.loads(Path(self.entry.collection_url).read_text())

    @property
    def items(self) -> list[dict[str, Any]]:
        collection = self.root.get_child(self.entry.collection_id)
        documents = [collection, *collection.get_children()]  # that of very many items has them in parts
        links = [link for document in documents for link in document.get_item_links()]
        return [json.loads(Path(link.get_absolute_href()).read_text()) for link in links]

    @property
    def page(self) -> str:
        return Path(self.entry.outputs[0].url).read_text()


@pytest.fixture
def publish(tmp_path: Path) -> Callable[..., Published]:
    def run(
        cogs: Sequence[Cog],
        *,
        mosaic: bool = True,
        catalog: Any = None,
        inputs: dict[str, Any] | None = None,
        **job: Any,
    ) -> Published:
        storage = FsspecStorage()
        parameters = fan_in_parameters(output_container=str(tmp_path), mosaicjson_container=str(tmp_path), **job)
        context = TaskContext(
            job_id="job",
            task=Task(id="t", stage=3, task_type="x", handler="a:b"),
            resources={"storage": storage, "catalog": catalog or StaticCatalog(str(tmp_path / "stac"), storage)},
            inputs={"create_cogs": sample_results(cogs), **(inputs or {})},
        )
        made = from_dict(Mosaic, create_mosaicjson(parameters, context)) if mosaic else None
        if made is not None:
            context.inputs = {**context.inputs, "create_mosaicjson": sample_results([made], 3, "create_mosaicjson")}
        entry = from_dict(CatalogEntry, create_stac_collection(parameters, context))
        root = tmp_path / "stac" / "catalog.json"
        return Published(entry, made, context.notices, pystac.Catalog.from_file(str(root)) if root.exists() else None)

    return run


@pytest.fixture
def serve(publish: Callable[..., Published], titiler_pgstac: tuple[str, int], served_dsn: str, tmp_path: Path) -> Any:
    """Publishes a scene into the database that the tile server reads."""
    from rastercollection.backends.catalogs.pgstac.pgstac_catalog import PgstacCatalog

    catalog = PgstacCatalog(served_dsn)

    def run(scene: str, cogs: Any = None, **job: Any) -> Any:
        name = f"{scene}-{uuid.uuid4().hex[:8]}"
        cogs = cogs or make_scene(scene, tmp_path)
        done = publish(cogs, **{"catalog": catalog, "titiler_url": titiler_pgstac[0], "collection_id": name, **job})
        done.collection_id, done.cogs, done.catalog = name, cogs, catalog
        return done

    return run


@pytest.fixture
def geoparquet(missing_service: Callable[[str, str], None]) -> None:
    """The test needs the extra, and other programs that read what it writes."""
    for name in ("rustac", "duckdb", "geopandas", "pyarrow"):
        if importlib.util.find_spec(name) is None:
            missing_service(name, f"pip install {name}")


@pytest.fixture(scope="session")
def tile_server(missing_service: Callable[[str, str], None]) -> Iterator[str]:
    """Root address of a real titiler.mosaic on this machine."""
    if importlib.util.find_spec("titiler") is None or importlib.util.find_spec("uvicorn") is None:
        missing_service("a tile server", "pip install 'titiler.mosaic[mosaicjson]' uvicorn")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tile_server:app", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
    with subprocess.Popen(command, cwd=Path(__file__).parent, env=environment) as server:
        try:
            wait_until_up(f"http://127.0.0.1:{port}/openapi.json", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
