"""What a raster says of its values: names of classes and attribute tables, which rasterio does not tell.

GDAL is asked for its own description of the dataset, a VRT document, which holds them whatever the format they came
from: an Erdas Imagine file, a GeoTIFF, or a vetted ``.aux.xml`` beside it.
"""

from __future__ import annotations

import contextlib
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping, Sequence

import attrs
import rasterio
import rasterio.shutil
from rasterio.io import DatasetReader, MemoryFile

from rastercollection.disclosure.redaction import redacted
from rastercollection.model.band import RasterClass
from rastercollection.rasters.gdal_errors import GDAL_ERRORS
from rastercollection.rasters.pixels.validity import LARGEST_EXACT

__all__ = ["CLASS_NAMES", "HAS_TABLES", "BandClasses", "classes_of"]

CLASS_NAMES = "CLASS_NAMES"
"""Metadata domain of a band whose keys are values and whose texts are names: a GeoTIFF has no other place for them."""

HAS_TABLES = tuple(map(int, rasterio.__gdal_version__.split(".")[:2])) >= (3, 12)
"""Whether GDAL reads and writes attribute tables inside GeoTIFFs."""

_LARGEST_XML = 16 * 2**20
_MOST = 1024
_LONGEST_NAME = 500
_PIXEL_COUNT, _NAME, _LOWEST, _HIGHEST, _VALUE = 1, 2, 3, 4, 5
_COLORS = (6, 7, 8, 9)
"""Usages of columns, as GDAL numbers them: red, green, blue and alpha are the last."""
_TEXT = 2
_VALUE_COLUMN = re.compile(r"(?:class|pixel)?[ _]?(?:value|code)", re.IGNORECASE)
_NAME_COLUMN = re.compile(r"class|class[ _]?names?|names?|labels?|categor(?:y|ies)|descriptions?", re.IGNORECASE)
_COLOR_COLUMNS = ("red", "green", "blue", "alpha")
_UNNAMED_COLUMNS = re.compile(r"histogram|count|opacity|oid|objectid|rowid", re.IGNORECASE)
"""Columns that are counted afresh, or only number rows."""


@attrs.frozen(kw_only=True)
class BandClasses:
    """What is said of a band's values.

    Attributes:
        classes: Values that have a name, in ascending order.
        table: The attribute table as GDAL writes it; None without one.
        columns: Columns of the table that are neither values, names, colours nor counts.
        dropped: How many named values there are beyond those kept.
        is_known: Whether it could be found out at all.
        has_secrets: Whether any of its texts looked like a password or signature, which is left out of all of these.
    """

    classes: tuple[RasterClass, ...] = ()
    table: str | None = None
    columns: tuple[str, ...] = ()
    dropped: int = 0
    is_known: bool = True
    has_secrets: bool = False


def classes_of(dataset: DatasetReader) -> tuple[BandClasses, ...]:
    """What is said of the values of each band."""
    described: Mapping[int, ElementTree.Element] | None = None
    with contextlib.suppress(*GDAL_ERRORS, ElementTree.ParseError, ValueError):
        described = _described(dataset)
    if described is None:
        return tuple(BandClasses(is_known=False) for _ in dataset.indexes)
    nothing = ElementTree.Element("VRTRasterBand")
    return tuple(_classes_in(described.get(band, nothing), _own_names(dataset, band)) for band in dataset.indexes)


def _described(dataset: DatasetReader) -> Mapping[int, ElementTree.Element]:
    """GDAL's descriptions of the bands by their numbers, where any has classes."""
    with MemoryFile(ext=".vrt") as memory:
        rasterio.shutil.copy(dataset, memory.name, driver="VRT")
        content = memory.read(_LARGEST_XML + 1)
    if b"<CategoryNames" not in content and b"<GDALRasterAttributeTable" not in content:
        return {}
    if len(content) > _LARGEST_XML:
        raise ValueError("its description is too large")
    text, closing = content.decode("utf-8", "replace"), "</VRTRasterBand>"
    # the bands alone: what stands before them may be any document that the file holds
    start, end = text.find("<VRTRasterBand "), text.rfind(closing) + len(closing)
    root = ElementTree.fromstring(f"<bands>{text[start:end]}</bands>")
    return {int(element.get("band", 0)): element for element in root.findall("VRTRasterBand")}


def _own_names(dataset: DatasetReader, band: int) -> dict[int, RasterClass]:
    """Names in the domain that COGs of this library have them in."""
    if CLASS_NAMES not in dataset.tag_namespaces(band):
        return {}
    tags = dataset.tags(band, ns=CLASS_NAMES).items()
    return {int(key): RasterClass(value=int(key), name=name) for key, name in tags if re.fullmatch(r"-?\d{1,10}", key)}


