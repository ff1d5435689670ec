"""Text that is safe and readable in a terminal: control characters made visible, errors with code and hint."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from rastercollection.errors import RasterCollectionError, RequestError
from rastercollection.models import ErrorRecord

__all__ = ["clean", "describe", "format_error", "plural"]

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def clean(text: object, *, lines: bool = False) -> str:
    """``text`` with what a terminal would act upon (escape codes, direction marks) shown as ``\\x1b``.

    File names and tags come from strangers. With ``lines``, line feeds are kept.
    """
    return "".join(
        character
        if (lines and character == "\n") or unicodedata.category(character) not in _HIDDEN
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in str(text)
    )


def plural(count: int, noun: str) -> str:
    """``1 tile``, ``2 tiles``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def describe(error: ErrorRecord) -> str:
    """An error on one line: code, message, hint."""
    return clean(f"[{error.code}] {error.message} {error.hint}".rstrip())


def format_error(error: BaseException, options: Mapping[str, str]) -> str:
    """An error as several lines: code and message, what is wrong with each parameter, the hint.

    Args:
        error: Any exception.
        options: The command line's name of a parameter, where it has one.
    """
    if isinstance(error, RequestError):
        head = f"error [{error.code}]: {plural(len(error.problems), 'problem')} with the request"
        problems = [
            f"  {options.get(problem.parameter, problem.parameter)} = {problem.value}\n    {problem.allowed}"
            for problem in error.problems
        ]
        return clean("\n".join([head, *problems]), lines=True)
    record = ErrorRecord.of(error)
    hint = f"\n  hint: {record.hint}" if record.hint and isinstance(error, RasterCollectionError) else ""
    return clean(f"error [{record.code}]: {record.message}{hint}", lines=True)
