"""How a collection is drawn, as its document tells it: written and read here. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from rastercollection.model import checks, converters
from rastercollection.model.cog import Structure
from rastercollection.model.render import RenderDefinition, plain_renders
from rastercollection.stac import terms

__all__ = ["Looks"]

Json = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class Looks:
    """How a collection is drawn.

    Attributes:
        renders: Render definitions by name.
        drawn_as: What these are made for; empty without any COG.
        choice: Which of them were asked for; empty for the usual ones.
    """

    renders: Mapping[str, Json] = attrs.field(factory=dict)
    drawn_as: Structure = ()
    choice: tuple[str | RenderDefinition, ...] = ()

    @classmethod
    def of(cls, collection: Json) -> Self:
        """What a document tells, whoever wrote it; nothing where that makes no sense."""
        return cls(renders=_renders(collection), drawn_as=_drawn_as(collection), choice=_choice(collection))

    def fields(self) -> dict[str, Any]:
        """Of a collection's document; those that say nothing are left out."""
        told = {
            "renders": dict(self.renders),
            terms.DRAWN_AS: list(self.drawn_as),
            terms.RENDERS: plain_renders(self.choice),
        }
        return {name: value for name, value in told.items() if value}


def _renders(collection: Json) -> Mapping[str, Json]:
    every = collection.get("renders")
    return every if isinstance(every, dict) and all(isinstance(one, dict) for one in every.values()) else {}


def _drawn_as(collection: Json) -> Structure:
    told = collection.get(terms.DRAWN_AS)
    return tuple(map(str, told)) if isinstance(told, list) else ()


def _choice(collection: Json) -> tuple[str | RenderDefinition, ...]:
    told = collection.get(terms.RENDERS)
    asked = converters.renders(told) if isinstance(told, list) and told else ()
    return () if not asked or checks.is_renders(asked) else asked
