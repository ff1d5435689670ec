"""Programs that read tables: all items of a collection in one file."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
import shapely

from client_cells import Cell, Judge, Need, Published, read_by
from client_scenes import KINDS, Place

SHORT = tuple(name for name in KINDS if name != "many")


def _table(published: Published) -> Path:
    if published.table is None:
        pytest.skip("the extra geoparquet is not installed: pip install 'rastercollection[geoparquet]'")
    return published.table


def _items_at(published: Published, place: Place) -> set[str]:
    """By the documents' geometries."""
    point = shapely.Point(place.lon, place.lat)
    return {item.id for item in published.items if shapely.geometry.shape(item.geometry).intersects(point)}


@read_by("geopandas", short=SHORT)
def test_geopandas(cell: Cell, judge: Judge, need: Need) -> None:
    geopandas = need("geopandas", "geopandas pyarrow")

    def read(published: Published) -> str:
        path = _table(published)
        frame = geopandas.read_parquet(path)
        assert len(frame) == published.kind.cogs
        assert frame.crs.to_epsg() == 4326 or frame.crs.to_string() == "OGC:CRS84"
        assert set(frame["id"]) == {item.id for item in published.items}
        for href in frame["assets"].map(lambda assets: assets["data"]["href"]):
            assert (path.parent / href).is_file(), href
        for place in published.kind.places:
            found = set(frame[frame.intersects(shapely.Point(place.lon, place.lat))]["id"])
            assert found == _items_at(published, place)
            assert found or place.values is None, f"nothing is found at {place.name} ({place.lon:g}, {place.lat:g})"
        return f"{len(frame)} rows, found at every place"

    judge(cell, read, version=version("geopandas"))


@read_by("DuckDB", short=SHORT)
def test_duckdb(cell: Cell, judge: Judge, need: Need) -> None:
    duckdb = need("duckdb", "duckdb")

    def read(published: Published) -> str:
        path = _table(published)
        date = "start_datetime" if "datetime" in published.kind.parameters else "datetime"
        query = f"SELECT id, assets.data.href, bbox.xmin, bbox.ymin, bbox.xmax, bbox.ymax FROM read_parquet('{path}')"
        with duckdb.connect() as connection:
            rows = connection.sql(query).fetchall()
            days = connection.sql(f"SELECT DISTINCT {date}::DATE::VARCHAR FROM read_parquet('{path}')").fetchall()
        assert days == [("2024-05-06",)]
        assert {row[0] for row in rows} == {item.id for item in published.items}
        assert all((path.parent / row[1]).is_file() for row in rows)
        bounds = {item.id: item.bbox for item in published.items}
        assert {row[0]: pytest.approx(row[2:], abs=1e-4) for row in rows} == {name: bounds[name] for name in bounds}
        for place in published.kind.places:
            there = [row[0] for row in rows if _within(row[2:], place)]
            assert there or place.values is None, f"nothing is found at {place.name} ({place.lon:g}, {place.lat:g})"
        return f"{len(rows)} rows, found at every place"

    judge(cell, read, version=version("duckdb"))


def _within(box: tuple[float, ...], place: Place) -> bool:
    west, south, east, north = box
    is_between = west <= place.lon <= east if west <= east else place.lon >= west or place.lon <= east
    return is_between and south <= place.lat <= north
