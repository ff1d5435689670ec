"""The table of clients × kinds of collection: what each has published, what was seen in it, and what is known to fail.

A cell is one program's look at one kind. What it must see is in ``client_scenes.KINDS``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import pystac
import pytest
import rasterio
from pyproj import Transformer

from client_scenes import KINDS, Kind, Place, Values

BY_ITSELF: dict[tuple[str, str], str] = {
    ("odc-stac", "picture"): "it reads no masks",
    **{("stackstac", kind): "it reads assets of one band only" for kind in ("picture", "spectral", "mercator")},
    ("gdalinfo -stats", "picture"): "before 3.7 its statistics are of all pixels, whatever the mask says",
}
"""What a client gets wrong by itself, whoever wrote the file: it does so with the reference, too."""

NOT_YET: dict[tuple[str, str], str] = {}
"""What is not right in what this library publishes."""

SECONDS = 900
"""For a cell: a large collection is made of many tiles, and that for each server anew."""

Judge = Callable[..., None]
"""Has a client look at a collection: the cell, the look, the client's version."""

Need = Callable[[str, str], Any]
"""Imports a module, or says what pip has to install."""

READING_ERRORS = (AssertionError, ValueError, KeyError, IndexError, RuntimeError, OSError)


@attrs.define(slots=False)
class Published:
    """A collection as its readers find it: made by this library, or by the usual tools for reference.

    Attributes:
        kind: What it is to show.
        catalog: The static catalog's own document.
        mosaic: The MosaicJSON.
        table: All items in one file; None where there is none.
        summary: Of the job; empty for the reference.
    """

    kind: Kind
    catalog: Path
    mosaic: str
    table: Path | None = None
    summary: dict[str, Any] = attrs.field(factory=dict)
    asset: str = "data"

    @cached_property
    def items(self) -> list[pystac.Item]:
        return sorted(pystac.Catalog.from_file(str(self.catalog)).get_items(recursive=True), key=lambda item: item.id)

    @property
    def item_paths(self) -> list[Path]:
        return [Path(item.get_self_href()) for item in self.items]

    @cached_property
    def collection(self) -> dict[str, Any]:
        (path,) = self.catalog.parent.glob("*/collection.json")
        return json.loads(path.read_text())

    @cached_property
    def cogs(self) -> list[Path]:
        return [Path(item.assets[self.asset].get_absolute_href()) for item in self.items]

    @cached_property
    def _bounds(self) -> dict[Path, tuple[float, float, float, float]]:
        bounds = {}
        for path in self.cogs:
            with rasterio.open(path) as cog:
                assert cog.crs, f"{path.name} has no CRS"
                bounds[path] = cog.bounds
        return bounds

    def cogs_at(self, place: Place) -> list[Path]:
        """Those with pixels there, valid or not."""
        found = []
        for path, (left, bottom, right, top) in self._bounds.items():
            x, y = projected(place, self.kind.crs)
            if left <= x <= right and bottom <= y <= top:
                found.append(path)
        return found


def rio() -> str:
    """Where rasterio's program is: with the interpreter that runs."""
    return str(Path(sys.executable).with_name("rio"))


def projected(place: Place, crs: str | int) -> tuple[float, float]:
    """Where the place is in a CRS: easting and northing, or longitude and latitude."""
    if str(crs) in ("EPSG:4326", "4326"):
        return place.lon, place.lat
    return Transformer.from_crs(4326, crs, always_xy=True).transform(place.lon, place.lat)


At = Callable[[Place], Values | None]
"""Reads a place: the bands' values, or None where the reader says that nothing is valid."""


def look_at_cogs(published: Published, open_cog: Callable[[Path], At]) -> str:
    """Every place as the reader sees it in the COGs that lie there; what was seen, in words."""
    readers: dict[Path, At] = {}

    def read(place: Place) -> Values | None:
        paths = published.cogs_at(place)
        assert paths, f"no COG lies at {place.name} ({place.lon:g}, {place.lat:g})"
        for path in paths:
            if path not in readers:
                readers[path] = open_cog(path)
            found = readers[path](place)
            if found is not None:
                return found
        return None

    return look(published.kind.places, read)


def with_header(published: Published, open_cog: Callable[[Path], At]) -> str:
    """Likewise, for a reader that was asked for the number of bands, their type and the CRS, too."""
    kind = published.kind
    return f"{len(kind.bands)} × {kind.dtype} in {kind.crs}, {look_at_cogs(published, open_cog)}"


def look(places: Sequence[Place], read: At, tolerance: float = 1e-3) -> str:
    """Compare what is read at places with what must be there."""
    wrong = []
    for place in places:
        found = read(place)
        if not _same(found, place.values, tolerance):
            wrong.append(f"{place.name} ({place.lon:.5g}, {place.lat:.5g}): {_told(found)}, not {_told(place.values)}")
    assert not wrong, "; ".join(wrong)
    filled = [place for place in places if place.values]
    first = f" ({_told(filled[0].values)}, …)" if filled else ""
    empty = len(places) - len(filled)
    return f"{len(filled)} places{first}" + (f", {empty} empty" if empty else "")


def _told(values: Values | None) -> str:
    return "nothing" if values is None else " ".join(f"{value:g}" for value in values)


def _same(found: Values | None, expected: Values | None, tolerance: float) -> bool:
    if found is None or expected is None:
        return found is expected
    pairs = zip(found, expected, strict=False)
    return len(found) == len(expected) and all(math.isclose(a, b, rel_tol=1e-5, abs_tol=tolerance) for a, b in pairs)


@attrs.frozen
class Cell:
    client: str
    kind: str


def read_by(client: str, kinds: Sequence[str] = tuple(KINDS), short: Sequence[str] = ()) -> pytest.MarkDecorator:
    """The test's cells: one for each kind; those that are not ``short`` run where all clients are asked for."""
    apart = (pytest.mark.clients, pytest.mark.timeout(SECONDS))
    return pytest.mark.parametrize(
        "cell", [pytest.param(Cell(client, kind), id=kind, marks=() if kind in short else apart) for kind in kinds]
    )
