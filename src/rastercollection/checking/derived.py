"""Mosaic, overview, preview page and collection, compared with what follows from the items."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from rastercollection.checking.cog_files import ABSENT, file_problem
from rastercollection.checking.report import Finding, FindingCode
from rastercollection.checking.subject import Subject
from rastercollection.core.records import jsonable, multihash
from rastercollection.errors import ObjectNotFoundError, TaskError
from rastercollection.model.request import CollectionRequest
from rastercollection.mosaics.assets import prefix_of
from rastercollection.mosaics.low_zooms import LowZooms, find_low_zooms
from rastercollection.mosaics.mosaicjson import members_digest
from rastercollection.ports.catalog import CatalogInFiles, SearchableCatalog
from rastercollection.stac import terms
from rastercollection.stac.collections import collection_dict
from rastercollection.stac.published import asset_with_role, links_of, published_file
from rastercollection.stac.seal import is_sealed
from rastercollection.stages.asked_looks import asked_looks
from rastercollection.stages.members import mosaic_bytes, mosaic_document
from rastercollection.stages.stac.page_seal import is_sealed_page
from rastercollection.stages.stac.probe import probe

__all__ = ["check_documents"]

_COMPUTED = ("extent", "summaries", "item_assets", "renders", terms.DRAWN_AS, terms.RENDERS)
"""Fields of a collection that follow from its items."""
_MOVED = "it was moved here, and tells of addresses in {}"
_LINKS: Mapping[str, str] = {"preview": "viewer", "tilejson": "tilejson", "xyz": "tiles"}
"""Names of a tile server's addresses by the relations of a collection's links."""


def check_documents(subject: Subject) -> Iterator[Finding]:
    """What is wrong with all but COGs and their thumbnails.

    Raises:
        BackendError: Storage or catalog cannot be asked.
    """
    yield from _of_catalog(subject)
    yield from _of_collection(subject)
    yield from _of_overview(subject)
    request = subject.request
    if request is None:
        reason = "its COGs lie in several folders, or there is none: what its mosaic should be follows from no document"
        yield _found(subject.collection_id, "", reason, code="CHECK_UNASKED")
        return
    yield from _of_mosaic(subject, request)
    yield from _of_page(subject)
    yield from _of_map(subject)


def _found(what: str, where: str, reason: str, *, code: FindingCode) -> Finding:
    return Finding(code=code, what=what, where=where, reason=reason)


def _of_catalog(subject: Subject) -> Iterator[Finding]:
    catalog, name = subject.catalog, subject.collection_id
    if isinstance(catalog, CatalogInFiles):
        for fault in catalog.faults(name):
            yield _found(fault.what, fault.where, fault.reason, code=fault.code)
    if isinstance(catalog, SearchableCatalog) and not catalog.searches(name):
        yield _found(name, "", "no search over it is registered: its share_url leads nowhere", code="SEARCH_MISSING")


def _of_collection(subject: Subject) -> Iterator[Finding]:
    document, members = subject.document, subject.members
    if not is_sealed(document):
        before = _place_before(subject)
        as_then = None if before is None else _elsewhere(document, subject.folder, before)
        is_moved = as_then is not None and is_sealed(as_then)
        reason = _MOVED.format(before) if is_moved else "its document is not as this library wrote it"
        yield _found(subject.collection_id, "", reason, code="COLLECTION_ALTERED")
    request, files = subject.request, [cog.file for cog in members.cogs]
    if request is None or not files:
        return
    asked = asked_looks(request, members, subject.resources)
    for notice in asked.notices:
        if notice.code == "RENDER_UNKNOWN":
            yield _found(subject.collection_id, "", notice.message, code="CHECK_UNASKED")
    meant = jsonable(collection_dict(request, subject.items, looks=asked.looks))
    different = [name for name in _COMPUTED if _plain(meant.get(name)) != _plain(document.get(name))]
    if different:
        reason = f"its {', '.join(different)} are not those of its items"
        yield _found(subject.collection_id, "", reason, code="COLLECTION_OUTDATED")


def _place_before(subject: Subject) -> str | None:
    """The folder that the mosaic leads to, with a slash at its end, where the COGs lie in another one now."""
    asset = asset_with_role(subject.document, terms.MOSAIC)
    if asset is None or subject.folder is None:
        return None
    try:
        before = prefix_of(json.loads(subject.storage.read(str(asset.get("href")))))
    except (ObjectNotFoundError, ValueError, AttributeError):  # which is told of by itself
        return None
    return before if before and before != f"{subject.folder}/" else None


def _elsewhere(document: Mapping[str, Any], folder: str | None, before: str) -> dict[str, Any]:
    """A document with the addresses that its assets had when what lies in a folder lay in another one."""
    now = f"{folder}/"
    assets = {key: {**asset, "href": _moved(str(asset.get("href")), now, before)} for key, asset in _assets(document)}
    return {**document, "assets": assets}


def _moved(href: str, now: str, before: str) -> str:
    return before + href.removeprefix(now) if href.startswith(now) else href


def _assets(document: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return (document.get("assets") or {}).items()


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _of_mosaic(subject: Subject, request: CollectionRequest) -> Iterator[Finding]:
    asset, members = asset_with_role(subject.document, terms.MOSAIC), subject.members
    if asset is None:
        return
    href = str(asset.get("href"))
    try:
        data = subject.storage.read(href)
    except ObjectNotFoundError:
        yield _found("mosaic", href, ABSENT, code="MOSAIC_MISSING")
        return
    try:
        meant = mosaic_document(members, members.cogs, request)[0]
    except TaskError as error:
        yield _found("mosaic", href, error.message, code="CHECK_UNASKED")
        return
    if data != mosaic_bytes(meant):
        yield _found("mosaic", href, _how(data, meant), code="MOSAIC_WRONG")
    elif asset.get(terms.CHECKSUM) != multihash(data):
        yield _found(subject.collection_id, "", "it tells of another mosaic than there is", code="COLLECTION_OUTDATED")


def _how(data: bytes, meant: Mapping[str, Any]) -> str:
    try:
        found = json.loads(data)
        names = [name for name in {**meant, **found} if _plain(meant.get(name)) != found.get(name)]
    except (ValueError, TypeError):
        return "it is no MosaicJSON"
    if names == ["asset_prefix"] and found["asset_prefix"]:
        return _MOVED.format(found["asset_prefix"])
    return f"its {', '.join(sorted(names)) or 'bytes'} are not those that follow from the items"


def _of_overview(subject: Subject) -> Iterator[Finding]:
    document, members = subject.document, subject.members
    asset = asset_with_role(document, terms.OVERVIEW)
    if asset is None:
        is_meant = subject.has_overview or bool(subject.known and subject.known.create_overview)
        low = find_low_zooms([cog.file for cog in members.combined]) if is_meant and members.cogs else ""
        if isinstance(low, LowZooms) and asset_with_role(document, terms.MOSAIC) is not None:
            yield _found("overview", "", "the collection needs one, and has none", code="OVERVIEW_MISSING")
        return
    for role in (terms.OVERVIEW, terms.THUMBNAIL):
        file = published_file(document, role)
        reason = file_problem(subject, file.href, file.size, file.checksum) if file is not None else ""
        if file is not None and reason:
            code: FindingCode = "OVERVIEW_MISSING" if reason == ABSENT else "OVERVIEW_DAMAGED"
            yield _found(role, file.href, reason, code=code)
    told = asset.get(terms.MEMBERS)
    if asset.get(terms.OUTDATED) or (told and told not in _digests(subject)):
        yield _found("overview", str(asset.get("href")), "it does not show all items", code="OVERVIEW_OUTDATED")


def _digests(subject: Subject) -> Iterator[str]:
    """Of the COGs where they are, and where they were before they were moved."""
    cogs = subject.members.cogs
    yield members_digest(cogs)
    before = _place_before(subject)
    if before is not None:
        now = f"{subject.folder}/"
        hrefs = (_moved(cog.file.href, now, before) for cog in cogs)
        yield members_digest(
            [attrs.evolve(cog, file=attrs.evolve(cog.file, href=href)) for cog, href in zip(cogs, hrefs, strict=True)]
        )


def _of_page(subject: Subject) -> Iterator[Finding]:
    url = subject.page
    if url is None:
        return
    where = subject.storage.public_url(url)
    try:
        page = subject.storage.read(url)
    except ObjectNotFoundError:
        yield _found("preview page", where, ABSENT, code="PREVIEW_MISSING")
        return
    if not is_sealed_page(page, str(subject.document.get(terms.DIGEST, ""))):
        yield _found("preview page", where, "it is not the one of this collection, as it is now", code="PREVIEW_WRONG")


def _of_map(subject: Subject) -> Iterator[Finding]:
    """Whether the tile server that is to be asked shows the collection at the addresses in its document."""
    if subject.titiler_url is None:
        return
    found = {name: link["href"] for rel, name in _LINKS.items() for link in links_of(subject.document, rel)}
    links = {name: href for name, href in found.items() if href.startswith(subject.titiler_url.rstrip("/") + "/")}
    if not {"tilejson", "tiles"} <= links.keys():
        yield _found(
            subject.collection_id, subject.titiler_url, "its document names no such server", code="MAP_NOT_SERVED"
        )
        return
    cogs = subject.members.combined
    zooms = (min(cog.file.minzoom for cog in cogs), max(cog.file.maxzoom for cog in cogs)) if cogs else (0, 24)
    render = (subject.document.get("renders") or {}).get(terms.VISUAL, {})
    readiness = probe(links, zooms, cogs, render)
    if not readiness.ready:
        yield _found(subject.collection_id, subject.titiler_url, readiness.reason, code="MAP_NOT_SERVED")
