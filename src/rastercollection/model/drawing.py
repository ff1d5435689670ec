"""How a collection is drawn: by bands of most of its COGs, or of those it was published with. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from rastercollection.model.band_views import BandView, usual_roles, views_of
from rastercollection.model.cog import CogFile, Structure, usual_structure

__all__ = ["Drawing"]


@attrs.frozen(kw_only=True)
class Drawing:
    """What renders of a collection show.

    Attributes:
        usual: The COGs of the structure that decides.
        views: Theirs, the one that is shown first in front.
        is_classes: Their only band holds classes.
    """

    usual: tuple[CogFile, ...]
    views: tuple[BandView, ...]
    is_classes: bool

    @classmethod
    def of(cls, cogs: Sequence[CogFile], drawn_as: Structure = ()) -> Drawing:
        """Of the COGs of a collection, at least one; it goes on being drawn as it was, while any COG is like that."""
        structure = usual_structure(cogs, drawn_as)
        usual = tuple(cog for cog in cogs if cog.structure == structure)
        known = zip(usual[0].bands, usual_roles(usual), strict=True)
        views = views_of([attrs.evolve(band, role=role) for band, role in known], usual[0].raster_type)
        return cls(usual=usual, views=views, is_classes=usual[0].is_classes)

    def draws(self, cog: CogFile) -> bool:
        """Whether a COG has the bands that are shown first; tile servers fail where one of a mosaic's lacks any."""
        return set(cog.color_bands).issuperset(self.views[0].bands)

    def views_for(self, cogs: Sequence[CogFile]) -> tuple[BandView, ...]:
        """The views whose bands all of these COGs have, which the first one draws."""
        return tuple(view for view in self.views if all(set(cog.color_bands).issuperset(view.bands) for cog in cogs))
