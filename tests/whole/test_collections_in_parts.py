"""A collection with more items than a document may link to, through all that reads and changes collections."""

from __future__ import annotations

from pathlib import Path

import pystac

from rastercollection import (
    check_collection,
    list_collections,
    process_collection,
    push_collection,
    remove_collection,
)
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.cli.demo import make_scene


def _walked(folder: Path) -> set[str]:
    root = pystac.Catalog.from_file(str(folder / "stac" / "catalog.json"))
    return {item.id for item in root.get_items(recursive=True)}


def test_jobs_append_and_everything_reads_it(tmp_path: Path) -> None:
    make_scene(tmp_path / "bronze", size=96)
    out = tmp_path / "out"
    catalog = StaticCatalog(str(out / "stac"), most_links=2)
    for tiles in ("*_a*.tif", "*_b*.tif"):
        result = process_collection(
            container_name=tmp_path / "bronze",
            blob_list=tiles,
            collection_id="fields",
            output_container=out,
            catalog=catalog,
            jobs="memory",
        )
    parts = out / "stac" / "fields" / "parts"
    assert list(parts.iterdir())
    ids = {item.id for item in result.items}
    assert len(ids) > 2
    assert _walked(out) == ids
    assert [one.items for one in list_collections(out)] == [len(ids)]
    report = check_collection(out, jobs="memory")
    assert (report.items, report.findings) == (len(ids), ())
    assert push_collection(out, tmp_path / "pushed").findings == ()
    assert _walked(tmp_path / "pushed") == ids
    gone = min(ids)
    remove_collection(out, tiles=[gone])
    assert _walked(out) == ids - {gone}
    assert check_collection(out, jobs="memory").findings == ()
