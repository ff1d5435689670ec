"""What a file is, told from its first bytes without opening it. Pure."""

from __future__ import annotations

import re

import attrs

__all__ = ["HDF5", "HEAD_BYTES", "Kind", "sniff"]

HEAD_BYTES = 4096


@attrs.frozen
class Kind:
    """A kind of file.

    Attributes:
        name: In words, with its article.
        drivers: GDAL's drivers that read it, the usual one first; empty when it is no raster at all.
    """

    name: str
    drivers: tuple[str, ...] = ()


TIFF = Kind("a TIFF", ("GTiff", "COG"))
HDF5 = Kind("an HDF5 file", ("netCDF", "HDF5Image", "HDF5", "BAG", "KEA"))

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\x89PNG\r\n\x1a\n", Kind("a PNG", ("PNG",))),
    (b"\xff\xd8\xff", Kind("a JPEG", ("JPEG",))),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind("a JPEG 2000 file", ("JP2OpenJPEG",))),
    (b"\xff\x4f\xff\x51", Kind("a JPEG 2000 codestream", ("JP2OpenJPEG",))),
    (b"CDF\x01", Kind("a netCDF file", ("netCDF",))),
    (b"CDF\x02", Kind("a netCDF file", ("netCDF",))),
    (b"CDF\x05", Kind("a netCDF file", ("netCDF",))),
    (b"\x89HDF\r\n\x1a\n", HDF5),
    (b"EHFA_HEADER_TAG", Kind("an Erdas Imagine file", ("HFA",))),
    (b"\x0e\x03\x13\x01", Kind("an HDF4 file", ("HDF4Image",))),
    (b"GRIB", Kind("a GRIB file", ("GRIB",))),
    (b"GIF8", Kind("a GIF", ("GIF",))),
    (b"BM", Kind("a BMP", ("BMP",))),
    (b"SIMPLE  =", Kind("a FITS file", ("FITS",))),
    (b"NITF", Kind("a NITF file", ("NITF",))),
    (b"DDS |", Kind("a DDS file", ("DDS",))),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Kind("a JPEG XL file", ("JPEGXL",))),
    (b"SQLite format 3\0", Kind("an SQLite database (GeoPackage, MBTiles …)", ("GPKG", "MBTiles", "Rasterlite"))),
    (b"%PDF-", Kind("a PDF", ("PDF",))),
    (b"PK\x03\x04", Kind("a zip archive")),
    (b"PK\x05\x06", Kind("a zip archive")),
    (b"\x1f\x8b", Kind("a gzip archive")),
    (b"BZh", Kind("a bzip2 archive")),
    (b"\xfd7zXZ\0", Kind("an xz archive")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7-Zip archive")),
    (b"version https://git-lfs", Kind("a Git LFS pointer, not the file it stands for")),
    (b"ENVI", Kind("an ENVI header", ("ENVI",))),
)

_TEXT: tuple[tuple[re.Pattern[bytes], Kind], ...] = (
    (re.compile(rb"<VRTDataset", re.IGNORECASE), Kind("a GDAL virtual raster (VRT)", ("VRT",))),
    (re.compile(rb"<GDALTileIndexDataset", re.IGNORECASE), Kind("a GDAL tile index (GTI)", ("GTI",))),
    (re.compile(rb"<GDAL_WMS>|<WMS_Capabilities", re.IGNORECASE), Kind("a description of a web service", ("WMS",))),
    (re.compile(rb"<WCS_GDAL|<WMTS|<Capabilities", re.IGNORECASE), Kind("a description of a web service", ("WMTS",))),
    (re.compile(rb"<MRF_META>", re.IGNORECASE), Kind("an MRF description", ("MRF",))),
    (re.compile(rb"<kml", re.IGNORECASE), Kind("a KML document", ("KMLSUPEROVERLAY",))),
    (re.compile(rb"<!DOCTYPE html|<html|<head|<body", re.IGNORECASE), Kind("an HTML page")),
    (re.compile(rb"<Error>|<\?xml.{0,200}<Error", re.IGNORECASE | re.DOTALL), Kind("an error message in XML")),
    (re.compile(rb"DatasetHeader\s+Begin", re.IGNORECASE), Kind("an ERS header", ("ERS",))),
    (re.compile(rb"PDS_VERSION_ID"), Kind("a PDS label", ("PDS",))),
    (re.compile(rb"\A\s*Object\s*=\s*IsisCube"), Kind("an ISIS cube", ("ISIS3",))),
    (re.compile(rb"\A\s*(?:ncols|nrows|xllcorner|xllcenter)\s", re.IGNORECASE), Kind("an ASCII grid", ("AAIGrid",))),
    (re.compile(rb"\A\s*[\[{]\s*\""), Kind("a JSON document")),
    (re.compile(rb"\A\s*<\?xml|\A\s*<[A-Za-z]"), Kind("an XML document")),
)


def sniff(head: bytes) -> Kind | None:
    """The kind of file that starts with ``head`` (up to :data:`HEAD_BYTES` bytes); None for one not known here."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    text = head.removeprefix(b"\xef\xbb\xbf")[:HEAD_BYTES]
    if b"\0" in text[:64]:
        return None
    return next((kind for pattern, kind in _TEXT if pattern.search(text)), None)
