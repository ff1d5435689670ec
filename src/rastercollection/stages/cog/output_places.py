"""Where a job writes: looked at before any work, so that nothing of others is overwritten, and reserved.

What is a collection's is told by documents at the place itself, which every machine and every job store meets. Two
jobs that want the same names at the same time both write what they reserve, and then look at what others have: at
least one of them is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor

import attrs

from rastercollection.disclosure.listing import listed
from rastercollection.errors import ObjectNotFoundError, RasterCollectionError, RequestProblem
from rastercollection.model.names import folded
from rastercollection.model.reservation import SUFFIX, Reservation
from rastercollection.ports.addresses import join, public_form, relative
from rastercollection.ports.storage import ObjectInfo, StorageBackend

__all__ = ["Found", "OutputPlace"]

_AT_ONCE = 8


@attrs.frozen(kw_only=True)
class _Document:
    """A document of reservations, as it is at the place; None where it cannot be understood."""

    info: ObjectInfo
    name: str
    data: bytes
    reservation: Reservation | None


@attrs.frozen(kw_only=True)
class Content:
    """What is at a place: the other files by the form in which names are compared, and what is reserved."""

    files: Mapping[str, ObjectInfo]
    documents: Sequence[_Document]

    def of(self, collection: str) -> list[_Document]:
        """The documents of a collection."""
        return [one for one in self.documents if one.reservation and one.reservation.collection == collection]


@attrs.frozen(kw_only=True)
class Found:
    """What is at a place, and what speaks against writing there.

    Attributes:
        content: All that is there.
        taken: Names that are there and not this collection's, or another's to be; by whom they are held.
        stems: Beginnings of the names of COGs of this collection that are reserved for other sources than the job's.
    """

    content: Content
    taken: tuple[RequestProblem, ...]
    stems: tuple[str, ...]

    @property
    def is_refused(self) -> bool:
        """Whether anything does."""
        return bool(self.taken or self.stems)


@attrs.frozen(kw_only=True)
class OutputPlace:
    """A folder that a job writes into.

    Attributes:
        storage: Where it is.
        container, folder: Its address; the folder may be empty.
        wanted: The names that the job writes there.
        parameter: Of the request, that says where the folder is.
        published: Public addresses that the collection links to: what is there is its own.
        written: Tells the versions of what an earlier run of the job has written, by address: that is its own, too.
        is_replacing: Tiles may take the place of those that were made of other sources.
        job_id: The job.
    """

    storage: StorageBackend
    container: str
    folder: str
    wanted: Reservation
    parameter: str
    published: Set[str]
    written: Callable[[], Mapping[str, str]]
    is_replacing: bool
    job_id: str

    @property
    def _url(self) -> str:
        return join(self.container, self.folder)

    @property
    def _document_name(self) -> str:
        return f"{self.wanted.collection}-{self.job_id[:12]}{SUFFIX}"

    def look(self) -> Found:
        """What is at the place now, judged."""
        return self._judged(self._content(), frozenset())

    def reserve(self, found: Found) -> Found:
        """Reserve the names, where nothing in ``found`` speaks against it; what then speaks against it is returned.

        Where anything does, the place is left as it was.
        """
        own = found.content.of(self.wanted.collection)
        known = [one.reservation for one in own if one.reservation]
        if found.is_refused or any(one.holds(self.wanted) for one in known):
            return found
        self.storage.write(join(self._url, self._document_name), self.wanted.over(known).document())
        after = self._judged(self._content(), frozenset({self._document_name, *(one.name for one in own)}))
        if after.is_refused:
            self.release(found)
        else:
            self._merge(own, after.content)
        return after

    def release(self, before: Found) -> None:
        """Leave the collection's documents as they were before :meth:`reserve`."""
        own = before.content.of(self.wanted.collection)
        for one in own:
            self.storage.write(one.info.url, one.data)
        if self._document_name not in {one.name for one in own}:
            self.storage.delete(join(self._url, self._document_name))

    def _judged(self, content: Content, seen: Set[str]) -> Found:
        """Content with what speaks against writing there; documents in ``seen`` may name what sources they will."""
        return Found(content=content, taken=self._taken(content), stems=self._of_other_sources(content, seen))

    def _merge(self, own: Sequence[_Document], now: Content) -> None:
        """Delete earlier documents of the collection, all of whose names are in the new one by now."""
        unchanged = {(one.name, one.data) for one in now.documents}
        for one in own:
            if one.name != self._document_name and (one.name, one.data) in unchanged:
                self.storage.delete(one.info.url)

    def _content(self) -> Content:
        try:
            found = {relative(self._url, info.url): info for info in self.storage.list(self._url, deep=False)}
        except ObjectNotFoundError:
            found = {}
        documents = [(name, info) for name, info in found.items() if name.endswith(SUFFIX)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            read = [one for one in pool.map(lambda each: self._read(*each), documents) if one is not None]
        files = {folded(name): info for name, info in found.items() if not name.endswith(SUFFIX)}
        return Content(files=files, documents=read)

    def _read(self, name: str, info: ObjectInfo) -> _Document | None:
        """None where it has gone in the meantime."""
        try:
            data = self.storage.read(info.url)
        except ObjectNotFoundError:
            return None
        try:
            return _Document(info=info, name=name, data=data, reservation=Reservation.read(data))
        except (ValueError, RasterCollectionError):
            # one of this collection, as its name says, that was cut short keeps nothing from it
            own = Reservation(collection=self.wanted.collection) if self._is_own(name) else None
            return _Document(info=info, name=name, data=data, reservation=own)

    def _is_own(self, document: str) -> bool:
        """Whether a document's name is that of one of this collection."""
        return (
            re.fullmatch(rf"{re.escape(self.wanted.collection)}-[0-9a-f]{{12}}{re.escape(SUFFIX)}", document)
            is not None
        )

    def _taken(self, content: Content) -> tuple[RequestProblem, ...]:
        found = [*map(self._of_another, content.documents), self._of_somebody(content)]
        return tuple(problem for problem in found if problem is not None)

    def _of_another(self, document: _Document) -> RequestProblem | None:
        """The names that a document keeps for another collection; all, where it cannot be understood."""
        theirs, place = document.reservation, public_form(self._url)
        if theirs is None:
            return self._problem(f"{place}/{document.name} cannot be read: it may keep names for another collection")
        if theirs.collection == self.wanted.collection:
            return None
        names = [name for key, name in self.wanted.names().items() if key in theirs.names()]
        if not names:
            return None
        return self._problem(
            f"{len(names)} names in {place} belong to collection {theirs.collection!r}, as {document.name} there says "
            f"({listed(names)})"
        )

    def _of_somebody(self, content: Content) -> RequestProblem | None:
        """Files that are there and that nobody has reserved, and the collection does not link to."""
        kept = {key for one in content.documents if one.reservation for key in one.reservation.names()}
        there = {key: content.files[key] for key in self.wanted.names() if key in content.files and key not in kept}
        strange = [relative(self._url, info.url) for info in there.values() if not self._is_own_file(info)]
        if not strange:
            return None
        return self._problem(
            f"{len(strange)} files in {public_form(self._url)} would be overwritten, and collection "
            f"{self.wanted.collection!r} did not make them ({listed(strange)}): move them away",
            " or",
        )

    def _is_own_file(self, info: ObjectInfo) -> bool:
        """Whether the collection links to it, or the job has written it."""
        return self._is_published(relative(self._url, info.url)) or self.written().get(info.url) == info.version

    def _is_published(self, name: str) -> bool:
        """Whether the collection links to it; page and mosaic are its own where it links to anything in the folder."""
        if self.storage.public_url(join(self._url, name)) in self.published:
            return True
        here = f"{self.storage.public_url(self._url)}/"
        return name in self.wanted.documents and any(address.startswith(here) for address in self.published)

    def _problem(self, what: str, link: str = ":") -> RequestProblem:
        folder = repr(self.folder) if self.folder else "nothing"
        value = folder if self.parameter == "output_folder" else repr(public_form(self.container))
        return RequestProblem(self.parameter, value, f"{what}{link} set another {self.parameter}")

    def _of_other_sources(self, content: Content, seen: Set[str]) -> tuple[str, ...]:
        if self.is_replacing:
            return ()
        known: dict[str, set[str]] = {}
        for one in content.of(self.wanted.collection):
            for stem, mark in one.reservation.tiles.items() if one.reservation and one.name not in seen else ():
                known.setdefault(folded(stem), set()).add(mark)
        marks = ((stem, mark, known.get(folded(stem))) for stem, mark in self.wanted.tiles.items())
        return tuple(stem for stem, mark, others in marks if others and mark not in others)