def _classes_in(band: ElementTree.Element, known: Mapping[int, RasterClass]) -> BandClasses:
    found, has_secrets = dict(known), _redact(band)
    element = band.find("GDALRasterAttributeTable")
    table = BandClasses()
    if element is not None:
        reader = _Table.of(element)
        found |= dict(reader.classes())
        table = BandClasses(table=ElementTree.tostring(element, "unicode"), columns=reader.others)
    for value, name in enumerate(band.findall("CategoryNames/Category")):
        text = _shortened(name.text)
        if text:
            found[value] = RasterClass(value=value, name=text, color=found[value].color if value in found else None)
    return attrs.evolve(_kept(found, table), has_secrets=has_secrets)


def _redact(band: ElementTree.Element) -> bool:
    """Replace what looks like a secret in any text of a band's description; whether there was something."""
    changed = False
    for element in band.iter():
        shown = redacted(element.text or "")
        if shown != (element.text or ""):
            element.text, changed = shown, True
    return changed


def _kept(found: Mapping[int, RasterClass], table: BandClasses) -> BandClasses:
    every = [found[value] for value in sorted(found)]
    return attrs.evolve(table, classes=tuple(every[:_MOST]), dropped=max(0, len(every) - _MOST))


def _shortened(text: str | None) -> str:
    return " ".join((text or "").split())[:_LONGEST_NAME]


@attrs.frozen(kw_only=True)
class _Table:
    """An attribute table, and where in its rows is what.

    Attributes:
        rows: Texts of the columns.
        value, name: Positions of columns; None without one.
        colors: Positions of red, green, blue and alpha, as far as there are some.
        binning: Value of the first row, and step from each to the next, where no column has the values.
        others: Names of columns that say something else.
    """

    rows: Sequence[Sequence[str]]
    value: int | None
    name: int | None
    colors: tuple[int, ...]
    binning: tuple[float, float]
    others: tuple[str, ...]

    @classmethod
    def of(cls, element: ElementTree.Element) -> _Table:
        columns = element.findall("FieldDefn")
        names = [_shortened(column.findtext("Name")) for column in columns]
        types, usages = (_numbers(columns, tag) for tag in ("Type", "Usage"))
        texts = [position for position, kind in enumerate(types) if kind == _TEXT]
        value = _with_usage(usages, _VALUE, _LOWEST)
        name = _with_usage(usages, _NAME)
        value = _called(names, _VALUE_COLUMN) if value is None else value
        name = _called(names, _NAME_COLUMN, texts) if name is None else name
        if name is None and len(texts) == 1:
            name = texts[0]
        colors = tuple(_with_usage(usages, usage) for usage in _COLORS)
        if colors[:3] == (None,) * 3:
            colors = tuple(_called(names, re.compile(color, re.IGNORECASE)) for color in _COLOR_COLUMNS)
        used = {value, name, *colors}
        others = [
            column
            for position, (column, usage) in enumerate(zip(names, usages, strict=True))
            if position not in used and usage not in (_PIXEL_COUNT, _HIGHEST) and not _UNNAMED_COLUMNS.fullmatch(column)
        ]
        return cls(
            rows=[[cell.text or "" for cell in row.findall("F")] for row in element.findall("Row")],
            value=value,
            name=name,
            colors=tuple(color for color in colors if color is not None),
            binning=(float(element.get("Row0Min", 0)), float(element.get("BinSize", 1))),
            others=tuple(others),
        )

    def classes(self) -> Iterator[tuple[int, RasterClass]]:
        """The rows whose value is a whole number and has a name."""
        for number, row in enumerate(self.rows):
            name = _shortened(row[self.name]) if self.name is not None and self.name < len(row) else ""
            value = self._value(number, row)
            if name and value is not None:
                yield value, RasterClass(value=value, name=name, color=self._color(row))

    def _value(self, number: int, row: Sequence[str]) -> int | None:
        first, step = self.binning
        value = first + step * number
        if self.value is not None:
            try:
                value = float(row[self.value])
            except (ValueError, IndexError):
                return None
        return int(value) if abs(value) < LARGEST_EXACT and value == int(value) else None

    def _color(self, row: Sequence[str]) -> tuple[int, int, int, int] | None:
        if len(self.colors) < 3 or max(self.colors) >= len(row):
            return None
        try:
            levels = [float(row[position]) for position in self.colors]
        except ValueError:
            return None
        if not all(map(math.isfinite, levels)):
            return None
        # GDAL's numbers run to 255, Erdas Imagine's own to 1
        scale = 255 if any(level != int(level) for level in levels) and max(levels) <= 1 else 1
        red, green, blue, alpha = (min(255, max(0, round(scale * level))) for level in [*levels, 255 / scale][:4])
        return red, green, blue, alpha


def _numbers(columns: Sequence[ElementTree.Element], tag: str) -> list[int]:
    texts = [column.findtext(tag, "") for column in columns]
    return [int(text) if text.isdecimal() else -1 for text in texts]


def _with_usage(usages: Sequence[int], *wanted: int) -> int | None:
    return next((usages.index(usage) for usage in wanted if usage in usages), None)


def _called(names: Sequence[str], pattern: re.Pattern[str], among: Sequence[int] | None = None) -> int | None:
    positions = range(len(names)) if among is None else among
    return next((position for position in positions if pattern.fullmatch(names[position])), None)
