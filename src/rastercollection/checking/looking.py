"""Looking at a published collection, and mending it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from rastercollection.checking.cog_files import check_cogs
from rastercollection.checking.derived import check_documents
from rastercollection.checking.mending import mend, why_not
from rastercollection.checking.report import CollectionReport, Finding
from rastercollection.checking.subject import Subject
from rastercollection.checking.unlinked import find_leftovers
from rastercollection.errors import RasterCollectionError
from rastercollection.ports.catalog import CatalogFault, CatalogInFiles
from rastercollection.stages.resources import Resources

__all__ = ["CollectionCheck"]

_FROM_SOURCES = ("COG_", "THUMBNAIL_", "ITEM_", "COLLECTION_MISSING", "COLLECTION_UNREADABLE")
"""What codes begin with of what is made of sources."""


@attrs.frozen(kw_only=True)
class CollectionCheck:
    """What it takes to look at a collection.

    Attributes:
        resources: With storage and catalog.
        collection_id: Its id in the catalog.
        where: Public address of the collection, or of its catalog.
        read: Reads the collection as it is now; None where there is none that can be read.
        again: How to make of its sources what is missing, in words.
        run_again: Does that; None where no job of the collection is known.
    """

    resources: Resources
    collection_id: str
    where: str
    read: Callable[[], Subject | None]
    again: str
    run_again: Callable[[], None] | None = None

    def look(self) -> CollectionReport:
        """What is wrong with the collection; nothing is changed.

        Raises:
            BackendError: The catalog cannot be asked.
        """
        subject = self.read()
        findings = list(self._unreadable()) if subject is None else [*self._findings(subject)]
        return CollectionReport(
            collection_id=self.collection_id,
            where=self.where,
            items=len(subject.items) if subject else 0,
            cogs=len(subject.members.kept) if subject else 0,
            verify=self.resources.verify,
            findings=tuple(findings),
        )

    def fix(self, before: CollectionReport) -> CollectionReport:
        """Mend what can be mended; what was found before is in the report, too.

        Raises:
            RasterCollectionError: Mending fails.
        """
        if self.run_again is not None and any(map(_is_of_sources, before.findings)):
            self.run_again()
        between = self.look()
        subject = self.read()
        if subject is not None and _can_be_mended(between) and not why_not(subject):
            mend(subject)
            between = self.look()
        left = {(finding.code, finding.what) for finding in between.findings}
        gone = [each for each in before.findings if (each.code, each.what) not in left]
        mended = (attrs.evolve(finding, remedy="", is_mended=True) for finding in gone)
        return attrs.evolve(between, findings=(*mended, *between.findings))

    def _unreadable(self) -> Iterator[Finding]:
        catalog = self.resources.catalog
        faults: Sequence[CatalogFault] = ()
        if isinstance(catalog, CatalogInFiles):
            faults = catalog.faults(self.collection_id)
        for fault in faults:
            yield Finding(code=fault.code, what=fault.what, where=fault.where, reason=fault.reason, remedy=self.again)
        if not faults:
            reason = "the catalog has no such collection"
            yield Finding(
                code="COLLECTION_MISSING", what=self.collection_id, where=self.where, reason=reason, remedy=self.again
            )

    def _findings(self, subject: Subject) -> Iterator[Finding]:
        try:
            for finding in (*check_documents(subject), *find_leftovers(subject)):
                yield attrs.evolve(finding, remedy=self._remedy(finding, subject))
        except RasterCollectionError as error:
            yield Finding(code="CHECK_UNASKED", what=self.collection_id, where=self.where, reason=error.message)
        yield from check_cogs(subject, self.again)

    def _remedy(self, finding: Finding, subject: Subject) -> str:
        if finding.code == "CHECK_UNASKED":
            return "Try again later."
        if _is_of_sources(finding):
            return self.again
        if finding.code == "LEFTOVER":
            return "Look at it; fix=True deletes it when it is a day old and is the collection's own."
        reason = why_not(subject)
        return f"It cannot be published again with fix=True: {reason}." if reason else "Mend it with fix=True."


def _is_of_sources(finding: Finding) -> bool:
    return finding.code.startswith(_FROM_SOURCES)


def _can_be_mended(report: CollectionReport) -> bool:
    return any(not _is_of_sources(finding) and finding.code != "CHECK_UNASKED" for finding in report.findings)
