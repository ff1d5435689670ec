"""What a source says and its COG will not: each told by name, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
import rasterio
from rasterio.io import DatasetReader

from rastercollection.core.models import Notice
from rastercollection.disclosure.listing import listed
from rastercollection.rasters.pixels.validity import PixelLayout, nodata_values
from rastercollection.rasters.source.classes import HAS_TABLES, BandClasses

__all__ = ["ColorTables", "holds_color_table", "left_out"]

ColorTables = Sequence[Mapping[int, tuple[int, int, int, int]] | None]
"""Of each band; None where it has none."""

_OPAQUE = 255


def left_out(
    dataset: DatasetReader, layout: PixelLayout, tables: ColorTables, classes: Sequence[BandClasses], blob: str
) -> Iterator[Notice]:
    """What the COG of a source will lack, or say otherwise.

    Args:
        dataset: The source.
        layout: How its COG holds pixels.
        tables: Colour tables of the source's bands.
        classes: What the source says of its bands' values.
        blob: Name of the tile.
    """
    for notice in (
        *_of_colors(dataset, layout, tables),
        *_of_structure(dataset, layout),
        *_of_validity(dataset, layout),
        *_of_classes(classes),
    ):
        yield attrs.evolve(notice, message=f"{blob}: {notice.message}")


def _of_colors(dataset: DatasetReader, layout: PixelLayout, tables: ColorTables) -> Iterator[Notice]:
    with_table = [band for band, table in enumerate(tables, 1) if table is not None]
    if with_table and not holds_color_table(layout):
        bands = f" of band {listed(with_table)}" if len(tables) > 1 else ""
        yield Notice(
            code="COLOR_TABLE_DROPPED",
            message=f"a GeoTIFF of its bands and type has no colour table; that{bands} is left out.",
        )
    table = tables[0] or {}
    faint = [value for value, color in table.items() if 0 < color[3] < _OPAQUE]
    clear = [value for value, color in table.items() if color[3] == 0]
    if faint and holds_color_table(layout):
        yield Notice(
            code="COLOR_ALPHA_DROPPED",
            message=f"a GeoTIFF's colour table has no alpha: entries {listed(faint)}, which are half transparent, are "
            "opaque.",
        )
    if table and len(clear) == len(table):
        yield Notice(
            code="COLOR_ALPHA_DROPPED",
            message="its whole colour table is transparent; its colours are taken as opaque.",
        )
    space = dataset.tags(ns="IMAGE_STRUCTURE").get("SOURCE_COLOR_SPACE", "")
    if space and space != "YCbCr":
        yield Notice(
            code="COLOR_SPACE_CONVERTED", message=f"its colours are {space}, of which GDAL makes red, green and blue."
        )
    if dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES" and not with_table:
        yield Notice(
            code="MIN_IS_WHITE",
            message="its lowest value is white; a COG's is black. Values are kept, readers show it inverted.",
        )


def holds_color_table(layout: PixelLayout) -> bool:
    """Whether a GeoTIFF can have a colour table with bands held like that."""
    return len(layout.bands) == 1 and layout.dtype.name in ("uint8", "uint16")


def _of_structure(dataset: DatasetReader, layout: PixelLayout) -> Iterator[Notice]:
    types = dict.fromkeys(dataset.dtypes)
    if list(types) != [layout.dtype.name]:
        yield Notice(
            code="BAND_TYPES_UNIFIED", message=f"its bands are {listed(types)}; in the COG all are {layout.dtype.name}."
        )
    domains = [name for band in (0, *dataset.indexes) for name in dataset.tag_namespaces(band)]
    unkept = [name for name in dict.fromkeys(domains) if name == "GEOLOCATION" or name.startswith("json:")]
    if unkept:
        yield Notice(code="TAGS_DROPPED", message=f"metadata domains are left out: {listed(unkept)}.")


def _of_validity(dataset: DatasetReader, layout: PixelLayout) -> Iterator[Notice]:
    nodata = [repr(value) for value in nodata_values(dataset) if value is not None]
    flags = dataset.mask_flag_enums
    if len(set(nodata)) > 1 and layout.kind == "nodata":
        yield Notice(
            code="NODATA_UNIFIED",
            message=f"its bands declare nodata {listed(dict.fromkeys(nodata))}; in the COG invalid pixels of all have "
            f"{layout.nodata!r}.",
        )
    if nodata and layout.kind == "mask" and any("nodata" not in [flag.name for flag in band] for band in flags):
        yield Notice(
            code="NODATA_DROPPED",
            message=f"nodata {listed(dict.fromkeys(nodata))} stands beside a mask; the mask alone tells.",
        )
    own = [band for band, flag in zip(dataset.indexes, flags, strict=True) if not flag]
    if own:
        yield Notice(
            code="MASK_DROPPED",
            message=f"masks of single bands (of {listed(own)}) are not used: their pixels are all valid.",
        )


def _of_classes(classes: Sequence[BandClasses]) -> Iterator[Notice]:
    columns = dict.fromkeys(column for band in classes for column in band.columns)
    if columns and not HAS_TABLES:
        yield Notice(
            code="ATTRIBUTES_DROPPED",
            message=f"GDAL {rasterio.__gdal_version__} writes no attribute tables into GeoTIFFs (3.12 does): names of "
            f"values are kept, and their colours in the item; {listed(columns)} are left out.",
        )
    dropped = sum(band.dropped for band in classes)
    if dropped:
        yield Notice(
            code="CLASSES_DROPPED", message=f"{dropped:,} of its values have names that are beyond what is kept."
        )
    if not all(band.is_known for band in classes):
        yield Notice(
            code="TEXT_UNREADABLE",
            message="GDAL's description of its bands, and with it any names of classes, cannot be read.",
        )
