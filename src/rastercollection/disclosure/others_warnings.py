"""Warnings as errors (``python -W error``) are for code that can be mended: not for that of the libraries used here."""

from __future__ import annotations

import re
import warnings

__all__ = ["bear_with_others"]

_LIBRARIES = (
    "adlfs affine aiobotocore aiohttp anyio attr attrs azure boto3 botocore cachetools cattrs click cogeo_mosaic dask "
    "distributed fsspec gcsfs google httpcore httpx importlib morecantile numexpr numpy psycopg psycopg_pool pydantic "
    "pypgstac pyproj pystac rasterio requests rich rio_cogeo rio_tiler rustac s3fs shapely starlette tornado urllib3"
)
_OF_LIBRARIES = rf"({'|'.join(_LIBRARIES.split())})\b"


def bear_with_others() -> None:
    """Have warnings of the libraries raise nothing, where whoever started the program has all warnings raised.

    It is looked for every time because frameworks reset the list of filters.
    """
    pattern = re.compile(_OF_LIBRARIES)
    if any(entry[3] == pattern for entry in warnings.filters) or not any(map(_is_broad, warnings.filters)):
        return
    warnings.filterwarnings("ignore", module=_OF_LIBRARIES)


def _is_broad(entry: tuple[object, ...]) -> bool:
    """Whether a filter raises warnings whichever module they are of."""
    return entry[0] == "error" and entry[3] is None
