"""Renders as others may write them, sound and not, where workers can import them."""

from __future__ import annotations

from typing import Any

from rastercollection.model.render import Renderable, RenderDefinition


def greenness(collection: Renderable, /) -> RenderDefinition | None:
    green = collection.band("green")
    return green and RenderDefinition(title="Greenness", bands=green.number, rescale=(0, 100), colormap_name="greens")


def raises(collection: Renderable, /) -> RenderDefinition | None:
    raise RuntimeError(f"no idea of {collection.raster_type}")


def shows_band_nine(collection: Renderable, /) -> Any:
    return RenderDefinition(title="Nine", bands=9)


def answers_a_dict(collection: Renderable, /) -> Any:
    return {"title": "A dict", "bidx": [1]}


def invents_colors(collection: Renderable, /) -> Any:
    return RenderDefinition(title="Greenish", bands=1, colormap_name="greenish")


BROKEN = ("raises", "shows_band_nine", "answers_a_dict", "invents_colors", "is_not_there")
