"""Normal forms of single values. Each takes what users may give; what has no normal form is left for the checks."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Any

from rastercollection.core.machine import parse_bytes
from rastercollection.disclosure.redaction import redacted, redacted_values, revealed
from rastercollection.model import foreign_values
from rastercollection.model.render import RenderDefinition
from rastercollection.model.tiers import Tier
from rastercollection.ports import addresses


def texts(value: str | Iterable[str]) -> Any:
    """A single text or any iterable as a tuple; anything else is left for the checks to refuse."""
    return foreign_values.names(value)


def plain(value: Any) -> Any:
    """A number, truth value or text of NumPy as Python's own; anything else as it is."""
    return foreign_values.plain(value)


def crs(value: str | int | Mapping[str, Any] | Any | None) -> Any:
    """A CRS as text: of a number, or an object of pyproj or rasterio, too."""
    return value if value is None else foreign_values.crs_text(value)


def moment(value: str | dt.date | Sequence[dt.date | str | None] | Any | None) -> Any:
    """A date or an interval as text: of ``date`` and ``datetime`` objects and pairs of them, too."""
    return value if value is None else foreign_values.moment(value)


def seconds(value: float | dt.timedelta | None) -> Any:
    """Seconds as a number: of a ``timedelta``, too."""
    return foreign_values.seconds(value)


def band_names(value: str | Iterable[str] | None) -> Any:
    """Names of bands as a tuple; commas separate them in a single text."""
    if value is None:
        return value
    names = texts(value)
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        return names
    split = names[0].split(",") if len(names) == 1 else names
    return tuple(name.strip() for name in split)


def blob_names(value: Any, container: Any = None) -> Any:
    """Names of rasters below their container, each once, with ``/`` between folders."""
    names = texts(value)
    if not isinstance(names, tuple):
        return names
    relative = tuple(foreign_values.below(container, name) for name in names)
    if not all(isinstance(name, str) for name in relative):
        return relative
    return tuple(dict.fromkeys(name.removeprefix("./") for name in relative))


def blobs_of(value: Any, request: Any) -> Any:
    """Likewise, of a request whose container is known."""
    return blob_names(value, request.container_name)


def container(value: str | PathLike[str]) -> Any:
    text = os.fspath(value) if isinstance(value, PathLike) else value
    return addresses.normalise(text) if isinstance(text, str) and not addresses.container_problem(text) else text


def container_or_none(value: str | PathLike[str] | None) -> Any:
    return value if value is None else container(value)


def folder(value: str | None) -> Any:
    return (value.rstrip("/") or None) if isinstance(value, str) else value


def public_text(value: str) -> Any:
    """A text that is published, without secrets."""
    return redacted(value) if isinstance(value, str) else value


def public_text_or_none(value: str | None) -> Any:
    """Likewise; None is filled in by the request."""
    return value if value is None else public_text(value)


def public_texts(value: str | Iterable[str]) -> Any:
    """Likewise of several."""
    return redacted_values(texts(value))


def public_mappings(value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
    """Likewise of mappings that hold texts; a single one is a list of one."""
    given = (value,) if isinstance(value, Mapping) else value
    return redacted_values(tuple(given)) if isinstance(given, list | tuple) else given


def filled_in(value: str | None) -> Any:
    """None, too, may be given for what is never None afterwards: the request fills it in."""
    return foreign_values.plain(value)


def whole_as_float(value: float | None) -> Any:
    given = foreign_values.plain(value)
    return float(given) if isinstance(given, int) and not isinstance(given, bool) else given


def tiers(value: Sequence[Tier | Mapping[str, Any]]) -> Any:
    """User-defined tiers: Tier objects or mappings of their fields."""
    return tuple(_tier(tier) for tier in (value if isinstance(value, list | tuple) else (value,)))


def renders(
    value: str | RenderDefinition | Mapping[str, Any] | Iterable[str | RenderDefinition | Mapping[str, Any]] | None,
) -> Any:
    """Names and definitions as a tuple; a definition may be a mapping of its fields, or that as JSON."""
    if value is None:
        return value
    several = (value,) if isinstance(value, str | Mapping | RenderDefinition) else value
    return tuple(map(_render, several)) if isinstance(several, Iterable) else several


def _render(value: Any) -> Any:
    given = foreign_values.plain(value)
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            given = json.loads(given)
        except ValueError:
            return given
    try:
        return RenderDefinition(**given) if isinstance(given, Mapping) else given
    except TypeError:
        return given


def _tier(value: Any) -> Any:
    try:
        return Tier(**value) if isinstance(value, Mapping) else value
    except TypeError:
        return value


def size(value: float | str | None) -> Any:
    """Bytes; as text also with a unit, ``500M`` or ``8G``."""
    given = foreign_values.plain(value)
    if isinstance(given, float) and given.is_integer():
        return int(given)
    try:
        return parse_bytes(given) if isinstance(given, str) else given
    except (ValueError, OverflowError):
        return given


def storage_options(value: Mapping[str, Any] | None) -> Any:
    return revealed(value)


def path_or_none(value: str | PathLike[str] | None) -> Any:
    return os.fspath(value) if isinstance(value, PathLike) else value


def rerun(value: bool | str | Iterable[str] | None) -> Any:
    """What is to be done again, as a tuple of names; truth values mean all, or nothing."""
    if value is None or isinstance(value, bool):
        return ("all",) if value else ()
    return texts(value)
