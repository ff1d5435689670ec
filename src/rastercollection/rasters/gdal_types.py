"""What GDAL calls the types of pixels that rasterio and numpy have names of their own for."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["GDAL_TYPES"]

GDAL_TYPES: Mapping[str, str] = {
    "uint8": "Byte",
    "int8": "Int8",
    "uint16": "UInt16",
    "int16": "Int16",
    "uint32": "UInt32",
    "int32": "Int32",
    "uint64": "UInt64",
    "int64": "Int64",
    "float32": "Float32",
    "float64": "Float64",
    "complex_int16": "CInt16",
    "complex_int32": "CInt32",
    "complex64": "CFloat32",
    "complex128": "CFloat64",
}
"""GDAL's names by rasterio's; complex integers are rasterio's alone."""
