"""How the collection is looked at: render definitions (STAC render extension), by the renders that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.models import Notice
from rastercollection.core.records import jsonable
from rastercollection.core.registry import load_target
from rastercollection.errors import RasterCollectionError, UnknownNameError
from rastercollection.model.band import BandFacts
from rastercollection.model.band_views import usual_roles
from rastercollection.model.cog import CogFile, Structure
from rastercollection.model.drawing import Drawing
from rastercollection.model.look import Look
from rastercollection.model.render import USUAL, Renderable, RenderBand, RenderDefinition
from rastercollection.model.render_rules import bands_of, definition_problem, unfit
from rastercollection.ports.registries import RENDERS
from rastercollection.stac.spread import band_spread
from rastercollection.stac.terms import VISUAL

__all__ = ["AskedRenders", "MadeRenders", "look_of", "made_renders", "published_fields", "renderable"]

Render = Mapping[str, Any]
Asked = str | RenderDefinition

_AS_IT_IS = ("classes", "natural", "color-infrared", "elevation")
_OTHERWISE = "bands"
_BESIDE = ("hillshade",)
_BYTES = [0, 255]


@attrs.frozen(kw_only=True)
class AskedRenders:
    """Which renders a collection is to have.

    Attributes:
        names: Registered names, and definitions of the user's own; the first that can be made is what links show.
        targets: What names stand for, ``module:attribute``, besides those of installed packages.
        published: Render definitions that the collection has, by name.
        is_ramp: Whether tile servers know colours by a name.
    """

    names: tuple[Asked, ...] = (USUAL,)
    targets: Mapping[str, str] = attrs.field(factory=RENDERS.registered)
    published: Mapping[str, Render] = attrs.field(factory=dict)
    is_ramp: Callable[[str], bool] = lambda _: True


@attrs.frozen(kw_only=True)
class MadeRenders:
    """The renders of a collection.

    Attributes:
        by_name: As they are published; the first one is called ``visual``, which is what links show. Empty without
            COGs, and where they hold complex numbers.
        notices: Why any of those that were asked for is not among them.
    """

    by_name: Mapping[str, Render] = attrs.field(factory=dict)
    notices: tuple[Notice, ...] = ()


def made_renders(
    cogs: Sequence[CogFile], asset_key: str, drawn_as: Structure = (), asked: AskedRenders | None = None
) -> MadeRenders:
    """The renders of a collection: the one place where it is decided which it has.

    A collection goes on being drawn ``drawn_as`` it was published, while any COG has that structure. Where nothing that
    was asked for can be made, it has the usual ones.
    """
    if not cogs:
        return MadeRenders()
    drawing = Drawing.of(cogs, drawn_as)
    if drawing.is_complex:
        return MadeRenders()
    making = _Making(asked=asked or AskedRenders(), drawing=drawing, asset_key=asset_key)
    making.add_all(making.asked.names)
    if not making.made:
        making.add_all((USUAL,))
    by_name = {VISUAL if place == 0 else name: render for place, (name, render) in enumerate(making.made.items())}
    return MadeRenders(by_name=by_name, notices=tuple(making.notices))


@attrs.define(kw_only=True)
class _Making:
    """Renders that are being made, by the names they were asked for by."""

    asked: AskedRenders
    drawing: Drawing
    asset_key: str
    made: dict[str, Render] = attrs.field(factory=dict)
    notices: list[Notice] = attrs.field(factory=list)
    collection: Renderable = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.collection = renderable(self.drawing)

    def add_all(self, names: Iterable[Asked]) -> None:
        for name in names:
            if name == USUAL:
                self._add_usual()
            elif isinstance(name, RenderDefinition):
                self._take(name.key, name, definition_problem(name))
            elif not self._add(name) and not self._is_told(name):
                shown = ", ".join(f"{band.number} {band.common_name or 'unknown'}" for band in self.collection.bands)
                kind = self.collection.raster_type
                message = f"The render {name!r} does not show such data ({kind}; bands: {shown}) and is left out."
                self.notices.append(Notice(code="RENDER_NOT_APPLICABLE", message=message))

    def _add_usual(self) -> None:
        shows = [self._add(name) for name in _AS_IT_IS]
        if not any(shows):
            self._add(_OTHERWISE)
        for name in _BESIDE:
            self._add(name)

    def _add(self, name: str) -> bool:
        """Whether a named render shows the collection; it is told where it should, and cannot."""
        if name in self.made:
            return True
        try:
            target = self.asked.targets.get(name) or RENDERS.target(name)
        except UnknownNameError:
            return self._keep(name)
        try:
            found = load_target("render", name, target)(self.collection)
        except RasterCollectionError as error:
            return self._failed(name, str(error))
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and no tile is lost by it
            return self._failed(name, f"it raised {type(error).__name__}: {error}")
        return found is not None and self._take(name, found, definition_problem(found))

    def _take(self, name: str, found: RenderDefinition, problem: str) -> bool:
        problem = problem or unfit(found, self.collection)
        if not problem and found.colormap_name is not None and not self.asked.is_ramp(found.colormap_name):
            problem = f"there are no colours called {found.colormap_name!r}"
        if not problem and (name == VISUAL or name in self.made):
            problem = f"another one is called {name!r}"
        if problem:
            return self._failed(name, problem)
        self.made[name] = _fields(found, self.drawing, self.asset_key)
        return True

    def _keep(self, name: str) -> bool:
        """As it is published, of a name that nobody knows here: a package may be missing."""
        kept = self.asked.published.get(name) or (None if self.made else self.asked.published.get(VISUAL))
        fate = "it stays as it is published" if kept else "it is left out"
        message = f"Nobody here knows the render {name!r}: {fate}. Install or register what provides it."
        self.notices.append(Notice(code="RENDER_UNKNOWN", message=message))
        if kept:
            self.made[name] = kept
        return kept is not None

    def _failed(self, name: str, reason: str) -> bool:
        message = f"The render {name!r} is left out: {' '.join(reason.split())[:500]}"
        self.notices.append(Notice(code="RENDER_FAILED", message=message))
        return False

    def _is_told(self, name: str) -> bool:
        return any(f"render {name!r}" in notice.message for notice in self.notices)


def renderable(drawing: Drawing) -> Renderable:
    """What renders are told of a collection that is drawn like this."""
    usual = drawing.usual
    roles = usual_roles(usual)
    columns = list(zip(*(cog.bands for cog in usual), strict=True))
    return Renderable(
        raster_type=usual[0].raster_type,
        bands=tuple(
            _band(number, columns[number - 1], usual, roles[number - 1].common_name)
            for number in range(1, len(columns) + 1)
        ),
        is_classes=drawing.is_classes,
        keeps_values=drawing.is_classes or any(cog.settings.keeps_values for cog in drawing.drawn),
        colors=drawing.colors,
    )


def _band(number: int, bands: Sequence[BandFacts], cogs: Sequence[CogFile], name: str | None) -> RenderBand:
    first = bands[0]

    def common(field: str) -> Any:
        """What all tiles have; None where they differ."""
        values = {repr(getattr(band, field)): getattr(band, field) for band in bands}
        return next(iter(values.values())) if len(values) == 1 else None

    return RenderBand(
        number=number,
        common_name=name,
        description=first.description,
        dtype=first.dtype,
        color_interpretation=first.color_interpretation,
        unit=common("unit"),
        scale=common("scale"),
        offset=common("offset"),
        nodata=common("nodata"),
        spread=band_spread(cogs, number),
        classes=first.classes,
    )


def look_of(render: Mapping[str, Any]) -> Look:
    """What one of :func:`made_renders` shows, for those who draw without a tile server.

    Without a render, as of complex numbers, it is the first band, or its magnitude, from its least to its most.
    """
    ranges = tuple((low, high) for low, high in render.get("rescale", ()))
    colors, expression = render.get("colormap"), render.get("expression")
    definition = RenderDefinition(title=str(render.get("title")), bands=render.get("bidx", (1,)), expression=expression)
    shown = definition.shown
    return Look(
        bands=bands_of(definition),
        expression=expression,
        label=definition.title if expression else "",
        ranges=ranges or (None,) * shown,
        colors={int(value): tuple(color) for value, color in colors.items()} if colors else None,
        ramp=render.get("colormap_name"),
        formula=render.get("color_formula"),
        keeps_values=render.get("resampling") == "nearest",
    )


def _fields(definition: RenderDefinition, drawing: Drawing, asset_key: str) -> Render:
    """A definition as it is published."""
    common = _common(definition, drawing.drawn, asset_key)
    kernel = definition.resampling or _resampling(drawing.drawn, common)
    bytes_ = _of_bytes(definition, drawing)
    told = published_fields(definition)
    ranges = {"rescale": bytes_} if bytes_ and "rescale" not in told else {}
    return {"title": definition.title, **common, **_kernels(kernel), **ranges, **told}


def published_fields(definition: RenderDefinition) -> dict[str, Any]:
    """What a definition says by itself, in the words of the render extension."""
    colors = definition.colormap or {}
    told = {
        "title": definition.title,
        "bidx": list(definition.bands),
        "expression": definition.expression,
        "rescale": [list(ends) for ends in definition.rescale],
        "colormap_name": definition.colormap_name,
        "colormap": {str(value): list(color) for value, color in colors.items()},
        "color_formula": definition.color_formula,
        "minmax_zoom": list(definition.minmax_zoom),
        "algorithm": definition.algorithm,
        "buffer": definition.buffer,
    }
    return {name: value for name, value in told.items() if value not in (None, [], {})}


def _common(definition: RenderDefinition, cogs: Sequence[CogFile], asset_key: str) -> dict[str, Any]:
    """Which bands to read, in two spellings: by number, as of a mosaic, and of an asset, as titiler-pgstac takes it."""
    common: dict[str, Any] = {"assets": [asset_key]}
    if definition.expression is None:
        of_asset = f"{asset_key}|{','.join(map(str, definition.bands))}"
        common["asset_bidx"] = [of_asset]
    nodata = {repr(cog.bands[0].nodata) for cog in cogs}
    if definition.nodata is not None:
        common["nodata"] = jsonable(definition.nodata)
    elif len(nodata) == 1 and all(cog.validity == "nodata" for cog in cogs) and cogs[0].bands[0].nodata is not None:
        common["nodata"] = jsonable(cogs[0].bands[0].nodata)
    return common


def _of_bytes(definition: RenderDefinition, drawing: Drawing) -> list[list[int]]:
    """The range of bytes that are shown as they are, where tiles of a larger type would be dark; else empty."""
    if definition.expression or definition.algorithm or definition.colormap or definition.colormap_name:
        return []
    are_bytes = all(band.dtype == "uint8" for cog in drawing.usual for band in cog.bands)
    has_larger = any(band.dtype != "uint8" for cog in drawing.drawn for band in cog.bands)
    return [_BYTES for _ in definition.bands] if are_bytes and has_larger else []


def _kernels(kernel: str) -> Render:
    """How pixels are resampled: of a COG on the map's grid, and of one in another CRS, which TiTiler warps first."""
    return {"resampling": kernel, "reproject": kernel}


def _resampling(cogs: Sequence[CogFile], common: Render) -> str:
    """``bilinear`` where it is safe, which it is not where COGs keep their values, as those of flags.

    Without nodata, readers mask what lies outside by an alpha band of the data's type. For floats, interpolating in it
    overflows and everything is masked (rio-tiler 9.4).
    """
    if any(cog.settings.keeps_values for cog in cogs):
        return "nearest"
    is_whole = all("int" in band.dtype for cog in cogs for band in cog.bands)
    return "bilinear" if is_whole or "nodata" in common else "nearest"
