"""An overview in a database: the collection's assets there, and what a real titiler-pgstac makes of the collection."""

from __future__ import annotations

import hashlib
import json
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_overview_jobs import run, write_tiles

psycopg = pytest.importorskip("psycopg", reason="pip install 'rastercollection[pgstac]'")


def document_of(dsn: str, name: str) -> dict[str, Any]:
    with psycopg.connect(dsn, options="-c search_path=pgstac,public") as connection:
        (document,) = connection.execute("SELECT content FROM collections WHERE id = %s", [name]).fetchone()
    return dict(document)


def test_a_collection_in_a_database_has_an_overview_that_grows_with_it(
    tmp_path: Path, served_dsn: str, titiler_pgstac: tuple[str, int], validate_stac: Callable[[dict[str, Any]], None]
) -> None:
    write_tiles(tmp_path / "bronze", range(3), 3)
    name = f"squares-{uuid.uuid4().hex[:8]}"
    settings = {"collection_id": name, "catalog": served_dsn, "titiler_url": titiler_pgstac[0]}
    links = []
    for blobs, mode, count in (("r[01]*.tif", "upsert", 6), ("r2*.tif", "upsert", 9), ("r[12]*.tif", "replace", 6)):
        result = run(tmp_path, blob_list=blobs, mode=mode, **settings)
        document = document_of(served_dsn, name)
        validate_stac(document)
        overview = document["assets"]["overview"]
        links.append(overview["href"])
        assert result.summary["overview"]["href"] == overview["href"]
        assert overview["file:checksum"] == "1220" + hashlib.sha256(Path(overview["href"]).read_bytes()).hexdigest()
        assert result.summary["stac"]["ready_for_titiler"], result.summary["stac"]["ready_reason"]
        assert result.summary["stac"]["items_in_collection"] == count
        with urllib.request.urlopen(result.summary["titiler_urls"]["tilejson"], timeout=30) as answer:
            shown = json.loads(answer.read())
        assert shown["minzoom"] == result.summary["mosaicjson"]["minzoom"] <= result.summary["overview"]["maxzoom"] + 1
        assert shown["bounds"] == pytest.approx(result.summary["mosaicjson"]["bounds"])
        assert sorted((tmp_path / "cogs").glob("*_overview-*")) == [Path(overview["href"])]
        assert run(tmp_path, blob_list=blobs, mode=mode, **settings).reused
    assert len(set(links)) == 3
