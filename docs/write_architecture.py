"""Writes the tree of ``architecture.md`` from the packages themselves; a test fails when the page has another one."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = ROOT / "src" / "rastercollection"
TREE = re.compile(r"(<!-- tree: written by nox -s architecture -->\n\n)(?:\|.*\n)*")
LAYERS = re.compile(r"(<!-- layers: written by nox -s architecture -->\n\n)(?:.*\n)+?(?=\n)")


def page(text: str) -> str:
    """``text`` of the page with tree and layers as they are."""
    return LAYERS.sub(lambda found: f"{found[1]}{_layers()}\n", TREE.sub(lambda found: found[1] + _tree(), text))


def _tree() -> str:
    rows = "".join(f"| `{name}` | {says} | {modules} |\n" for name, says, modules in _rooms())
    return f"| room | what belongs in it, and what does not | modules |\n|---|---|---|\n{rows}"


def _rooms() -> Iterator[tuple[str, str, str]]:
    """Path, sentence and modules of each package, in the order of layers, the top first."""
    order = [name for layer in _layer_names() for name in layer]
    packages = [path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    places = {path: path.relative_to(PACKAGE).parts for path in packages}
    for path in sorted(packages, key=lambda path: (order.index(places[path][0]), places[path])):
        doc = ast.get_docstring(ast.parse((path / "__init__.py").read_text(encoding="utf-8"))) or ""
        modules = sorted(module.stem for module in path.glob("*.py") if module.stem != "__init__")
        says = " ".join(doc.partition("\n\n")[0].split()).replace("``", "`")
        yield "/".join(places[path]), says, ", ".join(f"`{name}`" for name in modules)


def _layers() -> str:
    return " < ".join(" \\| ".join(f"`{name}`" for name in layer) for layer in reversed(_layer_names()))


def _layer_names() -> list[list[str]]:
    """Packages of each layer, the top first, as the contract on imports has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    return [re.split(r"\s*[|:]\s*", layer) for layer in contract["layers"]]


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
