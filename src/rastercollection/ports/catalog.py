"""Where STAC collections and items are published: the protocol of a catalog backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar, get_args, runtime_checkable

import attrs

from rastercollection.core.lease import Mark
from rastercollection.core.models import Notice
from rastercollection.core.offering import Offering

__all__ = [
    "PUBLISH_MODES",
    "CatalogBackend",
    "CatalogFault",
    "CatalogInFiles",
    "Publication",
    "PublishMode",
    "RemovableCatalog",
    "SearchableCatalog",
    "SweepableCatalog",
    "keeps_others",
    "only_adds",
    "takes_any_source",
    "undisturbed",
]


T = TypeVar("T")

PublishMode = Literal["insert", "insert_ignore", "upsert", "delsert", "replace"]
"""What becomes of items that a collection holds already; see :meth:`CatalogBackend.publish`."""

PUBLISH_MODES: tuple[PublishMode, ...] = get_args(PublishMode)


def keeps_others(mode: str) -> bool:
    """Whether items of the collection stay that are not sent."""
    return mode != "replace"


def only_adds(mode: str) -> bool:
    """Whether items that are there are left as they are."""
    return mode in ("insert", "insert_ignore")


def takes_any_source(mode: str) -> bool:
    """Whether tiles take the place of others whatever these were made of."""
    return mode in ("delsert", "replace")


@attrs.frozen(kw_only=True)
class Publication:
    """What a catalog holds after :meth:`CatalogBackend.publish`, read back from it.

    Attributes:
        catalog: Kind of catalog (``static``, ``pgstac``).
        collection_id: The STAC collection.
        items: Items of the collection, counted in the catalog after publishing, whoever published them.
        stored: How many of the items sent are there: equal to what was sent or, with ``insert_ignore``, there before.
        collection_url: Where the collection document is; empty where it has no address.
        digest: Of the items with the ids that were sent, as the catalog holds them: equal items give an equal digest.
        item_ids: Ids of the items sent, in their order.
        mode: The mode of publishing.
        notices: What the user should know: what was left out, or found missing.
    """

    catalog: str
    collection_id: str
    items: int
    stored: int
    collection_url: str
    digest: str
    item_ids: tuple[str, ...] = attrs.field(repr=False)
    mode: PublishMode = "upsert"
    notices: tuple[Notice, ...] = ()


@runtime_checkable
class CatalogBackend(Protocol, metaclass=Offering):
    """Where STAC collections and items are published. Backends pickle."""

    def check(self) -> None:
        """Raise a BackendError now if publishing could not work later (unreachable, wrong version)."""
        ...

    def publish(
        self,
        collection: Mapping[str, Any],
        items: Sequence[Mapping[str, Any]],
        *,
        mode: PublishMode = "upsert",
        confirm: Callable[[], object] | None = None,
    ) -> Publication:
        """Publish a collection with items, in one step: readers see it as it was until all is there.

        The collection's document replaces the one before, whatever the mode. Its other items stay, unless ``mode`` is
        ``replace``. Several publishers may append to one collection at the same time; nothing is lost. Without items,
        just the document is published.

        Args:
            collection: A STAC Collection, without links to its items.
            items: STAC Items of it with different ids, with absolute asset hrefs.
            mode: What becomes of items with these ids that are there already: ``upsert`` replaces them, whatever has
                changed in them, and so does ``delsert``; ``insert_ignore`` leaves them as they are; ``insert`` refuses.
                ``replace``: afterwards the collection holds the items sent and no others.
            confirm: Called when nobody else can publish to the collection, or remove from it, until this has ended, and
                nothing is changed yet: a last look at what items link to. What it raises comes through, and nothing is
                changed. It may be called again where publishing is tried again, and may read the catalog.

        Raises:
            ObjectExistsError: With ``insert``; names the items that are there. Nothing is changed.
            BackendError: Something cannot be stored. Nothing is changed.
        """
        ...

    def collection(self, collection_id: str) -> dict[str, Any] | None:
        """The collection that is published now, with absolute asset hrefs; None where there is none.

        Links to items and to the catalog's own documents may be missing.
        """
        ...

    def items(self, collection_id: str) -> Iterator[dict[str, Any]]:
        """The items that are published now, in the form in which they were sent; none without such a collection.

        Items that other programs added are among them. Links to the catalog's own documents may be.
        """
        ...

    def is_current(self, publication: Publication) -> bool:
        """Whether the catalog still holds what was sent, its content unchanged; after ``replace``, also nothing else.

        Items that others appended in the meantime, and what they made of the collection's document, do not matter.
        """
        ...


CatalogFaultCode = Literal[
    "COLLECTION_UNREADABLE",
    "COLLECTION_NOT_LINKED",
    "PART_MISSING",
    "PART_ALTERED",
    "ITEM_MISSING",
    "ITEM_ALTERED",
    "MIRROR_MISSING",
    "MIRROR_ALTERED",
    "LEFTOVER",
]


@attrs.frozen(kw_only=True)
class CatalogFault:
    """What is wrong with the documents of a published collection.

    Attributes:
        code: The kind.
        what: The item, or the file, by name.
        where: Public address.
        reason: In words.
    """

    code: CatalogFaultCode
    what: str
    where: str
    reason: str


@runtime_checkable
class CatalogInFiles(Protocol, metaclass=Offering):
    """What a catalog can besides, where its documents lie in storage: perhaps beside what jobs write there."""

    def writes(self, url: str, collection_id: str) -> bool:
        """Whether publishing a collection writes, or deletes, an object of this address."""
        ...

    def strangers(self, collection_id: str) -> Sequence[str]:
        """Public addresses of objects that publishing would overwrite or delete, and that no publishing made."""
        ...

    def faults(self, collection_id: str) -> Sequence[CatalogFault]:
        """What is wrong with the documents of a collection, compared with what they say of each other."""
        ...


@runtime_checkable
class SearchableCatalog(Protocol, metaclass=Offering):
    """What a catalog can besides, where a tile server shows the results of searches in it (pgSTAC)."""

    def register_search(self, collection_id: str, metadata: Mapping[str, Any], *, without: Sequence[str] = ()) -> str:
        """Register a search over all items of a collection, those of later publications included.

        Idempotent: the same collection with the same metadata gives the same id.

        Args:
            collection_id: The STAC collection; it need not be there yet.
            metadata: For the tile server: ``name``, ``bounds`` (EPSG:4326), ``minzoom``, ``maxzoom``, ``assets``,
                ``defaults`` (query parameters by name of a render).
            without: Ids of items that it is not to find.

        Returns:
            The id that the catalog gives the search.
        """
        ...

    def searches(self, collection_id: str) -> Sequence[str]:
        """Ids of the registered searches over all items of a collection."""
        ...

    def has_search(self, search_id: str) -> bool:
        """Whether a search that was registered is still there."""
        ...


@runtime_checkable
class RemovableCatalog(Protocol, metaclass=Offering):
    """What a catalog can besides, where items and whole collections can be taken out of it, each in one step."""

    def remove_items(self, collection_id: str, item_ids: Sequence[str]) -> None:
        """Remove items of a collection, and nothing else: others may publish to it meanwhile.

        Ids that it has not are passed over.

        Raises:
            BackendError: They cannot be removed; none is.
        """
        ...

    def remove(self, collection_id: str) -> None:
        """Remove a collection with its items and the searches over them, and nothing else; none is left as it is.

        Waits while somebody publishes to it. Where it fails, it can be called again.

        Raises:
            BackendError: It cannot be removed, or not all of it.
        """
        ...

    def undisturbed(self, collection_id: str, work: Callable[[Callable[[], object]], T]) -> T:
        """What ``work`` returns, called while nobody publishes to a collection or removes from it.

        Args:
            collection_id: The collection; it need not be there.
            work: Given a function that raises once that is no longer so. It may read the catalog, and must not change
                it. It may be called again where the catalog was out of reach in between.

        Raises:
            BackendError: Others have been publishing all the time, or the catalog cannot be asked.
        """
        ...


def undisturbed(catalog: CatalogBackend, collection_id: str, work: Callable[[Callable[[], object]], T]) -> T:
    """See :meth:`RemovableCatalog.undisturbed`; of another catalog, nothing keeps others away."""
    if isinstance(catalog, RemovableCatalog):
        return catalog.undisturbed(collection_id, work)
    return work(lambda: None)


@runtime_checkable
class SweepableCatalog(Protocol, metaclass=Offering):
    """What a catalog can besides, where publishers that die leave temporary files behind."""

    def sweep(self, collection_id: str, is_over: Callable[[Mark], bool]) -> Sequence[str]:
        """Remove what was left of publishing a collection by those of whom ``is_over`` says so; return its names."""
        ...
