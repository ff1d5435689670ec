"""What is found wrong with a published collection."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from rastercollection.core.records import to_plain

__all__ = ["CollectionReport", "Finding", "FindingCode"]

FindingCode = Literal[
    "COLLECTION_MISSING",
    "COLLECTION_UNREADABLE",
    "COLLECTION_NOT_LINKED",
    "COLLECTION_ALTERED",
    "COLLECTION_OUTDATED",
    "PART_MISSING",
    "PART_ALTERED",
    "ITEM_MISSING",
    "ITEM_ALTERED",
    "COG_MISSING",
    "COG_DAMAGED",
    "COG_DIFFERS",
    "THUMBNAIL_MISSING",
    "THUMBNAIL_DAMAGED",
    "MOSAIC_MISSING",
    "MOSAIC_WRONG",
    "OVERVIEW_MISSING",
    "OVERVIEW_DAMAGED",
    "OVERVIEW_OUTDATED",
    "PREVIEW_MISSING",
    "PREVIEW_WRONG",
    "MIRROR_MISSING",
    "MIRROR_ALTERED",
    "SEARCH_MISSING",
    "MAP_NOT_SERVED",
    "LEFTOVER",
    "CHECK_UNASKED",
]


@attrs.frozen(kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: The kind; it stays the same from version to version.
        what: The item, or the document, it is about.
        where: Public address.
        reason: In words.
        remedy: What to do about it.
        is_mended: It was found, and is so no more.
    """

    code: FindingCode
    what: str
    where: str
    reason: str
    remedy: str = ""
    is_mended: bool = False


@attrs.frozen(kw_only=True)
class CollectionReport:
    """A collection that was looked at.

    Attributes:
        collection_id: Its id in the catalog.
        where: Public address of its document, or of its catalog where that has none.
        items: Number of its items.
        cogs: How many of their COGs were looked at.
        verify: How closely.
        findings: All that was wrong.
    """

    collection_id: str
    where: str
    items: int
    cogs: int
    verify: Literal["quick", "checksum"]
    findings: tuple[Finding, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong, or is any more."""
        return all(finding.is_mended for finding in self.findings)

    @property
    def was_asked(self) -> bool:
        """Whether everything could be looked at."""
        return all(finding.code != "CHECK_UNASKED" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {**to_plain(self), "is_sound": self.is_sound}
