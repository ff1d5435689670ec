"""Reading items back, put together here: pgSTAC keeps what all items have in common apart, and is slow to merge it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

__all__ = ["read_items", "sorts_otherwise"]

Json = dict[str, Any]

ROWS_AT_ONCE = 500
BASE = "pgstac:base_item"
"""In an item of pgSTAC 0.10 and later, which version of the collection's base item it goes with."""

_ROWS = """
    SELECT id, ST_AsGeoJSON(geometry, 20)::jsonb, content FROM items WHERE collection = %s ORDER BY id
"""
_HAS_VERSIONS = "SELECT to_regprocedure('pgstac.collection_base_item(text, integer)') IS NOT NULL"
_BASE_VERSION = "SELECT collection_base_item(%s, %s::integer)"
_BASE = "SELECT base_item FROM collections WHERE id = %s"


_SORTED_OTHERWISE = """
    SELECT EXISTS (
        SELECT FROM (
            SELECT row_number() OVER (ORDER BY datetime DESC, id DESC) AS found,
                   row_number() OVER (ORDER BY datetime DESC, id COLLATE "C" DESC) AS meant
            FROM items WHERE collection = %s
        ) places WHERE found <> meant
    )
"""


def sorts_otherwise(connection: psycopg.Connection[Any], collection_id: str) -> bool:
    """Whether the database's collation puts items of one moment into another order than that of drawing."""
    (otherwise,) = connection.execute(_SORTED_OTHERWISE, [collection_id]).fetchone() or (False,)
    return bool(otherwise)


def read_items(connection: psycopg.Connection[Any], collection_id: str) -> Iterator[Json]:
    """The items of a collection, by id, in the form in which they were sent."""
    from pypgstac.hydration import hydrate

    bases: dict[Any, Json] = {}
    with connection.cursor("items") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        for name, geometry, content in cursor.execute(_ROWS, [collection_id]):
            version = content.pop(BASE, None)
            if version not in bases:
                bases[version] = _base(connection, collection_id, version)
            own = {"type": "Feature", **content, "id": name, "collection": collection_id, "geometry": geometry}
            item: Json = hydrate(bases[version], own)
            # what was published by way of SQL lost this null, which STAC asks for
            yield {**item, "properties": {"datetime": None, **item["properties"]}}


def _base(connection: psycopg.Connection[Any], collection_id: str, version: Any) -> Json:
    (has_versions,) = connection.execute(_HAS_VERSIONS).fetchone() or (False,)
    if has_versions:
        row = connection.execute(_BASE_VERSION, [collection_id, version]).fetchone()
    else:
        row = connection.execute(_BASE, [collection_id]).fetchone()
    base: Json = (row and row[0]) or {}
    return {key: value for key, value in base.items() if value is not None}
