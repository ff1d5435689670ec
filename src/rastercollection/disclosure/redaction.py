"""Secrets in texts, replaced before a text is kept or shown: in messages, notices, records, logs and documents.

Known by their form: credentials in addresses, signatures and keys in query strings, passwords in connection strings,
headers and dicts, and keys whose issuers give them a form of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["REDACTED", "Hidden", "holds_secret", "redacted", "redacted_values", "revealed"]

REDACTED = "REDACTED"

_NAME = (
    r"(?:[\w-]{0,40}(?:passw(?:or)?d|passphrase|secret|token|signature|api[_-]?key|account[_-]?key|access[_-]?key"
    r"|private[_-]?key|subscription[_-]?key|connection[_-]?string|credentials?)[\w-]{0,40}|pwd|sig|pgpassword)"
)
_NAME_IN_QUERY = rf"(?:{_NAME}|key|code|auth|sas|pass|expires|se|x-(?:amz|goog|ms)-[\w-]+|googleaccessid)"
_LINE_FEED = r"(?:\n|\\n)"  # itself, or as a repr shows it
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    # repetitions that may start anywhere are bounded: texts come from strangers
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", REDACTED),
        # user:password@; a password may hold slashes, a port of a web server is none, nor is github://owner:repo@main
        (r"(\b(?!github:)[a-z][a-z0-9+.-]{0,20}://)[^\s/?#@:'\"<>]{0,500}:[^\s/?#'\"<>]{0,2000}@", rf"\1{REDACTED}@"),
        (r"(\bhttps?://)[^\s/?#@:'\"<>]{0,500}:(?!\d+[/?#])[^\s'\"<>]{0,2000}@", rf"\1{REDACTED}@"),
        (
            r"(\b(?!https?:|github:)[a-z][a-z0-9+.-]{0,20}://)[^\s/?#@:'\"<>]{0,500}:[^\s'\"<>]{0,2000}@",
            rf"\1{REDACTED}@",
        ),
        (r"(\bhttps?://)[^\s/?#@'\"<>]{1,2000}@", rf"\1{REDACTED}@"),
        # ?name=value, percent-encoded as well
        (
            rf"((?:[?&;#]|%3F|%26|%3B|%23){_NAME_IN_QUERY}(?:=|%3D))(?:(?!%26)[^&;\s\"'<>])+",
            rf"\1{REDACTED}",
        ),
        # name=value, name='value' and 'name': 'value'
        (rf"(\b{_NAME}\s*=\s*)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s;&,'\")}}\]<>]+)", rf"\1{REDACTED}"),
        (rf"(([\"']){_NAME}\2\s*:\s*)(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,}}\]]+)", rf"\1\2{REDACTED}\2"),
        # name: value, as YAML and headers have it; an ordinary word that others follow is prose
        (
            rf"(\b{_NAME}\s*:(?![:/])[ \t]*(?:{_LINE_FEED}[ \t]+)?)(?!(?-i:{REDACTED})(?!\w))"
            r"(?!(?-i:[A-Za-z][a-z]*)[.,]?[ \t]+\S)"
            rf"(?:[|>][+-]?[ \t]*{_LINE_FEED}(?:(?!\\n)[^\n])+|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
            r"|[^\s;,'\")}\]<>]+)",
            rf"\1{REDACTED}",
        ),
        (r"(\b(?:Bearer|Basic|SharedKey|AWS4-HMAC-SHA256)\s+)[\w.~+/=:-]{8,}", rf"\1{REDACTED}"),
        (r"\b(?-i:AKIA|ASIA)(?-i:[0-9A-Z]{12,})\b", REDACTED),
        (r"\b(?-i:AIza)[\w-]{30,}", REDACTED),
        (r"\b(?-i:gh[pousr]_|github_pat_|glpat-|xox[abp]-)[\w-]{16,}", REDACTED),
        (r"\b(?-i:eyJ)[\w-]{8,2000}\.[\w-]{8,4000}\.[\w-]*", REDACTED),
    )
)
_SIGN = re.compile(
    r"[=:%]|-----BEGIN|Bearer|Basic|SharedKey|AWS4|AKIA|ASIA|AIza|gh[pousr]_|github_pat_|glpat-|xox|eyJ", re.IGNORECASE
)
"""What a text has that any of the rules applies to: most have nothing of it, and tables hold a million of them."""
_NESTED = re.compile(
    rf"(?:\b{_NAME}\s*=\s*(?=[{{\[(])|([\"']){_NAME}\1\s*:\s*(?=[{{\[(])|\b{_NAME}\s*:[ \t]*(?={{))", re.IGNORECASE
)
_BRACKET_OR_STRING = re.compile(r"[{\[(]|[}\])]|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)


class Hidden:
    """A value on its way through functions whose frames may be shown: it is taken out of it where it is used.

    Reporters of errors and test runners publish the local variables of every function that an error came through.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"<{REDACTED}>"


def revealed(value: Any) -> Any:
    """The value that was hidden; any other as it is."""
    return value.value if isinstance(value, Hidden) else value


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with ``REDACTED`` in place of everything that has the form of a secret.

    Args:
        text: Any.
        secrets: Further texts that must not be shown, whatever their form.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    if not _SIGN.search(text):
        return text
    text = _without_nested(text)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def _without_nested(text: str) -> str:
    """The text without dicts and lists that have the name of a secret; one that never ends goes to the text's end."""
    kept, end = [], 0
    while match := _NESTED.search(text, end):
        quote = match[1] or ""
        kept += [text[end : match.end()], f"{quote}{REDACTED}{quote}"]
        end = _end_of_nested(text, match.end())
    return "".join([*kept, text[end:]])


def _end_of_nested(text: str, start: int) -> int:
    depth = 0
    for match in _BRACKET_OR_STRING.finditer(text, start):
        depth += {"{": 1, "[": 1, "(": 1, "}": -1, "]": -1, ")": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return len(text)


def holds_secret(text: str) -> bool:
    """Whether anything in a text has the form of a secret that was not replaced yet."""
    return redacted(text) != text


def redacted_values(value: Any) -> Any:
    """JSON-able data with every text in it redacted; what is kept under a name that says secret, as well."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: _redacted_item(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(redacted_values(item) for item in value)
    return value


def _redacted_item(name: str, value: Any) -> Any:
    may_be = bool(value) and isinstance(value, str | Mapping | list | tuple)
    return REDACTED if may_be and re.fullmatch(_NAME, name, re.IGNORECASE) else redacted_values(value)
