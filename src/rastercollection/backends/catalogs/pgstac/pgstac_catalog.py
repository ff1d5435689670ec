"""A STAC catalog in a PostgreSQL database with pgSTAC, loaded with pypgstac."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

import attrs

from rastercollection.backends.catalogs.pgstac.connection import Database, require_pypgstac
from rastercollection.backends.catalogs.pgstac.loading import (
    Stored,
    load,
    lock_collection,
    lock_partitions,
    look,
    remove,
    remove_items,
)
from rastercollection.backends.catalogs.pgstac.preflight import check_setup
from rastercollection.backends.catalogs.pgstac.queries import read_items, sorts_otherwise
from rastercollection.backends.catalogs.sent_items import check_items, ids_of
from rastercollection.core.guard import Guard
from rastercollection.core.models import Notice
from rastercollection.errors import BackendError
from rastercollection.model.drawing_order import SORTBY
from rastercollection.ports.catalog import Publication, PublishMode, keeps_others

if TYPE_CHECKING:
    import psycopg

__all__ = ["PgstacCatalog"]

Json = dict[str, Any]
T = TypeVar("T")

KIND = "pgstac"
PATIENCE = 60.0

_OTHER_ORDER = Notice(
    code="DATABASE_ORDER",
    message="The database sorts ids by the rules of a language, and items of one moment come in another order than "
    "in the mosaic: where they overlap, its tile server shows another on top. Give the tiles distinct times, or use a "
    "database that was made with LC_COLLATE 'C'.",
)

_SEARCHES = """
    SELECT hash FROM searches
    WHERE metadata->>'type' = 'mosaic' AND search->'collections' = jsonb_build_array(%s::text) ORDER BY hash
