"""A STAC catalog in a PostgreSQL database with pgSTAC, loaded with pypgstac."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.backends.catalogs.pgstac.connection import Database, require_pypgstac
from rastercollection.backends.catalogs.pgstac.loading import Stored, load, lock_collection, stored
from rastercollection.backends.catalogs.pgstac.preflight import check_setup
from rastercollection.errors import BackendError
from rastercollection.protocols import Publication
from rastercollection.records import digest

if TYPE_CHECKING:
    import psycopg

__all__ = ["PgstacCatalog"]

Json = dict[str, Any]

KIND = "pgstac"
PATIENCE = 60.0
ROWS_AT_ONCE = 500

_ITEMS = "SELECT content_hydrate(i) FROM items i WHERE collection = %s ORDER BY id"
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
    """

    dsn: str = attrs.field(repr=False)
    patience: float = PATIENCE

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
        self, collection: Mapping[str, Any], items: Sequence[Mapping[str, Any]], *, mode: str = "upsert"
    ) -> Publication:
        """Publish a collection with items, in one transaction, and count what is there before it is committed.

        Args:
            collection: A STAC Collection.
            items: Its STAC Items, with absolute asset hrefs.
            mode: ``insert``, ``insert_ignore``, ``upsert``, ``delsert`` or ``replace``.

        Raises:
            CatalogIncompleteError: The database did not store all items.
            ObjectExistsError: ``insert``, and an item is there already.
            BackendError: Two items have one id, something is no JSON, or the database refuses it.
        """
        name = str(collection["id"])
        twice = [key for key, times in Counter(item["id"] for item in items).items() if times > 1]
        if twice:
            raise BackendError(f"Several items have the id {twice[0]!r}.", "Ids are unique in a collection.", self.url)
        document, documents = _plain(collection, self.url), [_plain(item, self.url) for item in items]

        def work(connection: psycopg.Connection[Any]) -> tuple[int, Stored | None]:
            lock_collection(connection, name)
            return load(connection, document, documents, mode), stored(connection, name)

        present, found = self._database.run(work, f"publish collection {name}")
        found = found or Stored(0, "")
        return Publication(
            catalog=KIND,
            collection_id=name,
            items=found.items,
            stored=present,
            collection_url="",
            digest=_digest(name, found),
        )

    def is_current(self, publication: Publication) -> bool:
        """Whether the database holds this collection with exactly the items that were there after publishing."""
        name = publication.collection_id
        found = self._database.run(lambda connection: stored(connection, name), f"read collection {name}")
        return found is not None and (found.items, _digest(name, found)) == (publication.items, publication.digest)

    def item_ids(self, collection_id: str) -> list[str]:
        """Ids of the items that are there, sorted."""
        query = "SELECT id FROM items WHERE collection = %s ORDER BY id"

        def work(connection: psycopg.Connection[Any]) -> list[str]:
            return [row[0] for row in connection.execute(query, [collection_id])]

        return self._database.run(work, f"read collection {collection_id}")

    def items(self, collection_id: str) -> Iterator[Json]:
        """The items that are published now, by id; none without such a collection."""

        def work(connection: psycopg.Connection[Any]) -> list[Json]:
            with connection.cursor("items") as cursor:
                cursor.itersize = ROWS_AT_ONCE
                return [row[0] for row in cursor.execute(_ITEMS, [collection_id])]

        return iter(self._database.run(work, f"read collection {collection_id}"))

    def register_search(self, collection_id: str, metadata: Mapping[str, Any]) -> str:
        """Register the search for all items of a collection, as tile servers use it; the same again is the same.

        Args:
            collection_id: The collection; it need not be there yet.
            metadata: Of a mosaic: ``name``, ``bounds``, ``minzoom``, ``maxzoom``, ``assets``, ``defaults``.

        Returns:
            The id that the database gives it.
        """
        search = json.dumps({"collections": [collection_id], "filter-lang": "cql2-json"})
        described = json.dumps(_plain({"type": "mosaic", **metadata}, self.url))

        def work(connection: psycopg.Connection[Any]) -> str:
            row = connection.execute(_SEARCH, [search, described]).fetchone()
            return str(row[0]) if row else ""

        return self._database.run(work, f"register a search over collection {collection_id}")

    @property
    def _database(self) -> Database:
        return Database(dsn=self.dsn, patience=self.patience)


def _digest(collection_id: str, found: Stored) -> str:
    return digest([collection_id, found.digest])


def _plain(document: Mapping[str, Any], target: str) -> Json:
    """A copy that is JSON through and through."""
    try:
        plain: Json = json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError) as error:
        kind = f"{document.get('type', 'document')} {document.get('id', '')}".strip()
        raise BackendError(f"{kind} cannot be written as JSON: {error}.", "", target) from error
    return plain
