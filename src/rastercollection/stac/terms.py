"""The names that STAC documents of this library use: fields of our own, extensions, media types, roles, data types."""

from __future__ import annotations

from typing import Final

from rastercollection.model.times import span

OWN: Final = "rastercollection:"
"""What the names of fields of our own begin with."""
RASTER_TYPE: Final = "rastercollection:raster_type"
TIER: Final = "rastercollection:tier"
DATETIME_SOURCE: Final = "rastercollection:datetime_source"
"""Of an item: parameter, pattern, filename, ``netcdf:`` with the axis, ``metadata:`` with the tag, or unknown."""
SOURCE: Final = "rastercollection:source"
"""Of an item: what tells its source from others of the same name elsewhere."""
PROFILE: Final = "rastercollection:profile"
"""Of an item: what has to agree with the other tiles of a collection, in words by aspect."""

MINZOOM: Final = "rastercollection:minzoom"
MAXZOOM: Final = "rastercollection:maxzoom"
"""WebMercatorQuad zooms of a COG. A COG's asset has the latter in all items of this library."""
DRAWN_AS: Final = "rastercollection:drawn_as"
"""Of a collection: raster type and the bands' data types of the COGs that its renders are made for."""
RENDERS: Final = "rastercollection:renders"
"""Of a collection: the renders that were asked for, by name or as definitions; not there for the usual ones."""
OVERVIEW_LEVELS: Final = "rastercollection:overview_levels"
VALIDITY: Final = "rastercollection:validity"
COLOR_TABLE: Final = "rastercollection:color_table"
HEIGHTS: Final = "rastercollection:heights"
"""What heights refer to: a vertical CRS, or the 3D geographic CRS whose ellipsoid they are above."""
RECEIPT: Final = "rastercollection:receipt"
ENCODING: Final = "rastercollection:encoding"
OUTDATED: Final = "rastercollection:outdated"
REMOVING: Final = "rastercollection:removing"
"""Where what is to be deleted of a collection is told that is being removed."""
"""An overview's asset says so in a collection of which it does not show all, and a collection that lacks one."""
MEMBERS: Final = "rastercollection:members"
"""Of an overview's asset: digest of the COGs that the collection consisted of when it was made."""
CHECKSUM: Final = "rastercollection:checksum"
"""Of a mosaic's asset: that of the MosaicJSON that goes with this document. Of the file itself STAC's own field would
tell, which would be false from when the next job writes the mosaic until it has published the collection."""
PART_ITEMS: Final = "rastercollection:items"
"""Of a collection's link to a part of it: how many items that links to."""
PART_OF: Final = "rastercollection:part_of"
"""Of a part: the id of its collection."""
PART_DAY: Final = "rastercollection:day"
"""Of a part's link to an item: the day by which it is found."""
DIGEST: Final = "rastercollection:digest"
"""Of a collection: digest of what this library wrote in its document."""

COLOR_INTERPRETATION: Final = "rastercollection:color_interpretation"
PERCENTILES: Final = "rastercollection:percentiles"
"""Of a band: the 2nd and the 98th, which STAC has no field for."""
COUNT: Final = "rastercollection:count"
NODATA: Final = "rastercollection:nodata"
"""Of a band, in a table that cannot hold STAC's own."""

EO_BANDS: Final = "eo:bands"
"""Of an asset: its bands as loaders look for them that do not know STAC's own yet."""
COMMON_NAME: Final = "eo:common_name"
CENTER_WAVELENGTH: Final = "eo:center_wavelength"
NAME: Final = "rastercollection:collection_id"
"""Of a collection: what the job called it; its id in the catalog may be another."""
COMMON_NAME_SOURCE: Final = "rastercollection:common_name_source"
"""Of a band: parameter, color_interpretation, description, wavelength, sensor, raster_type or other_tiles."""

FILE_CHECKSUM: Final = "file:checksum"
FILE_SIZE: Final = "file:size"
FILE_HEADER_SIZE: Final = "file:header_size"
SCALE: Final = "raster:scale"
OFFSET: Final = "raster:offset"
RESOLUTION: Final = "raster:spatial_resolution"
CODE: Final = "proj:code"
PROJJSON: Final = "proj:projjson"
CLASSES: Final = "classification:classes"
SHAPE: Final = "proj:shape"
TRANSFORM: Final = "proj:transform"
BBOX: Final = "proj:bbox"

SHARED_BAND_FIELDS: Final = ("data_type", "nodata", "unit", SCALE, OFFSET, CLASSES)
"""Fields of bands that stand in the asset where all bands have the same."""

_EXTENSION = "https://stac-extensions.github.io/{}/schema.json"
PROJECTION: Final = _EXTENSION.format("projection/v2.0.0")
RASTER: Final = _EXTENSION.format("raster/v2.0.0")
CLASSIFICATION: Final = _EXTENSION.format("classification/v2.0.0")
FILE: Final = _EXTENSION.format("file/v2.1.0")
EO: Final = _EXTENSION.format("eo/v1.1.0")
RENDER: Final = _EXTENSION.format("render/v2.0.0")
WEB_MAP_LINKS: Final = _EXTENSION.format("web-map-links/v1.2.0")
PROCESSING: Final = _EXTENSION.format("processing/v1.2.0")

COG_TYPE: Final = "image/tiff; application=geotiff; profile=cloud-optimized"
JSON_TYPE: Final = "application/json"
GEOJSON_TYPE: Final = "application/geo+json"
PARQUET_TYPE: Final = "application/vnd.apache.parquet"

DATA: Final = "data"
VISUAL: Final = "visual"
"""Role of a COG that can be shown as it is, and name of the render that links show."""
OVERVIEW: Final = "overview"
THUMBNAIL: Final = "thumbnail"
MOSAIC: Final = "mosaic"
MIRROR: Final = "collection-mirror"
"""Roles of assets; overview and thumbnail are their keys, too."""

DTYPES: Final = {
    "cint16": "complex_int16",
    "cint32": "complex_int32",
    "cfloat32": "complex64",
    "cfloat64": "complex128",
}
"""STAC's names of data types that numpy and rasterio call otherwise."""

EARLIEST: Final = span.EARLIEST
LATEST: Final = span.LATEST
"""Ends of an item's interval that are open; STAC has no open intervals for items. Both of one that is unknown are the
first."""
OPEN_ENDS: Final = frozenset({EARLIEST, LATEST, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"})
"""These, and those of documents from before."""
