"""Files where a collection's are, under names that are its own, that nothing links to."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rastercollection.backends.catalogs.static.stored import read_bytes
from rastercollection.checking.report import Finding
from rastercollection.checking.subject import Subject
from rastercollection.core.temporaries import is_part, sweep
from rastercollection.errors import BackendError, ObjectNotFoundError
from rastercollection.model.names import folded, is_overview_name
from rastercollection.model.reservation import SUFFIX, reservation_in
from rastercollection.ports.addresses import is_local, join, local_path, relative
from rastercollection.ports.catalog import undisturbed
from rastercollection.ports.storage import ObjectInfo
from rastercollection.stac.published import asset_hrefs

__all__ = ["delete_leftovers", "find_leftovers"]

_SPARED = dt.timedelta(days=1)
"""A file that is younger may be that of a job that has not come to publish it."""


def find_leftovers(subject: Subject) -> Iterator[Finding]:
    """All that can be told.

    Raises:
        BackendError: The store cannot be asked.
    """
    for name, info in _unlinked(subject):
        reason = "it has a name of the collection's, and no item links to it"
        yield Finding(code="LEFTOVER", what=name, where=subject.storage.public_url(info.url), reason=reason)
    folder = subject.folder
    for path in _parts(folder) if folder else ():
        yield Finding(code="LEFTOVER", what=path.name, where=str(path), reason="it was not finished")


def delete_leftovers(subject: Subject) -> None:
    """Delete those that are a day old, and temporary files whose owners are gone.

    Meanwhile nobody publishes: a job may have found files of its own here, and be about to link to them.
    """

    def delete(check: Callable[[], object]) -> None:
        now = subject.again()
        for _, info in _unlinked(now) if now is not None else ():
            if _is_old(info):
                check()
                with contextlib.suppress(BackendError):
                    subject.storage.delete(info.url)

    if any(_is_old(info) for _, info in _unlinked(subject)):
        undisturbed(subject.catalog, subject.collection_id, delete)
    if subject.folder and is_local(subject.folder):
        sweep(local_path(subject.folder), lambda mark: mark.owner.is_dead)


def _unlinked(subject: Subject) -> Iterator[tuple[str, ObjectInfo]]:
    folder, request = subject.folder, subject.request
    if folder is None or request is None:
        return
    found = {relative(folder, info.url): info for info in _listed(subject, folder)}
    linked = {href for item in subject.items for href in asset_hrefs(item)} | set(asset_hrefs(subject.document))
    own = _reserved(subject, found)
    for name, info in found.items():
        is_own = folded(name) in own or is_overview_name(name, request.collection_id)
        if is_own and subject.storage.public_url(join(folder, name)) not in linked:
            yield name, info


def _listed(subject: Subject, folder: str) -> Iterator[ObjectInfo]:
    with contextlib.suppress(ObjectNotFoundError):
        yield from (info for info in subject.storage.list(folder, deep=False) if not info.is_folder)


def _reserved(subject: Subject, found: Mapping[str, ObjectInfo]) -> set[str]:
    """Names of COGs and thumbnails that documents there keep for this collection."""
    names: set[str] = set()
    for name, info in found.items():
        if not name.endswith(SUFFIX):
            continue
        reservation = reservation_in(read_bytes(subject.storage, info.url))
        if reservation is not None and reservation.collection == subject.collection_id:
            names |= reservation.names().keys() - {folded(each) for each in reservation.documents}
    return names


def _is_old(info: ObjectInfo) -> bool:
    """Never where the store does not tell."""
    try:
        return dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(info.modified) > _SPARED
    except (ValueError, TypeError):
        return False


def _parts(folder: str) -> Iterator[Path]:
    if is_local(folder):
        with contextlib.suppress(OSError):
            yield from (Path(entry.path) for entry in os.scandir(local_path(folder)) if is_part(entry.name))
