"""How a collection is drawn: by bands of most of its COGs, or of those it was published with. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from rastercollection.model.band_views import BandView, usual_roles, views_of
from rastercollection.model.cog import CogFile, Structure, usual_structure
from rastercollection.model.combining import ColorTable, combine

__all__ = ["Drawing"]


@attrs.frozen(kw_only=True)
class Drawing:
    """What renders of a collection show.

    Attributes:
        usual: The COGs of the structure that decides.
        drawn: All that are drawn, in the order given: those that readers can combine with the usual ones.
        reasons: Why each of the COGs given is not drawn, in words that follow its name; empty where it is.
        views: Of the usual ones, the one that is shown first in front.
        is_classes: Their only band holds classes.
        is_complex: They hold complex numbers, of which tile servers make no pictures.
        dtype: Data type, NumPy's name, that holds the values of all that are drawn.
        colors: The colours of the values of all that are drawn; None without a colour table.
    """

    usual: tuple[CogFile, ...]
    drawn: tuple[CogFile, ...]
    reasons: tuple[str, ...]
    views: tuple[BandView, ...]
    is_classes: bool
    is_complex: bool
    dtype: str
    colors: ColorTable | None

    @classmethod
    def of(cls, cogs: Sequence[CogFile], drawn_as: Structure = ()) -> Drawing:
        """Of the COGs of a collection, at least one; it goes on being drawn as it was, while any COG is like that."""
        structure = usual_structure(cogs, drawn_as)
        combination = combine(cogs, [cog for cog in cogs if cog.structure == structure])
        drawn = tuple(cog for cog, reason in zip(cogs, combination.reasons, strict=True) if not reason)
        usual = tuple(cog for cog in drawn if cog.structure == structure)
        known = zip(usual[0].bands, usual_roles(usual), strict=True)
        views = views_of([attrs.evolve(band, role=role) for band, role in known], usual[0].raster_type)
        return cls(
            usual=usual,
            drawn=drawn,
            reasons=combination.reasons,
            views=views,
            is_classes=usual[0].is_classes,
            is_complex=usual[0].is_complex,
            dtype=combination.dtype,
            colors=combination.colors,
        )
