"""From a published collection's document to how it is drawn: for what, and by which renders. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rastercollection.model import checks, converters
from rastercollection.model.render import RenderDefinition
from rastercollection.stac import terms

__all__ = ["published_choice", "published_renders"]

Json = Mapping[str, Any]


def published_choice(collection: Json) -> tuple[str | RenderDefinition, ...]:
    """The renders that a collection was given; empty for the usual ones, and where that makes no sense."""
    told = collection.get(terms.RENDERS)
    asked = converters.renders(told) if isinstance(told, list) and told else ()
    return () if not asked or checks.is_renders(asked) else asked


def published_renders(collection: Json) -> Mapping[str, Json]:
    """Render definitions of a collection by name, whoever wrote its document."""
    every = collection.get("renders")
    return every if isinstance(every, dict) and all(isinstance(one, dict) for one in every.values()) else {}
