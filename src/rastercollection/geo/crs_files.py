"""Files that the text of a CRS names: PROJ opens grids and init files by name, wherever they are. Pure.

PROJ looks for a plain name (``BETA2007.gsb``) in its own data folders only. A name with a folder in it, or a URL, leads
it elsewhere: it is opened when the CRS is made, compared or transformed, by whoever reads the text. What is looked at
here is what PROJ and GDAL take for a file: values of PROJ strings (alone, in WKT's ``EXTENSION`` and in names of
methods), WKT's ``EXTENSION["PROJ4_GRIDS", …]`` and ``PARAMETERFILE``, and PROJJSON's parameters with a text as value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["file_elsewhere", "file_elsewhere_in_bytes", "file_elsewhere_in_json"]

_QUOTES = '"\u201c\u201d'
_ARGUMENT = rf"\s*(?:[{_QUOTES}](?P<%s>(?:[^{_QUOTES}]|\"\")*)[{_QUOTES}]|(?P<%s_bare>[^\[\](),{_QUOTES}]*))\s*"
_NODE = re.compile(
    rf"(?:EXTENSION|PARAMETERFILE)\s*[\[(]{_ARGUMENT % ('name', 'name')},{_ARGUMENT % ('value', 'value')}",
    re.IGNORECASE,
)
_STRING = re.compile(rf"[{_QUOTES}]((?:[^{_QUOTES}]|\"\")*)[{_QUOTES}]")
_PROJ = re.compile(r"(?:^|[\s+;])(?:proj|init)\s*=", re.IGNORECASE)
_GRIDS = "PROJ4_GRIDS"
_FRACTION = re.compile(r"[+-]?\d+(?:\.\d*)?/\d+(?:\.\d*)?")
_LEADS_ELSEWHERE = re.compile(r"[/\\~\0]|\.\.|^[A-Za-z]:")
_KEYWORDS_IN_BYTES = (b"extension", b"parameterfile")
_CHUNK, _LONGEST_NODE = 2**20, 4096


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
    """The same of WKT that lies in the bytes of a file (``bytes`` or a memory map), uncompressed."""
    for start in range(0, len(content), _CHUNK):
        chunk = bytes(content[start : start + _CHUNK + _LONGEST_NODE])
        # searching for whole nodes at once would take ten times as long
        if any(keyword in chunk.lower() for keyword in _KEYWORDS_IN_BYTES):
            nodes = _NODE.finditer(chunk.decode(errors="replace"))
            found = next((name for node in nodes for name in _of_node(node)), None)
            if found:
                return found
    return None


def _named(text: str) -> Iterator[str]:
    for node in _NODE.finditer(text):
        yield from _of_node(node)
    for match in _STRING.finditer(text):
        yield from _of_proj_string(match[1])
    yield from _of_proj_string(text)


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
    if not _PROJ.search(text):
        return
    for token in re.sub(r"\s*([=,])\s*", r"\1", text.replace(";", " ")).split():
        key, equals, value = token.strip("+").partition("=")
        if equals and not _FRACTION.fullmatch(value):
            yield from _of_list(value.strip('"').partition(":")[0] if key.lower() == "init" else value.strip('"'))


def _named_in_json(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _named_in_json(item, str(name))
    elif isinstance(value, list):
        for item in value:
            yield from _named_in_json(item, key)
    elif isinstance(value, str):
        yield from _of_list(value) if key == "value" else _of_proj_string(value)