"""
_REGISTERED = "SELECT FROM searches WHERE hash = %s"
_SEARCH = "SELECT hash FROM search_query(%s::jsonb, _metadata => %s::jsonb)"


@attrs.frozen
class PgstacCatalog:
    """STAC in a database. Needs the extra ``pgstac``.

    A collection and its items are published in one transaction: readers find the collection as it was until all of
    it is there, and a publication that fails leaves nothing behind. Publishers of one collection wait for each other.
    What fails for a passing reason (a deadlock, a lost connection, a restart) is done again.

    Attributes:
        dsn: The address, ``postgresql://user@host:port/database`` or ``key=value …``. What it leaves out, the password
            among it, libpq takes from its usual places (PGPASSWORD, ~/.pgpass, PGSERVICE …).
        patience: Seconds in which publishing is tried again, and that a lock is waited for.
        guard: Asked before each commit; see :meth:`guarded`.
    """

    dsn: str = attrs.field(repr=False)
    patience: float = PATIENCE
    guard: Guard | None = attrs.field(default=None, kw_only=True, repr=False, eq=False)

    def guarded(self, guard: Guard) -> Self:
        """A copy that asks the guard right before what it has written is committed."""
        return attrs.evolve(self, guard=guard)

    def __attrs_post_init__(self) -> None:
        require_pypgstac()

    @property
    def url(self) -> str:
        """The address without the password."""
        return self._database.public

    def check(self) -> None:
        """Whether the database answers, has PostGIS and a pgSTAC that pypgstac takes, and may be written.

        Raises:
            UnavailableError: It does not answer.
            PermissionDeniedError: It does not let the user in, or write.
            DatabaseNotFoundError, PostgisMissingError, PgstacMissingError, PgstacVersionError: What is not there.
        """
        self._database.run_once(lambda connection: check_setup(connection, self.url), "publish")

    def publish(
        self,
        collection: Mapping[str, Any],
        items: Sequence[Mapping[str, Any]],
        *,
        mode: PublishMode = "upsert",
        confirm: Callable[[], object] | None = None,
    ) -> Publication:
        """Publish a collection with items in one step; see
        :meth:`~rastercollection.ports.catalog.CatalogBackend.publish`.

        What is there is looked at before the transaction is committed: with an item missing, nothing is published.

        Raises:
            CatalogIncompleteError: The database did not store all items.
            ObjectExistsError: With mode ``insert``, naming items that are there.
            BackendError: Two items have one id, something is no JSON, or the database refuses it.
        """
        check_items(ids_of(items), mode, self.url)
        name = str(collection["id"])
        document, documents = _plain(collection, self.url), [_plain(item, self.url) for item in items]

        def work(connection: psycopg.Connection[Any]) -> tuple[Stored, bool]:
            lock_collection(connection, name)
            if confirm is not None:
                confirm()
            lock_partitions(connection, name)
            found = load(connection, document, documents, mode), sorts_otherwise(connection, name)
            self._ask()
            return found

        found, is_other_order = self._database.run(work, f"publish collection {name}")
        return Publication(
            catalog=KIND,
            collection_id=name,
            items=found.items,
            stored=found.sent,
            collection_url="",
            digest=found.digest,
            item_ids=ids_of(items),
            mode=mode,
            notices=(_OTHER_ORDER,) if is_other_order else (),
        )

    def remove_items(self, collection_id: str, item_ids: Sequence[str]) -> None:
        """Remove items of a collection in one step, and nothing else."""

        def work(connection: psycopg.Connection[Any]) -> None:
            remove_items(connection, collection_id, item_ids)
            self._ask()

        self._database.run(work, f"remove items of collection {collection_id}")

    def remove(self, collection_id: str) -> None:
        """Remove a collection, its items and the searches over it alone, in one step; none is left as it is."""

        def work(connection: psycopg.Connection[Any]) -> None:
            remove(connection, collection_id)
            self._ask()

        self._database.run(work, f"remove collection {collection_id}")

    def undisturbed(self, collection_id: str, work: Callable[[Callable[[], object]], T]) -> T:
        """What ``work`` returns, called while nobody publishes to a collection or removes from it."""

        def locked(connection: psycopg.Connection[Any]) -> T:
            lock_collection(connection, collection_id)
            # the lock is the connection's: one that answers holds it
            return work(lambda: connection.execute("SELECT"))

        return self._database.run(locked, f"wait for collection {collection_id}")

    def is_current(self, publication: Publication) -> bool:
        """Whether the items sent are there as they were; after ``replace``, and no others."""
        name, ids = publication.collection_id, publication.item_ids
        found = self._database.run(lambda connection: look(connection, name, ids), f"read collection {name}")
        if found is None or (not keeps_others(publication.mode) and found.items != len(ids)):
            return False
        return (found.sent, found.digest) == (publication.stored, publication.digest)

    def item_ids(self, collection_id: str) -> list[str]:
        """Ids of the items that are there, sorted."""
        query = "SELECT id FROM items WHERE collection = %s ORDER BY id"

        def work(connection: psycopg.Connection[Any]) -> list[str]:
            return [row[0] for row in connection.execute(query, [collection_id])]

        return self._database.run(work, f"read collection {collection_id}")

    def collection(self, collection_id: str) -> Json | None:
        """The collection as it is published now; None where there is none."""
        query = "SELECT content FROM collections WHERE id = %s"

        def work(connection: psycopg.Connection[Any]) -> Json | None:
            row = connection.execute(query, [collection_id]).fetchone()
            return row[0] if row else None

        return self._database.run(work, f"read collection {collection_id}")

    def items(self, collection_id: str) -> Iterator[Json]:
        """The items that are published now, by id; none without such a collection."""

        def work(connection: psycopg.Connection[Any]) -> list[Json]:
            return list(read_items(connection, collection_id))

        return iter(self._database.run(work, f"read collection {collection_id}"))

    def register_search(self, collection_id: str, metadata: Mapping[str, Any], *, without: Sequence[str] = ()) -> str:
        """Register the search for all items of a collection, as tile servers use it, in the order of drawing.

        The same again is the same.

        Args:
            collection_id: The collection; it need not be there yet.
            metadata: Of a mosaic: ``name``, ``bounds``, ``minzoom``, ``maxzoom``, ``assets``, ``defaults``.
            without: Ids of items that it is not to find.

        Returns:
            The id that the database gives it.
        """
        asked = {"collections": [collection_id], "sortby": SORTBY, "filter-lang": "cql2-json"}
        search = json.dumps({**asked, **_leaving_out(without)})
        described = json.dumps(_plain({"type": "mosaic", **metadata}, self.url))

        def work(connection: psycopg.Connection[Any]) -> str:
            row = connection.execute(_SEARCH, [search, described]).fetchone()
            self._ask()
            return str(row[0]) if row else ""

        return self._database.run(work, f"register a search over collection {collection_id}")

    def searches(self, collection_id: str) -> list[str]:
        """Ids of the registered searches over all items of a collection."""

        def work(connection: psycopg.Connection[Any]) -> list[str]:
            return [row[0] for row in connection.execute(_SEARCHES, [collection_id])]

        return self._database.run(work, "look for searches")

    def has_search(self, search_id: str) -> bool:
        """Whether a search that was registered is still there."""

        def work(connection: psycopg.Connection[Any]) -> bool:
            return connection.execute(_REGISTERED, [search_id]).fetchone() is not None

        return self._database.run(work, "look for a search")

    def _ask(self) -> None:
        if self.guard is not None:
            self.guard.check()

    @property
    def _database(self) -> Database:
        return Database(dsn=self.dsn, patience=self.patience)


def _leaving_out(items: Sequence[str]) -> Json:
    """The part of a search by which it does not find these items."""
    if not items:
        return {}
    found = {"op": "in", "args": [{"property": "id"}, sorted(items)]}
    return {"filter": {"op": "not", "args": [found]}}


def _plain(document: Mapping[str, Any], target: str) -> Json:
    """A copy that is JSON through and through."""
    try:
        plain: Json = json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError) as error:
        kind = f"{document.get('type', 'document')} {document.get('id', '')}".strip()
        raise BackendError(f"{kind} cannot be written as JSON: {error}.", "", target) from error
    return plain
