"""A render that lives outside rastercollection."""

from __future__ import annotations

from rastercollection.model.render import Renderable, RenderDefinition

__all__ = ["redness"]


def redness(collection: Renderable, /) -> RenderDefinition | None:
    """The red band alone."""
    red = collection.band("red")
    return red and RenderDefinition(title="Redness", bands=red.number, colormap_name="reds")
