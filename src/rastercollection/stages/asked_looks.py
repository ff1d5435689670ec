"""How a collection is to be drawn: asked alike by the job that publishes it and by whoever checks it."""

from __future__ import annotations

import attrs

from rastercollection.core.models import Notice
from rastercollection.model.cog import usual_structure
from rastercollection.model.render import USUAL
from rastercollection.model.request import CollectionRequest
from rastercollection.rasters.reduced.painting import has_ramp
from rastercollection.stac.looks import Looks
from rastercollection.stac.renders import AskedRenders, made_renders
from rastercollection.stages.members import Members
from rastercollection.stages.resources import Resources

__all__ = ["AskedLooks", "asked_looks"]


@attrs.frozen(kw_only=True)
class AskedLooks:
    """How a collection is to be drawn, and why any of the renders that were asked for is not among those it has."""

    looks: Looks
    notices: tuple[Notice, ...]


def asked_looks(request: CollectionRequest, members: Members, resources: Resources) -> AskedLooks:
    """By the renders that were asked for; where nothing was, by those that the published collection was given."""
    files = [cog.file for cog in members.cogs]
    before = members.looks
    drawn_as = usual_structure(files, before.drawn_as)
    names = (before.choice if request.renders is None else request.renders) or (USUAL,)
    asked = AskedRenders(names=names, targets=resources.renders, published=before.renders, is_ramp=has_ramp)
    made = made_renders(files, request.asset_key, drawn_as, asked)
    looks = Looks(renders=made.by_name, drawn_as=drawn_as, choice=() if names == (USUAL,) else names)
    return AskedLooks(looks=looks, notices=made.notices)
