"""The page on architecture shows the real tree, and names nothing that is not there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"


@pytest.fixture
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_architecture", ROOT / "docs" / "write_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_tree_and_layers_are_the_real_ones(writer: ModuleType) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert writer.page(text) == text, "run nox -s architecture"


def test_another_tree_would_be_noticed(writer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "core"
    room.mkdir()
    (room / "__init__.py").write_text('"""Of another kind."""\n')
    monkeypatch.setattr(writer, "PACKAGE", tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    assert writer.page(text) != text
    assert "| `core` | Of another kind. |  |" in writer.page(text)


def test_the_files_and_packages_that_it_names_exist() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)+(?:\.py)?)`", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 5
    places = [ROOT, ROOT / "src" / "rastercollection"]
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_the_classes_that_it_explains_exist() -> None:
    rows = re.findall(r"^\| ([A-Z][A-Za-z, ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    names = {name for row in rows for name in row.split(", ")} - {"Handler", "Request", "Record"}
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert len(names) > 15
    assert [name for name in sorted(names) if not re.search(rf"^class {name}\b", source, re.MULTILINE)] == []
