"""Rasters inside one file: pages of a TIFF, variables of a netCDF or HDF5 file; and which of them a tile is made of.

GDAL lists them as subdatasets. A tile is one of them or, with :data:`ALL_BANDS`, all of them as bands of one raster.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from rasterio.io import DatasetReader

from rastercollection.errors import TileError
from rastercollection.model.source_names import ALL_BANDS
from rastercollection.rasters.gdal_types import GDAL_TYPES
from rastercollection.rasters.pixels.validity import nodata_values
from rastercollection.rasters.source.reader import VettedReader

__all__ = ["Chosen", "choose", "names_inside"]

_BOUNDS = ("#bounds", "#climatology")


@attrs.frozen(kw_only=True)
class Chosen:
    """What of a file a tile is made of.

    Attributes:
        path: What GDAL is to open: a subdataset's name, a virtual raster of all of them; None for the file itself.
        drivers: The drivers that this takes; None for those that open the file.
        taken, left_out: Names of subdatasets; both empty for a file that holds one raster.
    """

    path: str | None = None
    drivers: tuple[str, ...] | None = None
    taken: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def names_inside(dataset: DatasetReader) -> tuple[str, ...]:
    """Names of the rasters that a file holds, if it holds several: numbers of pages, from 1, or variables."""
    return tuple(_by_name(dataset))


def choose(dataset: DatasetReader, blob: str, wanted: str, options: Mapping[str, Any]) -> Chosen:
    """Which raster of a file is the tile.

    Args:
        dataset: The file, opened as it is.
        blob: The tile.
        wanted: Name of a page or variable, :data:`ALL_BANDS`, or nothing for what GDAL takes by itself.
        options: That GDAL opens the file with.

    Raises:
        TileError: ``SUBDATASET_NOT_FOUND``; ``SUBDATASETS_DISAGREE``, where all are wanted as bands and they are no
            bands of one raster.
    """
    inside = _by_name(dataset)
    names = tuple(inside)
    if not inside:
        if wanted in ("", ALL_BANDS) or wanted in _own_names(dataset):
            return Chosen()
        raise _not_found(blob, wanted, "it holds one raster, without a name of its own")
    if wanted == ALL_BANDS:
        return Chosen(path=_stacked(inside, blob, options), drivers=("VRT",), taken=names)
    if not wanted:
        return Chosen(left_out=names[1:]) if dataset.count else Chosen()
    if wanted not in inside:
        raise _not_found(blob, wanted, f"it holds {', '.join(names)}")
    return Chosen(path=inside[wanted], taken=(wanted,), left_out=tuple(name for name in names if name != wanted))


def _by_name(dataset: DatasetReader) -> dict[str, str]:
    """GDAL's names of the subdatasets by ours; empty where there is just one."""
    found = {_name(path): path for path in dataset.subdatasets}
    for name in _bounds_of_axes(dataset, found):
        found.pop(name, None)
    return found if len(found) > 1 else {}


def _bounds_of_axes(dataset: DatasetReader, found: Mapping[str, str]) -> set[str]:
    """Variables of a netCDF that hold the bounds of an axis's cells, two or four numbers each: they are no rasters."""
    descriptions = dataset.tags(ns="SUBDATASETS").values()
    narrow = {
        name for name in found for text in descriptions if re.match(rf"\[[0-9x]*x[24]\] /*{re.escape(name)} ", text)
    }
    if not narrow:
        return set()
    tags = [dataset.tags()] if dataset.count else []
    for name in found.keys() - narrow if not tags else ():
        with VettedReader(found[name], driver="netCDF", sharing=False) as one:
            tags.append(one.tags())
    named = {value for of_one in tags for key, value in of_one.items() if key.endswith(_BOUNDS)}
    return narrow & named


def _name(path: str) -> str:
    kind, _, rest = path.partition(":")
    if kind.upper() == "GTIFF_DIR":
        return rest.partition(":")[0]
    return rest.rpartition(":")[2].strip("/")


def _own_names(dataset: DatasetReader) -> tuple[str, ...]:
    variable = dataset.tags(1).get("NETCDF_VARNAME") if dataset.count else None
    return ("1",) if variable is None else (variable,)


