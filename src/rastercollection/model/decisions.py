"""What is decided on the collection, from all its valid tiles together, and not tile by tile. Pure, no GDAL.

A tile's own evidence is in its validation. Stage 2 plans with what is decided here, so that every tile is treated
alike: the same type, kernels and bands. What the user has ordered, or a stage of theirs has changed, stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.model.agreement import differing_heights
from rastercollection.model.band import is_complex
from rastercollection.model.band_decision import decide_bands
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tiers import unread_by_browsers
from rastercollection.model.tile import Validation
from rastercollection.model.type_decision import decide_types

__all__ = ["Decisions", "decide"]


@attrs.frozen(kw_only=True)
class Decisions:
    """What the collection is taken for.

    Attributes:
        validations: The tiles by blob, with the type and settings that were decided on for all of them.
        notices: Where the evidence was weak: what was taken, why, and what to set.
    """

    validations: Mapping[str, Validation]
    notices: tuple[Notice, ...] = ()


def decide(request: CollectionRequest, validations: Sequence[Validation]) -> Decisions:
    """Decide on all valid tiles of a collection together.

    Args:
        request: What the user ordered, which wins.
        validations: In the order of the request.
    """
    typed, told = decide_types(request, validations)
    decided, notices = decide_bands(request, typed)
    return Decisions(
        validations={tile.source.blob: tile for tile in decided},
        notices=(
            *told,
            *notices,
            *differing_heights(decided),
            *unread_by_browsers(tile.settings for tile in decided),
            *_not_drawn(decided),
        ),
    )


def _not_drawn(validations: Sequence[Validation]) -> tuple[Notice, ...]:
    """A notice where tiles hold complex numbers."""
    found = [tile.source.blob for tile in validations if any(map(is_complex, tile.dtypes))]
    if not found:
        return ()
    message = (
        f"{len(found)} of {len(validations)} tiles hold complex numbers, of which tile servers make no pictures: where "
        "most are such, the collection has no renders and no addresses of map tiles, and the preview page shows it; "
        f"elsewhere they stay out of the mosaic ({listed(found)}). Make amplitudes of them to see them on a map."
    )
    return (Notice(code="COMPLEX_NOT_DRAWN", message=message),)
