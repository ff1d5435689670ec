"""Files that the text of a CRS names: PROJ opens grids and init files by name, wherever they are. Pure.

PROJ looks for a plain name (``BETA2007.gsb``) in its own data folders only. A name with a folder in it, or a URL, leads
it elsewhere: it is opened when the CRS is made, compared or transformed, by whoever reads the text. What is looked at
here is what PROJ and GDAL take for a file: values of PROJ strings (alone, in WKT's ``EXTENSION`` and in names of
methods), WKT's ``EXTENSION["PROJ4_GRIDS", …]`` and ``PARAMETERFILE``, and PROJJSON's parameters with a text as value.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["file_elsewhere", "file_elsewhere_in_bytes", "file_elsewhere_in_json"]

_QUOTES = '"\u201c\u201d'
_QUOTED = rf"[{_QUOTES}]%s[^{_QUOTES}]*(?:\"\"[^{_QUOTES}]*)*)[{_QUOTES}]"
# what is not quoted starts with no blank: else many blanks could be divided in many ways
_ARGUMENT = rf"\s*(?:{_QUOTED % '(?P<{0}>'}\s*|(?P<{{0}}_bare>(?:[^\s\[\](),{_QUOTES}][^\[\](),{_QUOTES}]*)?))"
_NODE = re.compile(
    r"(?:EXTENSION|PARAMETERFILE)\s*[\[(]" + _ARGUMENT.format("name") + "," + _ARGUMENT.format("value"), re.IGNORECASE
)
_STRING = re.compile(_QUOTED % "(")
_PROJ = re.compile(r"(?:^|[\s+;])(?:proj|init)\s*=", re.IGNORECASE)
_GRIDS = "PROJ4_GRIDS"
_FRACTION = re.compile(r"[+-]?\d+(?:\.\d*)?/\d+(?:\.\d*)?")
_LEADS_ELSEWHERE = re.compile(r"[/\\~\0]|\.\.|^[A-Za-z]:")
_PROJ_AMONG_OTHERS = re.compile(r"\+\s*(?:proj|init)\s*=", re.IGNORECASE)
# a byte in front may belong to what lies before the text
_FILE_KEY = re.compile(r".?(?:(?:nad|geoid|xy_|z_)?grids|catalog|file|model|init)", re.IGNORECASE | re.DOTALL)
_JSON_VALUE = re.compile(r'"value"\s*:\s*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_JSON_CRS = re.compile("[a-z]CRS")
_KEYWORDS = (b"extension", b"parameterfile", b"proj", b"init", b'"type"')
_KEYWORD = re.compile(b"|".join(_KEYWORDS))
_CHUNK, _LONGEST_KEYWORD = 2**20, max(map(len, _KEYWORDS))
_LONGEST_BEFORE, _LONGEST_AFTER = 2**16, 2**24
_MOST_OBJECTS = 16


def file_elsewhere(text: str) -> str | None:
    """The first file outside of PROJ's own folders that a text names; None where it names none.

    Args:
        text: WKT of any kind, PROJJSON, a PROJ string, a code or any other text.
    """
    if text.lstrip().startswith("{"):
        try:
            return file_elsewhere_in_json(json.loads(text))
        except (ValueError, RecursionError):
            pass  # no JSON: PROJ takes it for one of the others, or for nothing
    return next(_named(text), None)


def file_elsewhere_in_json(value: Any) -> str | None:
    """The same of PROJJSON, parsed."""
    return next(_named_in_json(value), None)


def file_elsewhere_in_bytes(content: Any) -> str | None:
    """The same of all texts that lie in the bytes of a file (``bytes`` or a memory map), uncompressed.

    A text ends at a NUL, as it does for GDAL. Where it begins and whether it is a CRS is not known: of PROJ strings
    among other words only those parameters count that name files.
    """
    for start, end in _texts(content):
        found = next(_named_among_others(bytes(content[start:end]).decode(errors="replace")), None)
        if found:
            return found
    return None


def _texts(content: Any) -> Iterator[tuple[int, int]]:
    """Where the texts with a keyword in them start and end, each once."""
    end = 0
    for hit in _keywords(content):
        if hit >= end:
            first, last = max(0, hit - _LONGEST_BEFORE), min(len(content), hit + _LONGEST_AFTER)
            before, after = content.rfind(b"\0", first, hit), content.find(b"\0", hit, last)
            end = last if after < 0 else after
            yield (first if before < 0 else before + 1), end


def _keywords(content: Any) -> Iterator[int]:
    for start in range(0, len(content), _CHUNK):
        chunk = bytes(content[start : start + _CHUNK + _LONGEST_KEYWORD]).lower()
        # a pattern takes many times as long
        if any(keyword in chunk for keyword in _KEYWORDS):
            yield from (start + match.start() for match in _KEYWORD.finditer(chunk))


def _named_among_others(text: str) -> Iterator[str]:
    yield from _of_wkt(text)
    if _PROJ_AMONG_OTHERS.search(text):
        yield from _of_parameters(text, _FILE_KEY)
    if '"type"' in text and _JSON_CRS.search(text):
        yield from _of_json_among_others(text)


def _of_json_among_others(text: str) -> Iterator[str]:
    start = text.find("{")
    for _ in range(_MOST_OBJECTS):
        if start < 0:
            break
        with contextlib.suppress(ValueError, RecursionError):
            yield from _named_in_json(json.JSONDecoder().raw_decode(text, start)[0])
        start = text.find("{", start + 1)
    for match in _JSON_VALUE.finditer(text):
        yield from _of_list(match[1])


def _named(text: str) -> Iterator[str]:
    yield from _of_wkt(text)
    yield from _of_proj_string(text)


def _of_wkt(text: str) -> Iterator[str]:
    for node in _NODE.finditer(text):
        yield from _of_node(node)
    for match in _STRING.finditer(text):
        yield from _of_proj_string(match[1])


def _of_node(node: re.Match[str]) -> Iterator[str]:
    value = node["value"] if node["value"] is not None else node["value_bare"]
    name = node["name"] if node["name"] is not None else node["name_bare"]
    is_list = node[0][:1] in "Pp" or _GRIDS in name.upper()
    yield from _of_list(value) if is_list else _of_proj_string(value)


def _of_list(names: str) -> Iterator[str]:
    """File names as PROJ lists them, each with ``@`` in front where it may be missing."""
    for name in names.split(","):
        if _LEADS_ELSEWHERE.search(name.strip().lstrip("@")):
            yield name.strip()


def _of_proj_string(text: str) -> Iterator[str]:
    """Values that are paths; PROJ takes blanks around ``=`` and ``,`` for nothing and ``;`` for a blank."""
    if _PROJ.search(text):
        yield from _of_parameters(text, None)


def _of_parameters(text: str, keys: re.Pattern[str] | None) -> Iterator[str]:
    """The same of those whose key is one of ``keys``, or of all."""
    words = " ".join(text.replace(";", " ").split())
    for token in re.sub(" ?([=,]) ?", r"\1", words).split():
        key, equals, value = token.strip("+").partition("=")
        name = key.rpartition("+")[2]
        if equals and not _FRACTION.fullmatch(value) and (keys is None or keys.fullmatch(name)):
            value = value.strip("\"'")
            yield from _of_list(value.partition(":")[0] if name.lower().endswith("init") else value)


def _named_in_json(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _named_in_json(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _named_in_json(item, key)
    elif isinstance(value, str):
        yield from _of_list(value) if key == "value" else _of_proj_string(value)
