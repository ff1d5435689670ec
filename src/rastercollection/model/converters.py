"""Normal forms of single values. Each takes what users may give; what has no normal form is left for the checks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from rastercollection.core.machine import parse_bytes
from rastercollection.disclosure.redaction import redacted, redacted_values, revealed
from rastercollection.model.tiers import Tier
from rastercollection.ports import addresses


def texts(value: Sequence[str]) -> Any:
    """A single text or any sequence as a tuple; anything else is left for the checks to refuse."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else value


def band_names(value: str | Sequence[str]) -> Any:
    """Names of bands as a tuple; commas separate them in a single text."""
    names = texts(value)
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        return names
    split = names[0].split(",") if len(names) == 1 else names
    return tuple(name.strip() for name in split)


def blob_names(value: str | Sequence[str]) -> Any:
    """Blob names as given, each once, with ``/`` between folders."""
    names = texts(value)
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        return names
    return tuple(dict.fromkeys(name.removeprefix("./") for name in names))


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


def public_texts(value: Sequence[str]) -> Any:
    """Likewise of several."""
    return redacted_values(texts(value))


def public_mappings(value: Sequence[Mapping[str, Any]]) -> Any:
    """Likewise of mappings that hold texts."""
    return redacted_values(tuple(value)) if isinstance(value, list | tuple) else value


def filled_in(value: str | None) -> Any:
    """None, too, may be given for what is never None afterwards: the request fills it in."""
    return value


def whole_as_float(value: float | None) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def tiers(value: Sequence[Tier | Mapping[str, Any]]) -> Any:
    """User-defined tiers: Tier objects or mappings of their fields."""
    return tuple(_tier(tier) for tier in (value if isinstance(value, list | tuple) else (value,)))


def _tier(value: Any) -> Any:
    try:
        return Tier(**value) if isinstance(value, Mapping) else value
    except TypeError:
        return value


def size(value: int | str | None) -> Any:
    """Bytes; as text also with a unit, ``500M`` or ``8G``."""
    try:
        return parse_bytes(value) if isinstance(value, str) else value
    except (ValueError, OverflowError):
        return value


def storage_options(value: Mapping[str, Any] | None) -> Any:
    return revealed(value)


def path_or_none(value: str | PathLike[str] | None) -> Any:
    return os.fspath(value) if isinstance(value, PathLike) else value


def rerun(value: bool | str | Sequence[str] | None) -> Any:
    """What is to be done again, as a tuple of names; truth values mean all, or nothing."""
    if value is None or isinstance(value, bool):
        return ("all",) if value else ()
    return texts([value] if isinstance(value, str) else value)
