"""Names of arguments: a wrong one is told with what was meant, as a wrong value is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from rastercollection.disclosure.redaction import Hidden
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.model import checks

__all__ = ["missing_arguments", "names_checked", "unknown_arguments"]

P = ParamSpec("P")
R = TypeVar("R")


def names_checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with a RequestError in place of a TypeError where names of arguments are unknown or missing."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*values: Any, **named: Any) -> R:
        wrong = _problems(signature, values, named)
        if wrong:
            del values, named  # they may hold secrets, and reporters of errors show frames
            raise RequestError(wrong)
        given = Hidden((values, named))
        del values, named
        return function(*given.value[0], **given.value[1])

    return call


def _problems(signature: inspect.Signature, values: tuple[Any, ...], named: dict[str, Any]) -> list[RequestProblem]:
    known = {name: each for name, each in signature.parameters.items() if each.kind is not each.VAR_KEYWORD}
    takes_any = len(known) < len(signature.parameters)  # these are told of by whoever takes them
    strange = [name for name in named if name not in known and not takes_any]
    given = {*named, *list(known)[: len(values)]}
    missing = [name for name, each in known.items() if each.default is each.empty and name not in given]
    return [*unknown_arguments(strange, known), *missing_arguments(missing)]


def unknown_arguments(strange: Iterable[str], known: Iterable[str]) -> list[RequestProblem]:
    """What is told of arguments that nothing takes; ``known`` are those that may have been meant."""
    names = tuple(known)
    return [RequestProblem(name, "…", f"is no parameter{checks.close_to(name, names)}") for name in strange]


def missing_arguments(names: Iterable[str]) -> list[RequestProblem]:
    """What is told of arguments that were not given and have to be."""
    return [RequestProblem(name, "nothing", "is required") for name in names]
