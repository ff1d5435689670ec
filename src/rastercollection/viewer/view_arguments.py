"""Whether the arguments of ``view_collection`` are of their kind, told of together before anything is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rastercollection.errors import RequestError, RequestProblem
from rastercollection.model import checks
from rastercollection.model.parameters import argument_problems
from rastercollection.ports.storage import StorageBackend

__all__ = ["check_arguments", "is_mapping"]

_is_storage = checks.text_or(checks.has_members_of(StorageBackend, "a storage backend, or the name of one"))


def _are_texts(value: Any) -> str:
    ok = isinstance(value, Collection) and all(isinstance(each, str) for each in value)
    return "" if ok else "must be a text or a list of texts"


def is_mapping(value: Any) -> bool:
    """Whether it may be the options of a storage."""
    return value is None or isinstance(value, Mapping)


def check_arguments(
    collection: Any,
    host: Any,
    port: Any,
    open_browser: Any,
    allow_origin: Any,
    proxy: Any,
    storage: Any,
    collection_id: Any,
    *,
    has_options: bool,
) -> None:
    """Raise RequestError with all that is wrong; ``storage_options``, which hold secrets, are not handed in."""
    origins = [allow_origin] if isinstance(allow_origin, str) else allow_origin
    wrong = argument_problems(
        collection=(collection, checks.published),
        host=(host, checks.text),
        port=(port, checks.optional(checks.integer(0, 65535))),
        open_browser=(open_browser, checks.boolean),
        allow_origin=(origins, _are_texts),
        proxy=(proxy, checks.optional(checks.text)),
        storage=(storage, checks.optional(_is_storage)),
        collection_id=(collection_id, checks.optional(checks.text)),
    )
    if not has_options:
        wrong.append(RequestProblem("storage_options", "…", "must be a mapping of names to values"))
    if wrong:
        raise RequestError(wrong)
