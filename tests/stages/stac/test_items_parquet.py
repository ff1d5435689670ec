"""``items.parquet`` holds what the item documents hold; rustac, DuckDB, geopandas and pyarrow are the judges."""

from __future__ import annotations

import datetime as dt
import json
import math
import posixpath
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from rastercollection import process_collection
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.testing.sample_records import as_detailed, sample_cog
from stac_scenes import CONIC, odd_cogs

pytestmark = pytest.mark.usefixtures("geoparquet")

Json = dict[str, Any]


def _read(collection: Path) -> tuple[Path, list[Json], list[Json]]:
    """The mirror, the items in it as rustac reads them, and the items that the collection links to."""
    import rustac

    document = json.loads(collection.read_text())
    mirror = collection.parent / document["assets"]["items"]["href"]
    assert document["assets"]["items"]["roles"] == ["collection-mirror"]
    links = [link["href"] for link in document["links"] if link["rel"] == "item"]
    items = []
    for href in links:
        item = json.loads((collection.parent / href).read_text())
        items.append(_resolved(item, posixpath.dirname(href)))
    mirrored = [_resolved(_named_as_in_stac(item), ".") for item in rustac.read_sync(str(mirror))["features"]]
    return mirror, sorted(mirrored, key=_id), sorted(items, key=_id)


def _id(item: Json) -> str:
    return str(item["id"])


def _resolved(item: Json, folder: str) -> Json:
    """The item with asset hrefs as they are seen from the collection's folder."""
    assets = {
        key: {**asset, "href": posixpath.normpath(f"{folder}/{asset['href']}")} for key, asset in item["assets"].items()
    }
    return {**item, "assets": assets}


def _named_as_in_stac(item: Json) -> Json:
    """Undoes the two documented changes of names."""

    def undone(thing: Json) -> Json:
        thing = dict(thing)
        if "rastercollection:nodata" in thing and (text := thing.pop("rastercollection:nodata")) is not None:
            thing["nodata"] = text
        if (count := thing.pop("rastercollection:count", None)) is not None:
            thing["statistics"] = {**(thing.get("statistics") or {}), "count": count}
        if "bands" in thing:
            thing["bands"] = [undone(band) for band in thing["bands"]]
        return thing

    return {**item, "assets": {key: undone(asset) for key, asset in item["assets"].items()}}


def _comparable(value: Any, *, name: str = "") -> Any:
    """Without what a table cannot tell apart: nothing from absent; and moments as moments, however they are written."""
    if isinstance(value, dict):
        kept = {key: _comparable(item, name=key) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != {}}
    if isinstance(value, list | tuple):
        return [_comparable(item) for item in value]
    if name.endswith("datetime") and value is not None:
        moment = dt.datetime.fromisoformat(value)
        milliseconds = moment.microsecond // 1000 * 1000  # as fine as the table has it
        return moment.replace(tzinfo=moment.tzinfo or dt.UTC, microsecond=milliseconds)
    return value


def _assert_same(mirrored: Sequence[Json], items: Sequence[Json]) -> None:
    assert [item["id"] for item in mirrored] == [item["id"] for item in items]
    for found, item in zip(mirrored, items, strict=True):
        for name in ("stac_version", "stac_extensions", "collection", "bbox", "properties", "assets"):
            assert _comparable(found[name]) == _comparable(item[name]), (item["id"], name)
        assert "datetime" in found["properties"]
        # rustac reads every polygon beside a multipolygon as a multipolygon of one
        assert shapely.equals_exact(_multi(found["geometry"]), _multi(item["geometry"])), item["id"]
        assert "canonical" in [link["rel"] for link in found["links"]]


def _multi(geometry: Json) -> Any:
    parts = shapely.get_parts(shapely.geometry.shape(geometry))
    return shapely.MultiPolygon(list(parts))


def _assert_judges_read_it(mirror: Path, items: Sequence[Json]) -> None:
    import duckdb
    import geopandas
    import pyarrow.parquet

    by_id = {item["id"]: item for item in items}
    rows = duckdb.sql(
        'SELECT id, epoch_ms(datetime), bbox.xmin, assets.data."file:size", assets.data.href FROM read_parquet($path)',
        params={"path": str(mirror)},
    ).fetchall()
    assert len(rows) == len(items)
    for name, moment, west, size, href in rows:
        item = by_id[name]
        written = item["properties"]["datetime"]
        assert moment == (written and dt.datetime.fromisoformat(written).timestamp() * 1000)
        assert (west, size) == (item["bbox"][0], item["assets"]["data"]["file:size"])
        assert posixpath.normpath(href) == item["assets"]["data"]["href"]
    frame = geopandas.read_parquet(mirror)
    assert frame.crs.equals("OGC:CRS84")
    for name, geometry in zip(frame["id"], frame.geometry, strict=True):
        expected = by_id[name]["geometry"]
        assert geometry.geom_type == expected["type"]
        assert shapely.equals_exact(geometry, shapely.geometry.shape(expected))
    table = pyarrow.parquet.read_table(mirror)
    assert sorted(table.column("id").to_pylist()) == sorted(by_id)


