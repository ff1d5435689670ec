"""Loading a collection with its items through pypgstac, all of it within one transaction."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.backends.catalogs.sent_items import refuse_existing
from rastercollection.errors import CatalogIncompleteError
from rastercollection.ports.catalog import keeps_others, only_adds

if TYPE_CHECKING:
    import psycopg

__all__ = ["Stored", "load", "lock_collection", "lock_partitions", "look", "remove", "remove_items"]


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('rastercollection:' || %s, 0))"
_HAS_PARTITION = """
    SELECT partition_trunc IS NULL AND to_regclass('pgstac._items_' || key) IS NOT NULL FROM collections WHERE id = %s
"""
_KNOWN = "SELECT id FROM items WHERE collection = %s AND id = ANY(%s)"
_DELETE = "DELETE FROM items WHERE collection = %s AND id = ANY(%s)"
_DELETE_OTHERS = """
    DELETE FROM items i
    WHERE i.collection = %s AND NOT EXISTS (SELECT FROM unnest(%s::text[]) sent WHERE sent = i.id)
"""
_DELETE_SEARCHES = "DELETE FROM searches WHERE search->'collections' = jsonb_build_array(%s::text)"
# each names the collection itself: a join would lock all other collections' partitions, too, and end in deadlocks
_COUNT = "SELECT count(*) FROM items WHERE collection = %s"
_CONTENT = """
    SELECT count(*),
           encode(sha256(convert_to(coalesce(string_agg(item, '' ORDER BY id), ''), 'UTF8')), 'hex')
    FROM (
        SELECT id, md5(concat_ws('|', id, datetime, end_datetime, encode(ST_AsEWKB(geometry), 'hex'),
                                 content - 'pgstac:base_item')) AS item
        FROM items WHERE collection = %s AND id = ANY(%s)
    ) sent
"""


@attrs.frozen(kw_only=True)
class Stored:
    """What the database holds of a collection.

    Attributes:
        items: Number of its items.
        sent: How many of certain items are among them.
        digest: Of those, whatever is in them.
    """

    items: int
    sent: int
    digest: str


def lock_collection(connection: psycopg.Connection[Any], collection_id: str) -> None:
    """Wait until no other publisher works on this collection; held to the end of the transaction."""
    connection.execute(_LOCK, [collection_id])


def lock_partitions(connection: psycopg.Connection[Any], collection_id: str) -> None:
    """Where a partition will have to be made, keep all others from writing to any collection.

    PostgreSQL then locks all collections, and of two publishers that have each written one, neither could. Reading goes
    on. Held to the end of the transaction.
    """
    row = connection.execute(_HAS_PARTITION, [collection_id]).fetchone()
    if not (row and row[0]):
        connection.execute("LOCK TABLE collections IN SHARE ROW EXCLUSIVE MODE")


def load(
    connection: psycopg.Connection[Any], collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]], mode: str
) -> Stored:
    """Store a collection and items, in the transaction that is open, and look what is there then.

    Raises:
        ObjectExistsError: ``insert``, and an item is there already.
        CatalogIncompleteError: Items are missing afterwards.
    """
    from pypgstac.load import Methods

    name, ids = str(collection["id"]), [str(item["id"]) for item in items]
    chosen = _not_stored(connection, name, items, mode) if only_adds(mode) else items
    loader = _loader(connection)
    loader.load_collections(iter([collection]), Methods.upsert)
    if chosen:
        method = _make_way(connection, name, ids, mode)
        loader.load_items(iter(chosen), method, chunksize=len(chosen))
    if not keeps_others(mode):
        connection.execute(_DELETE_OTHERS, [name, ids])
    found = look(connection, name, ids)
    if found is None or found.sent < len(ids):
        missing = sorted(set(ids) - _known(connection, name, ids))
        raise CatalogIncompleteError(
            f"Of {len(ids)} items of collection {name}, the database stored {len(ids) - len(missing)}; missing: "
            f"{', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}. Nothing was published."
        )
    return found


def look(connection: psycopg.Connection[Any], collection_id: str, ids: Sequence[str]) -> Stored | None:
    """What the database holds of a collection and of the items with certain ids; None without such a collection."""
    if connection.execute("SELECT FROM collections WHERE id = %s", [collection_id]).fetchone() is None:
        return None
    (items,) = connection.execute(_COUNT, [collection_id]).fetchone() or (0,)
    sent, content = connection.execute(_CONTENT, [collection_id, list(ids)]).fetchone() or (0, "")
    return Stored(items=items, sent=sent, digest=content)


def remove_items(connection: psycopg.Connection[Any], collection_id: str, ids: Sequence[str]) -> None:
    """Delete these items of a collection, in the transaction that is open."""
    lock_collection(connection, collection_id)
    connection.execute(_DELETE, [collection_id, list(ids)])


def remove(connection: psycopg.Connection[Any], collection_id: str) -> None:
    """Delete a collection, its items and the searches over it alone, in the transaction that is open."""
    lock_collection(connection, collection_id)
    # its partitions are dropped, for which PostgreSQL locks what all collections share
    connection.execute("LOCK TABLE collections IN SHARE ROW EXCLUSIVE MODE")
    connection.execute(_DELETE_SEARCHES, [collection_id])
    connection.execute(_DELETE_OTHERS, [collection_id, []])
    connection.execute("DELETE FROM collections WHERE id = %s", [collection_id])


def _known(connection: psycopg.Connection[Any], collection_id: str, ids: Sequence[str]) -> set[str]:
    return {row[0] for row in connection.execute(_KNOWN, [collection_id, list(ids)])}


def _not_stored(
    connection: psycopg.Connection[Any], name: str, items: Sequence[Mapping[str, Any]], mode: str
) -> list[Mapping[str, Any]]:
    # ids are unique in a partition only, so a collection that is partitioned by time could get an item twice;
    # locks go with the savepoint: whoever reads items first and makes a partition then deadlocks with its like
    with connection.transaction(force_rollback=True):
        known = _known(connection, name, [item["id"] for item in items])
    if mode == "insert":
        refuse_existing([str(item["id"]) for item in items], known, name)
    return [item for item in items if item["id"] not in known]


def _make_way(connection: psycopg.Connection[Any], name: str, ids: Sequence[str], mode: str) -> Any:
    """pypgstac's way of loading, once what is in the way of the items is gone.

    pypgstac's own ``delsert`` loses items that did not change (0.9), and its ``upsert`` keeps both where a changed time
    leads to another partition.
    """
    from pypgstac.load import Methods

    if only_adds(mode):
        return Methods(mode)
    row = connection.execute("SELECT partition_trunc FROM collections WHERE id = %s", [name]).fetchone()
    if mode != "delsert" and not (row and row[0]):
        return Methods.upsert
    connection.execute(_DELETE, [name, list(ids)])
    return Methods.insert


class _NoPool:
    """Stands where PgstacDB would make a pool of connections of its own."""

    def check(self) -> None: ...


def _loader(connection: psycopg.Connection[Any]) -> Any:
    from pypgstac.db import PgstacDB
    from pypgstac.load import Loader

    pool: Any = _NoPool()
    database: Any = PgstacDB(connection=connection, pool=pool)
    loader: Any = Loader(database)
    # without pypgstac's own retries, of minutes: the transaction is tried again as a whole
    loader.load_partition = functools.partial(Loader.load_partition.__wrapped__, loader)
    return loader
