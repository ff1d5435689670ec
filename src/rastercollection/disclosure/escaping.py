"""Characters that a terminal or a log acts upon, shown as what they are: nothing a stranger wrote forges a line."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rastercollection.disclosure.redaction import redacted

__all__ = ["escaped", "safe_text"]

_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def escaped(text: object, *, lines: bool = False) -> str:
    """``text`` with line feeds, escape codes, direction marks and the like shown as ``\\n``, ``\\x1b``, ``\\u202e``.

    File names and tags come from strangers. With ``lines``, line feeds are kept.
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        character
        if (lines and character == "\n") or unicodedata.category(character) not in _HIDDEN
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in shown
    )


def safe_text(text: object, *, lines: bool = False, secrets: Iterable[str] = ()) -> str:
    """A text as people may be shown it and as it may be kept: without secrets, and escaped."""
    return escaped(redacted(str(text), secrets), lines=lines)
