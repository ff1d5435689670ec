"""What is shown of bands: the views that renders offer, of which thumbnails show the first. Pure.

A view claims colours only where the bands are known to have them; else its title says which bands are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from rastercollection.model.band import BandFacts, BandRole
from rastercollection.model.band_roles import PICTURE
from rastercollection.model.cog import CogFile
from rastercollection.model.tiers import IMAGERY

__all__ = [
    "COLOR_INFRARED",
    "NATURAL_COLOR",
    "BandView",
    "band_views",
    "is_picture_order",
    "usual_names",
    "usual_roles",
    "views_of",
]

NATURAL_COLOR, COLOR_INFRARED = "Natural color", "Color infrared"
_SATELLITE = range(7, 14)
"""Numbers of bands of which the second to the fourth are mostly blue, green and red."""


@attrs.frozen
class BandView:
    """A title, and the bands shown, from 1: one, or three as red, green and blue."""

    title: str
    bands: tuple[int, ...]

    @property
    def claims_colors(self) -> bool:
        """Whether the title says which colours are shown."""
        return self.title in (NATURAL_COLOR, COLOR_INFRARED)


def band_views(
    names: Sequence[str | None], colors: Sequence[str], dtypes: Sequence[str], raster_type: str
) -> tuple[BandView, ...]:
    """The views of a raster, the one that is shown first in front.

    Args:
        names: Common names of the bands, alpha too.
        colors: Their colour interpretations, GDAL's names in lower case.
        dtypes: Their data types.
        raster_type: What the raster is taken for.
    """
    numbers = [number for number, color in enumerate(colors, 1) if color != "alpha"]
    of_colors = _of_colors({name: number for number, name in enumerate(names, 1) if name})
    if len(numbers) < 3 or not (of_colors or raster_type in IMAGERY):
        return (BandView("Elevation" if raster_type == "dem" else "First band", tuple(numbers[:1] or (1,))),)
    return of_colors or (_plain(numbers, {dtypes[number - 1] for number in numbers}),)


def views_of(bands: Sequence[BandFacts], raster_type: str) -> tuple[BandView, ...]:
    """The views of a COG with these bands."""
    return band_views(
        [band.role.common_name for band in bands],
        [band.color_interpretation for band in bands],
        [band.dtype for band in bands],
        raster_type,
    )


def usual_roles(cogs: Sequence[CogFile]) -> tuple[BandRole, ...]:
    """What the bands of COGs of one structure show, by most of those that know; the first's where none does."""
    most = usual_names(cogs)
    every = (tuple(band.role for band in cog.bands) for cog in cogs)
    return next(roles for roles in every if tuple(role.common_name for role in roles) == most)


def usual_names(cogs: Sequence[CogFile]) -> tuple[str | None, ...]:
    """The common names in :func:`usual_roles`."""
    every = [tuple(band.role.common_name for band in cog.bands) for cog in cogs]
    return Counter([names for names in every if any(names)] or every).most_common(1)[0][0]


def is_picture_order(bands: Sequence[BandFacts]) -> bool:
    """Whether the first three bands are red, green and blue, as programs show them that ask for nothing else."""
    return tuple(band.role.common_name for band in bands[:3]) == PICTURE


def _plain(numbers: Sequence[int], dtypes: set[str]) -> BandView:
    """Three bands of which nothing says which is red: the first, or of a satellite's many the fourth to the second."""
    places = (3, 2, 1) if len(numbers) in _SATELLITE and dtypes == {"uint16"} else (0, 1, 2)
    shown = tuple(numbers[place] for place in places)
    return BandView(f"Bands {', '.join(map(str, shown))}", shown)


def _of_colors(names: Mapping[str, int]) -> tuple[BandView, ...]:
    infrared = names.get("nir", names.get("nir08"))
    views = []
    if set(PICTURE) <= names.keys():
        views.append(BandView(NATURAL_COLOR, tuple(names[name] for name in PICTURE)))
    if infrared is not None and {"red", "green"} <= names.keys():
        views.append(BandView(COLOR_INFRARED, (infrared, names["red"], names["green"])))
    return tuple(views)
