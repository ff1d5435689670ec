"""Which version of a handler's code there is: what a repaired one makes differs from what it made before."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from rastercollection.core.engine.worker import load_handler
from rastercollection.errors import WorkflowDefinitionError

__all__ = ["code_version"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def code_version(handler: str) -> str:
    """A digest of the code, as it is loaded, of the module that a handler is in: functions, classes and constants.

    What it imports from elsewhere is not looked at. Empty where the handler cannot be imported here.
    """
    try:
        module = sys.modules.get(load_handler(handler).__module__)
    except WorkflowDefinitionError:
        return ""
    return hashlib.sha256("\n".join(_module(module)).encode(errors="replace")).hexdigest()[:16] if module else ""


def _module(module: ModuleType) -> Iterator[str]:
    for name, value in sorted(vars(module).items()):
        if not name.startswith("__"):
            yield from (f"{name} {text}" for text in _value(value, module.__name__))


def _value(value: Any, module: str) -> Iterator[str]:
    if isinstance(value, FunctionType):
        value = getattr(value, "__wrapped__", value)
        if value.__module__ == module:
            yield from _code(value.__code__)
            yield _constant((value.__defaults__, value.__kwdefaults__))
    elif isinstance(value, type):
        if value.__module__ == module:
            for name, member in sorted(vars(value).items()):
                inner = getattr(member, "__func__", getattr(member, "fget", member))
                yield from (f"{name} {text}" for text in _value(inner, module))
    elif isinstance(value, (*_PLAIN, tuple, frozenset)):
        yield _constant(value)


def _code(code: CodeType) -> Iterator[str]:
    yield f"{code.co_name} {code.co_code.hex()} {code.co_names} {code.co_varnames}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _code(constant)
        else:
            yield _constant(constant)


def _constant(value: Any) -> str:
    """Its text; sets, whose order is another in every process, sorted."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(_constant, value)))}}}"
    if isinstance(value, dict):
        return f"{{{', '.join(sorted(f'{key}: {_constant(item)}' for key, item in value.items()))}}}"
    return repr(value) if isinstance(value, _PLAIN) else type(value).__name__