def _not_found(blob: str, wanted: str, problem: str) -> TileError:
    return TileError(
        f"{blob} has no page or variable {wanted!r}: {problem}.",
        "Set `subdatasets` to one of those that there are, to 'bands' or to 'tiles'.",
        "SUBDATASET_NOT_FOUND",
    )


def _stacked(inside: Mapping[str, str], blob: str, options: Mapping[str, Any]) -> str:
    """A virtual raster, as XML, with the bands of all subdatasets one behind the other."""
    root: ElementTree.Element | None = None
    first: tuple[Any, ...] | None = None
    for name, path in inside.items():
        with VettedReader(path, **options) as one:
            look = _look(one)
            _require_alike(blob, name, look, first or look)
            first = first or look
            root = _root(one) if root is None else root
            _add_bands(root, one, name, path)
    assert root is not None
    return ElementTree.tostring(root, encoding="unicode")


def _look(dataset: DatasetReader) -> tuple[Any, ...]:
    crs = dataset.crs.to_wkt() if dataset.crs else ""
    return ((dataset.width, dataset.height), dataset.dtypes[:1], crs, tuple(dataset.get_transform()))


def _require_alike(blob: str, name: str, look: Sequence[Any], first: Sequence[Any]) -> None:
    aspects = ("size", "data type", "CRS", "place")
    differ = [aspect for aspect, one, other in zip(aspects, look, first, strict=True) if one != other]
    if differ:
        raise TileError(
            f"{blob} cannot be taken as one raster: {name} differs from the first in {' and '.join(differ)}.",
            "Set subdatasets='tiles', or to the name of one of them.",
            "SUBDATASETS_DISAGREE",
        )


def _root(dataset: DatasetReader) -> ElementTree.Element:
    size = {"rasterXSize": str(dataset.width), "rasterYSize": str(dataset.height)}
    root = ElementTree.Element("VRTDataset", size)
    points, crs = dataset.gcps
    if points:
        raise TileError(
            f"{dataset.name} is placed by ground control points, which its pages cannot share as bands.",
            "Set subdatasets='tiles', or to the name of one of them.",
            "SUBDATASETS_DISAGREE",
        )
    if dataset.crs or crs:
        ElementTree.SubElement(root, "SRS", {"dataAxisToSRSAxisMapping": "2,1"}).text = dataset.crs.to_wkt()
    ElementTree.SubElement(root, "GeoTransform").text = ", ".join(map(repr, map(float, dataset.get_transform())))
    _add_tags(root, dataset.tags())
    return root


def _add_tags(element: ElementTree.Element, tags: Mapping[str, str]) -> None:
    if tags:
        metadata = ElementTree.SubElement(element, "Metadata")
        for key, value in tags.items():
            ElementTree.SubElement(metadata, "MDI", {"key": key}).text = value


def _add_bands(root: ElementTree.Element, dataset: DatasetReader, name: str, path: str) -> None:
    nodata = nodata_values(dataset)
    for number in dataset.indexes:
        dtype = dataset.dtypes[number - 1]
        position = len(root.findall("VRTRasterBand")) + 1
        band = ElementTree.SubElement(root, "VRTRasterBand", {"dataType": GDAL_TYPES[dtype], "band": str(position)})
        _add_tags(band, dataset.tags(number))
        own = dataset.descriptions[number - 1]
        ElementTree.SubElement(band, "Description").text = own or (name if dataset.count == 1 else f"{name} {number}")
        if nodata[number - 1] is not None:
            ElementTree.SubElement(band, "NoDataValue").text = repr(nodata[number - 1])
        for tag, value in (("UnitType", dataset.units), ("Offset", dataset.offsets), ("Scale", dataset.scales)):
            if value[number - 1] is not None:
                ElementTree.SubElement(band, tag).text = str(value[number - 1])
        source = ElementTree.SubElement(band, "SimpleSource")
        ElementTree.SubElement(source, "SourceFilename", {"relativeToVRT": "0"}).text = path
        ElementTree.SubElement(source, "SourceBand").text = str(number)
