"""Which renders a collection has: asked alike by the job that publishes it and by whoever checks it."""

from __future__ import annotations

import attrs

from rastercollection.model.cog import Structure, usual_structure
from rastercollection.model.render import USUAL, plain_renders
from rastercollection.model.request import CollectionRequest
from rastercollection.rasters.reduced.painting import has_ramp
from rastercollection.stac.renders import AskedRenders, MadeRenders, made_renders
from rastercollection.stages.members import Members
from rastercollection.stages.resources import Resources

__all__ = ["ShownRenders", "shown_renders"]


@attrs.frozen(kw_only=True)
class ShownRenders:
    """How a collection is shown.

    Attributes:
        renders: What was made.
        drawn_as: What they are made for.
        choice: What was asked for, as the collection's document keeps it; empty for the usual ones.
    """

    renders: MadeRenders
    drawn_as: Structure
    choice: tuple[object, ...]


def shown_renders(request: CollectionRequest, members: Members, resources: Resources) -> ShownRenders:
    """The renders that were asked for; where nothing was, those that the published collection was given."""
    files = [cog.file for cog in members.cogs]
    drawn_as = usual_structure(files, members.drawn_as)
    names = members.renders if request.renders is None else request.renders
    names = names or (USUAL,)
    asked = AskedRenders(names=names, targets=resources.renders, published=members.published_renders, is_ramp=has_ramp)
    return ShownRenders(
        renders=made_renders(files, request.asset_key, drawn_as, asked),
        drawn_as=drawn_as,
        choice=() if names == (USUAL,) else tuple(plain_renders(names) or ()),
    )
