"""What the bands of a collection's tiles show, decided on all tiles together, and what to tell of it. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import attrs

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.model.band import BandRole
from rastercollection.model.band_roles import FoundRoles, find_roles, names_label
from rastercollection.model.band_views import BandView, band_views
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import Validation

__all__ = ["decide_bands"]

_HOW = "Set `bands` to the bands' names in their order, as in bands=['blue', 'green', 'red', 'nir']."

_Found = Mapping[str, FoundRoles]


def decide_bands(
    request: CollectionRequest, validations: Sequence[Validation]
) -> tuple[tuple[Validation, ...], tuple[Notice, ...]]:
    """The tiles with the roles of their bands, and where that was doubtful.

    Tiles that say nothing are taken for the others whose bands are of the same data types, where these agree.
    """
    found = {tile.source.blob: find_roles(tile, request.bands or (), request.raster_type) for tile in validations}
    by_layout: dict[object, list[str]] = defaultdict(list)
    for tile in validations:
        by_layout[tile.band_layout].append(tile.source.blob)
    notices: list[Notice] = []
    settled = dict(found)
    for blobs in by_layout.values():
        settled |= _alike({blob: found[blob] for blob in blobs}, notices)
    decided = tuple(attrs.evolve(tile, roles=settled[tile.source.blob].roles) for tile in validations)
    return decided, (*notices, *_doubts(settled), *_unknown(decided))


def _alike(found: _Found, notices: list[Notice]) -> _Found:
    """Tiles of one layout: what those that say something agree on holds for all."""
    answers = Counter(each.names for each in found.values() if not each.says_nothing)
    silent = [blob for blob, each in found.items() if each.says_nothing]
    if len(answers) > 1:
        notices.append(_disagreement(found, answers))
        return {}
    if not answers or not silent:
        return {}
    names = next(iter(answers))
    notices.append(
        Notice(
            code="BANDS_ASSUMED",
            message=f"{len(silent)} of {len(found)} tiles ({listed(silent)}) do not say which band is which: they "
            f"are taken for {names_label(names)}, like the others. If that is wrong, make a collection of their own of "
            "them.",
        )
    )
    taken = [BandRole(common_name=name, source="other_tiles" if name else "") for name in names]
    return {
        blob: FoundRoles(
            roles=tuple(
                attrs.evolve(role, wavelength=own.wavelength)
                for role, own in zip(taken, found[blob].roles, strict=True)
            )
        )
        for blob in silent
    }


def _disagreement(found: _Found, answers: Counter[tuple[str | None, ...]]) -> Notice:
    groups = []
    for names, count in answers.most_common():
        blobs = [blob for blob, each in found.items() if each.names == names]
        groups.append(f"{names_label(names)} in {count} ({listed(blobs, 2)})")
    return Notice(
        code="BANDS_DISAGREE",
        message=f"The bands of the tiles are not in one order: {'; '.join(groups)}. Renders go by the order of most, "
        "and show the others in wrong colours: make a collection of each, or set `bands` where the files are wrong.",
    )


def _doubts(found: _Found) -> tuple[Notice, ...]:
    blobs: dict[str, list[str]] = defaultdict(list)
    for blob, each in found.items():
        if each.doubt:
            blobs[each.doubt].append(blob)
    return tuple(
        Notice(
            code="BANDS_ASSUMED",
            message=f"Which band is which is not certain in {len(some)} of {len(found)} tiles ({listed(some)}): "
            f"{doubt}. {_HOW}",
        )
        for doubt, some in blobs.items()
    )


def _unknown(tiles: Sequence[Validation]) -> tuple[Notice, ...]:
    """Of tiles that are shown as pictures, or could be, without their colours being known."""
    blobs: dict[str, list[str]] = defaultdict(list)
    for tile in tiles:
        names = [role.common_name for role in tile.roles]
        view = band_views(names, tile.color_interpretation, tile.dtypes, tile.raster_type)[0]
        if _may_be_picture(tile, view) and not view.claims_colors:
            shown = "the first band" if len(view.bands) == 1 else view.title.replace("Bands", "bands")
            blobs[shown].append(tile.source.blob)
    return tuple(
        Notice(
            code="BANDS_UNKNOWN",
            message=f"Nothing says which bands are red, green and blue in {len(some)} of {len(tiles)} tiles "
            f"({listed(some)}): pictures show {shown}, and claim no colours. {_HOW}",
        )
        for shown, some in blobs.items()
    )


def _may_be_picture(tile: Validation, view: BandView) -> bool:
    """Whether it has three bands or more, and three are shown or all are of a type that pictures have."""
    plain = sum(color != "alpha" for color in tile.color_interpretation)
    return plain >= 3 and (len(view.bands) == 3 or set(tile.dtypes) <= {"uint8", "uint16"})