def test_odd_items_survive(publish: Callable[..., Any], tmp_path: Path) -> None:
    """Nodata that no number can be, CRSs without codes beside those with, palettes, polygons and multipolygons …"""
    datum = CONIC.to_json_dict()
    # a unit is a word in one CRS and an object in another
    other = {**datum, "coordinate_system": {**datum["coordinate_system"], "axis": "none"}}
    cogs = [
        *odd_cogs().values(),
        sample_cog("other-crs", target_crs=CONIC.to_wkt(), projjson=other),
        as_detailed(sample_cog("detailed")),
        as_detailed(sample_cog("detailed-dem", bands=(sample_cog().file.bands[0],))),
    ]
    done = publish(cogs, catalog=StaticCatalog(str(tmp_path / "stac"), mirror=True))
    mirror, mirrored, items = _read(Path(done.entry.collection_url))
    crs = "other-crs", "no-code"
    for item in mirrored:
        if item["id"] in crs:  # what has several types is JSON text
            system = item["assets"]["data"]["proj:projjson"]["coordinate_system"]
            system["axis"] = json.loads(system["axis"])
    _assert_same(mirrored, items)
    kinds = {item["geometry"]["type"] for item in items}
    assert kinds == {"Polygon", "MultiPolygon"}
    assert {item["properties"]["datetime"] is None for item in items} == {True, False}
    _assert_judges_read_it(mirror, items)


def _write(path: Path, bands: np.ndarray[Any, Any], crs: str, origin: tuple[float, float, float], **more: Any) -> None:
    profile = {
        "driver": "GTiff",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": crs,
        "transform": from_origin(*origin, origin[2]),
    }
    with rasterio.open(path, "w", **{**profile, **more}) as tile:
        tile.write(bands)


def test_real_tiles_of_every_kind_survive(tmp_path: Path) -> None:
    source = tmp_path / "odd tiles %20#"
    source.mkdir()
    y, x = np.mgrid[:200, :200].astype("float32")
    smooth = np.sin(x / 20) * 40 + np.cos(y / 30) * 40 + 120
    dem = smooth.copy()
    dem[:60, :70] = math.nan
    _write(source / "dem_2021-03-04T1030.tif", dem[None], "EPSG:32642", (500_000, 4_500_000, 10), nodata=math.nan)
    rgb = np.stack([smooth, smooth + 5, smooth + 9]).astype("uint8")
    _write(source / "rgb.tif", rgb, "EPSG:32642", (502_000, 4_500_000, 10), photometric="RGB")
    _write(source / "over.tif", rgb[:1].astype("int16"), "EPSG:4326", (179.9, 10.0, 0.001), nodata=-32768)
    holes = np.where((x // 50 + y // 50) % 2 == 0, smooth, 0).astype("uint16")
    _write(source / "holes.tif", np.stack([holes] * 5), "EPSG:32642", (500_000, 4_490_000, 10), nodata=0)
    classes = (x // 40 + 1).astype("uint8")
    _write(source / "classes.tif", classes[None], "EPSG:3857", (7_700_000, 4_900_000, 15))
    result = process_collection(
        container_name=str(source),
        blob_list=["*.tif"],
        collection_id="odd",
        output_container=str(tmp_path / "out"),
        datetime_pattern=r"_(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)",
        executor="serial",
        jobs="memory",
        catalog=StaticCatalog(str(tmp_path / "out" / "stac"), mirror=True),
    )
    assert {tile.outcome for tile in result.tiles} == {"cog", "unserved"}, [tile.reason for tile in result.tiles]
    mirror, mirrored, items = _read(tmp_path / "out" / "stac" / "odd" / "collection.json")
    assert len(items) == 6, "one of each side of the antimeridian"
    _assert_same(mirrored, items)
    assert {item["geometry"]["type"] for item in items} == {"Polygon", "MultiPolygon"}
    assert {item["properties"]["datetime"] is None for item in items} == {True, False}
    _assert_judges_read_it(mirror, items)
    for item in mirrored:
        assert (mirror.parent / item["assets"]["data"]["href"]).exists()
