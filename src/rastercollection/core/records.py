"""Records at rest: frozen values to versioned JSON-able dicts and back.

Numbers that JSON lacks are written as text: ``"nan"``, ``"inf"``, ``"-inf"``. A field's metadata may say that a dict is
laid out otherwise than the value: :data:`FLAT`, :func:`inside`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import attrs

from rastercollection.core.models import SCHEMA_VERSION
from rastercollection.errors import RasterCollectionError

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = [
    "FLAT",
    "MULTIHASH_SHA256",
    "canonical_json",
    "digest",
    "from_dict",
    "inside",
    "jsonable",
    "multihash",
    "to_dict",
    "to_plain",
]

T = TypeVar("T")

FLAT: Mapping[str, str] = {"at_rest": ""}
"""Metadata of a field that holds a value of its own: that value's fields are written among those of its parent."""

MULTIHASH_SHA256 = "1220"
"""What the multihash of an SHA2-256 begins with: the code of the function, and the length in bytes."""
_MOST_TOLD = 3
_PLAIN, _LISTS, _MAPPINGS = (str, int, bool, type(None)), (list, tuple), (dict, Mapping)
_LONGEST_SHARED = 40
"""Characters of texts that are likely to be the same in many records, and held once."""
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def inside(name: str) -> Mapping[str, str]:
    """Metadata of a field that is written into the dict of field ``name`` beside it, if that is not None."""
    return {"at_rest": name}


def jsonable(value: Any) -> Any:
    """``value`` with tuples as lists, non-finite and complex numbers as text, through every level of nesting."""
    if isinstance(value, _PLAIN):  # most are, and to ask for a Mapping takes long
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, _LISTS):
        return [item if type(item) in _PLAIN else jsonable(item) for item in value]
    if isinstance(value, _MAPPINGS):
        return {str(key): item if type(item) in _PLAIN else jsonable(item) for key, item in value.items()}
    return str(value).strip("()") if isinstance(value, complex) else value


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no white space: equal values give equal text."""
    return json.dumps(jsonable(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON of ``value``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def multihash(content: bytes | IO[bytes]) -> str:
    """SHA2-256 of bytes, or of a file that is open for reading bytes, as a hexadecimal multihash."""
    found = hashlib.sha256(content) if isinstance(content, bytes) else hashlib.file_digest(content, "sha256")  # type: ignore[arg-type]
    return MULTIHASH_SHA256 + found.hexdigest()


def _float(value: Any, _: Any) -> float:
    return _NOT_FINITE[value] if isinstance(value, str) and value in _NOT_FINITE else float(value)


def _text(value: Any, _: Any) -> str:
    return sys.intern(value) if type(value) is str and len(value) <= _LONGEST_SHARED else str(value)


def _mapping(value: Any, _: Any) -> Mapping[str, Any]:
    """As it is: whoever keeps it packed has it so."""
    if not isinstance(value, _MAPPINGS):
        raise TypeError(f"a {type(value).__name__} is no mapping")
    return cast("Mapping[str, Any]", value)


def _number(value: Any, _: Any) -> int | float | None:
    # int stays int: 2**63 - 1 has no exact float
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return _float(value, None)


def _elsewhere(kind: Any) -> dict[str, str]:
    """Where fields of a class are written that have no key of their own: the field inside of which, empty for flat."""
    fields = attrs.fields(kind) if attrs.has(kind) else ()
    return {field.name: field.metadata["at_rest"] for field in fields if "at_rest" in field.metadata}


def _is_rearranged(kind: Any) -> bool:
    return bool(_elsewhere(kind))


def _structuring(kind: Any, converter: Converter) -> Callable[[Mapping[str, Any], Any], Any]:
    from cattrs.gen import make_dict_structure_fn

    plain, elsewhere = make_dict_structure_fn(kind, converter), _elsewhere(kind)

    def structure(data: Mapping[str, Any], kind: Any) -> Any:
        found = dict(data)
        for name, place in elsewhere.items():
            if not place:
                found[name] = data
            elif name in (data[place] or ()):
                found[name] = data[place][name]
        return plain(found, kind)

    return structure


def _unstructuring(kind: Any, converter: Converter) -> Callable[[Any], dict[str, Any]]:
    from cattrs.gen import make_dict_unstructure_fn

    plain, elsewhere = make_dict_unstructure_fn(kind, converter), _elsewhere(kind)

    def unstructure(value: Any) -> dict[str, Any]:
        data = plain(value)
        for name, place in elsewhere.items():
            item = data.pop(name)
            if not place:
                data |= item
            elif data[place] is not None:
                data[place][name] = item
        return data

    return unstructure


@functools.cache
def _converter(*, explains: bool = False) -> Converter:
    """What structures values, and may say of each field what is wrong with it, which takes longer."""
    from cattrs.preconf.json import make_converter

    converter = make_converter(omit_if_default=False, detailed_validation=explains)
    converter.register_structure_hook_func(lambda kind: kind is str, _text)
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook_func(lambda kind: kind == Mapping[str, Any], _mapping)
    converter.register_structure_hook_func(lambda kind: kind == (int | float | None), _number)
    converter.register_structure_hook_func(lambda kind: kind == tuple[int, ...], lambda v, _: tuple(map(int, v)))
    converter.register_structure_hook(float | None, lambda v, t: None if v is None else _float(v, t))
    converter.register_structure_hook_factory(_is_rearranged, _structuring)
    converter.register_unstructure_hook_factory(_is_rearranged, _unstructuring)
    return converter


def to_dict(value: Any) -> dict[str, Any]:
    """The versioned, JSON-able dict of a frozen value."""
    return {"schema_version": SCHEMA_VERSION, **to_plain(value)}


def to_plain(value: Any) -> dict[str, Any]:
    """The same without a version, for what is kept inside of something that has one."""
    plain: dict[str, Any] = jsonable(_converter().unstructure(value))
    return plain


def from_dict(kind: type[T], data: Mapping[str, Any]) -> T:
    """The value of class ``kind`` that :func:`to_dict` wrote.

    Raises:
        RasterCollectionError: The record was written by a newer version of the library, or is none of this class.
    """
    version = data.get("schema_version", SCHEMA_VERSION)
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise RasterCollectionError(
            f"A {kind.__name__} record has schema version {version!r}; this release reads up to {SCHEMA_VERSION}.",
            "Upgrade rastercollection.",
        )
    fields = {key: item for key, item in data.items() if key != "schema_version"}
    try:
        return _converter().structure(fields, kind)
    except Exception:  # noqa: BLE001 - whatever it is, it comes again, explained
        return _explained(kind, fields)


def _explained(kind: type[T], fields: Mapping[str, Any]) -> T:
    from cattrs import BaseValidationError, transform_error

    try:
        return _converter(explains=True).structure(fields, kind)
    except BaseValidationError as error:
        raise RasterCollectionError(
            f"This is no {kind.__name__} record: {'; '.join(transform_error(error)[:_MOST_TOLD])}.",
            "See what made it: a handler of yours, or a file that was changed by hand.",
        ) from error
