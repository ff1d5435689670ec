"""A pile of rasters, served: validated, turned into COGs, mosaicked, catalogued in STAC, on a map.

Start with :func:`process_collection`. The public names stand in ``__init__.pyi``; each is loaded when it is first used.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
_HOMES = {
    alias.name: f"{__name__}.{node.module}"
    for node in _STUB.body
    if isinstance(node, ast.ImportFrom) and node.level == 1
    for alias in node.names
}
"""The module of each public name."""

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
