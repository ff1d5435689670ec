"""The reference has all that others may use, once, and an example that runs for each."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rastercollection
import rastercollection.testing
from rastercollection import errors
from rastercollection.core import events, executor, job_store, registry
from rastercollection.core.registry import Registry
from rastercollection.ports import catalog, guarded, registries, storage

PAGES = sorted((Path(__file__).parents[2] / "docs" / "reference").glob("*.md"))
WHOLE = (errors, events, executor, job_store, registry, catalog, guarded, registries, storage)
"""Modules of which every name is others' to use."""


def _declared() -> list[tuple[Path, str]]:
    """What pages show, in their order."""
    return [
        (page, name)
        for page in PAGES
        for name in re.findall(r"^::: rastercollection\.(\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def _shown() -> dict[str, Any]:
    return {name: pkgutil.resolve_name(f"rastercollection.{name}") for _, name in _declared()}


def _contracts() -> Iterator[type]:
    for module in pkgutil.iter_modules(rastercollection.testing.__path__):
        loaded = importlib.import_module(f"rastercollection.testing.{module.name}")
        names = (vars(loaded)[name] for name in loaded.__all__)
        yield from (thing for thing in names if inspect.isabstract(thing) or str(thing).find("Contract") > 0)


def _expected() -> dict[str, Any]:
    """What has to be there, by the name under which it is imported."""
    found = {name: getattr(rastercollection, name) for name in rastercollection.__all__}
    for module in WHOLE:
        room = module.__name__.partition(".")[2]
        found |= {f"{room}.{name}": value for name, value in vars(module).items() if name in module.__all__}
    kinds = (registries.EXECUTORS, registries.STORAGE, registries.CATALOGS, registries.JOBS)
    for kind in kinds:
        targets = {kind.target(name) for name in kind.names()}
        ours = {target for target in targets if target.startswith("rastercollection.")}
        found |= {target.partition(".")[2].replace(":", "."): pkgutil.resolve_name(target) for target in ours}
    return found | {f"{thing.__module__.partition('.')[2]}.{thing.__name__}": thing for thing in _contracts()}


def test_nothing_is_left_out_and_nothing_is_there_twice() -> None:
    shown = _shown()
    identities = [id(value) for value in shown.values() if not isinstance(value, str | tuple)]
    assert len(identities) == len(set(identities)) > 100
    missing = [name for name, value in _expected().items() if not any(value is one for one in shown.values())]
    assert missing == []


def test_process_collection_comes_first() -> None:
    first = next(name for page, name in _declared() if page.stem == "calls")
    assert first == "process_collection"


def test_an_example_uses_each() -> None:
    unused = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        program = ast.parse("\n".join(re.findall(r"^```python\n(.+?)^```", text, re.DOTALL | re.MULTILINE)))
        used = {node.id for node in ast.walk(program) if isinstance(node, ast.Name)}
        names = (name for where, name in _declared() if where == page)
        unused += [f"{page.stem}: {name}" for name in names if name.rpartition(".")[2] not in used]
    assert unused == []


def test_every_group_of_entry_points_is_told() -> None:
    text = (PAGES[0].parent / "protocols.md").read_text(encoding="utf-8")
    groups = {value.group for value in vars(registries).values() if isinstance(value, Registry)}
    assert len(groups) >= 6
    assert set(re.findall(r"^\| `(rastercollection\.\w+)` \|", text, re.MULTILINE)) == groups
