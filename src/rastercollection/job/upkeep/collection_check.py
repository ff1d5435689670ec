"""From the address of a published collection to what it takes to look at it."""

from __future__ import annotations

import attrs

from rastercollection.checking.looking import CollectionCheck
from rastercollection.checking.report import CollectionReport
from rastercollection.checking.subject import Subject
from rastercollection.job.collection_jobs import command_of, requests_of, run_again
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import open_storage
from rastercollection.job.upkeep.collection_access import found_collection
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.rasters.limits import Limits
from rastercollection.stages.resources import Resources

__all__ = ["check_published"]


def check_published(
    collection: str, collection_id: str | None, options: RuntimeOptions, *, fix: bool, titiler_url: str | None
) -> CollectionReport:
    """Look at a collection, and mend it if that is asked for.

    Args:
        collection: Address of its document, of its catalog, or of a pgSTAC database.
        collection_id: Its id in the catalog; needed of a database, and of a catalog of several collections.
        options: Storage, job store, and how closely to look.
        fix: Mend what can be mended.
        titiler_url: Of the tile server that is to show it.

    Raises:
        RequestError: It is not told which collection is meant.
        RasterCollectionError: It is not there, or cannot be asked.
    """
    storage = open_storage(options, [collection])
    catalog, name, where = found_collection(collection, collection_id, storage)
    options = attrs.evolve(options, catalog=catalog, storage=storage)
    resources = Resources(
        storage=storage, catalog=catalog, limits=Limits(scratch=options.scratch), verify=options.verify
    )
    first = Subject.read(resources, name, None, titiler_url)
    known = requests_of(name, first.folder if first else None, options)
    latest = known[0] if known else None
    check = CollectionCheck(
        resources=resources,
        collection_id=name,
        where=where,
        read=lambda: Subject.read(resources, name, latest, titiler_url),
        again=_again(name, latest, catalog),
        run_again=(lambda: run_again(known, options)) if known else None,
    )
    report = check.look()
    return check.fix(report) if fix and report.findings else report


def _again(name: str, request: CollectionRequest | None, catalog: CatalogBackend) -> str:
    if request is not None:
        return f"Run its job again: {command_of(request, str(getattr(catalog, 'url', '')))}"
    return (
        "Run the job again that made it, where its sources are: rastercollection run FOLDER --id "
        f"{name} --output OUT --verify checksum."
    )
