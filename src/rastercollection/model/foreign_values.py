"""What people have in hand, in the form of parameters: numbers of NumPy, CRSs and dates of other libraries, paths.

What is nothing of the kind comes back as it is, for the checks to refuse.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

from rastercollection.errors import BackendError, TaskError
from rastercollection.ports import addresses

__all__ = ["MOST_NAMES", "below", "crs_text", "moment", "names", "plain", "seconds"]

_EPSG = re.compile(r"\s*(?:epsg:)?(\d{1,7})\s*", re.IGNORECASE)
_OPEN = ".."

MOST_NAMES = 5_000_000
"""What goes on for longer may never end; memory would."""


def plain(value: Any) -> Any:
    """A number, truth value or text of NumPy as Python's own; any other as it is."""
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return value.item()
    return value


def seconds(value: Any) -> Any:
    """A number of seconds as float; a ``timedelta`` is one."""
    given = plain(value)
    if isinstance(given, dt.timedelta):
        return given.total_seconds()
    return float(given) if isinstance(given, int) and not isinstance(given, bool) else given


def crs_text(value: Any) -> Any:
    """A CRS as text: ``EPSG:n`` for a number, or for an object that is exactly that one, else WKT2."""
    given = plain(value)
    if isinstance(given, int) and not isinstance(given, bool):
        return f"EPSG:{given}"
    if isinstance(given, str):
        code = _EPSG.fullmatch(given)
        return f"EPSG:{code[1]}" if code else given
    if isinstance(given, Mapping):
        return json.dumps(given, default=str)
    return _named(given)


def _named(value: Any) -> Any:
    """What an object of pyproj, rasterio or GDAL's Python bindings stands for."""
    try:
        if callable(getattr(value, "to_wkt", None)):
            wkt = value.to_wkt(version="WKT2_2019")
        elif callable(getattr(value, "ExportToWkt", None)):
            wkt = value.ExportToWkt(["FORMAT=WKT2_2019"])
        else:
            return value
    except Exception:  # noqa: BLE001 - an empty one has no text in any of these libraries, each with its own error
        return value
    from rastercollection.geo.crs import name_crs, parse_whole

    try:
        return name_crs(parse_whole(wkt))
    except TaskError:
        return wkt


def moment(value: Any) -> Any:
    """A date, a time, or a pair of them with None for an open end, as RFC 3339 writes it; without a zone it is UTC."""
    if isinstance(value, list | tuple) and len(value) == 2:
        ends = [_OPEN if end is None else moment(end) for end in value]
        return "/".join(ends) if all(isinstance(end, str) for end in ends) else value
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        return re.sub(r"(\.\d{6})\d+$", r"\1", str(value))
    return value.isoformat() if isinstance(value, dt.date) else value


def names(value: Any) -> Any:
    """A single text or path, or any iterable of them, as a tuple; those of a set in alphabetical order.

    What holds more than :data:`MOST_NAMES` comes back as it is.
    """
    if isinstance(value, str | PathLike):
        return (plain(value),)
    if not isinstance(value, Iterable) or isinstance(value, Mapping | bytes):
        return value
    found = tuple(plain(name) for name in itertools.islice(value, MOST_NAMES + 1))
    if len(found) > MOST_NAMES:
        return value
    return tuple(sorted(found, key=str)) if isinstance(value, set | frozenset) else found


def below(container: Any, name: Any) -> Any:
    """A raster's name relative to its container; an absolute one that lies below it becomes that.

    A path, other than a text, is what it is for the process: relative to where that is, if that is below the container.
    """
    is_path = isinstance(name, PathLike)
    text = os.fspath(name) if is_path else name
    if not isinstance(text, str) or not isinstance(container, str) or addresses.container_problem(container):
        return text
    if addresses.is_local(container) and (is_path or os.path.isabs(text)):
        return _below_folder(addresses.local_path(container), text) or text
    if "://" in text:
        try:
            return addresses.relative(container, text)
        except BackendError:
            return text
    return text


def _below_folder(folder: str, path: str) -> str:
    """The way from a local folder to what lies below it; empty for anything else."""
    base = folder.rstrip(os.sep) + os.sep
    absolute = os.path.abspath(path)
    return absolute[len(base) :].replace(os.sep, "/") if absolute.startswith(base) else ""
