"""The examples of the documentation run, and the reference pages are complete."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import attrs
import psycopg
import pytest

import rastercollection
from rastercollection import CollectionRequest
from rastercollection.core import events
from rastercollection.core.events import Event
from rastercollection.core.registry import Registry
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.ports import registries

DOCS = Path(__file__).parents[2] / "docs"
README = DOCS.parent / "README.md"
WRITTEN = (README, DOCS.parent / "CONTRIBUTING.md", DOCS.parent / "CHANGELOG.md", *sorted(DOCS.rglob("*.md")))
NAMED = re.compile(r"[A-Z][A-Z0-9_]+")
LEADING = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:: .*)?", re.DOTALL)


def _examples(page: Path) -> str:
    """All Python of a page as one program, on the lines where it stands in the page."""
    lines, inside = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            lines.append("")
        else:
            lines.append(line if inside else "")
    return "\n".join(lines)


SERVED = DOCS / "recipes" / "pgstac.md"
"""The one whose example needs a database and a tile server."""

OF_SEVERAL_FILES = {*(DOCS / "plugins").glob("*.md")}
"""These are run by ``test_plugin_pages.py``."""

PAGES = [
    page for page in (README, *sorted({*DOCS.rglob("*.md")} - {SERVED} - OF_SEVERAL_FILES)) if _examples(page).strip()
]


def _name(page: Path) -> str:
    return page.relative_to(DOCS.parent).with_suffix("").as_posix().removeprefix("docs/")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_examples_run_as_a_file_in_an_empty_folder(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(page, tmp_path, monkeypatch)


def test_the_page_on_pgstac_runs_as_a_file(
    titiler_pgstac: tuple[str, int], served_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(served_dsn, autocommit=True, options="-c search_path=pgstac,public") as database:
        database.execute(
            "DELETE FROM collections WHERE id = 'namangan-2019'"
        )  # what another tile server's run has left
    monkeypatch.setenv("PGSTAC", served_dsn)
    monkeypatch.setenv("TITILER", titiler_pgstac[0])
    _run(SERVED, tmp_path, monkeypatch)


def test_the_compose_file_starts_what_the_page_on_pgstac_asks() -> None:
    yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
    services = yaml.safe_load((SERVED.parent / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"database", "tiles"}
    assert all(re.search(r":v?\d+\.\d+\.\d+$", service["image"]) for service in services.values())
    user, password = (services["database"]["environment"][f"POSTGRES_{name}"] for name in ("USER", "PASSWORD"))
    (port, inside), (tiles, _) = (service["ports"][0].split(":")[1:] for service in services.values())
    page = SERVED.read_text(encoding="utf-8")
    assert f'"postgresql://{user}:{password}@127.0.0.1:{port}/postgis"' in page
    assert f'"http://127.0.0.1:{tiles}"' in page
    assert (
        services["tiles"]["environment"]["DATABASE_URL"] == f"postgresql://{user}:{password}@database:{inside}/postgis"
    )
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service["ports"])


def _run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASTERCOLLECTION_STATE", str(tmp_path / "state"))
    folder = tmp_path / "empty"
    folder.mkdir()
    program = tmp_path / "page.py"  # dask.py would be taken for Dask
    program.write_text(_examples(page), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_there_are_examples_on_all_pages_that_promise_them() -> None:
    assert {page.stem for page in PAGES} >= {"README", "tutorial", "concepts", "executors", "backends"}


def _named(text: str) -> set[str]:
    """What a text names by a dotted name: in full, or in backticks from a package of the library on."""
    rooms = "|".join(module.name for module in pkgutil.iter_modules(rastercollection.__path__))
    full = re.findall(r"\brastercollection\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", text)
    short = re.findall(rf"`((?:{rooms})(?:\.[A-Za-z_]\w*)+)`", text)
    return {f"rastercollection.{name}" for name in (*full, *short) if not name.endswith(".py")}


def test_names_are_found() -> None:
    text = "from rastercollection.ports.storage import x; `core.engine`, `rastercollection.no_such.thing`, `errors.py`"
    assert _named(text) == {f"rastercollection.{name}" for name in ("ports.storage", "core.engine", "no_such.thing")}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.stem)
def test_modules_that_are_named_are_there(page: Path) -> None:
    groups = {registry.group for registry in vars(registries).values() if isinstance(registry, Registry)}
    wrong = []
    for name in sorted(_named(page.read_text(encoding="utf-8")) - groups):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError) as error:
            wrong.append(f"{name}: {error}")
    assert wrong == []


def _package_trees() -> Iterator[ast.AST]:
    spec = find_spec("rastercollection")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    for path in set(package.rglob("*.py")) - set((package / "testing").rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def _texts(node: ast.AST | None, pattern: re.Pattern[str]) -> Iterator[str]:
    for part in ast.walk(node) if node is not None else ():
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and pattern.fullmatch(part.value):
            yield from pattern.findall(part.value)


def _codes() -> set[str]:
    """What the package passes as ``code``, begins a notice, a problem or an error with, or sets as a class's code."""
    found: set[str] = set()
    for node in (node for tree in _package_trees() for node in ast.walk(tree)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("notice", "notify", "Notice", "ErrorRecord", "RequestProblem") or name.endswith("Error"):
                found.update(code for argument in node.args for code in _texts(argument, LEADING))
            found.update(code for word in node.keywords if word.arg == "code" for code in _texts(word.value, NAMED))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id.lower() == "code" for target in targets):
                found.update(_texts(node.value, NAMED))
    return found


def test_every_code_is_on_the_error_page_and_nothing_else() -> None:
    codes = _codes()
    assert {"CRS_MISSING", "FILE_NOT_FOUND", "TIER_FALLBACK", "INVALID_REQUEST", "WORKER_DIED"} <= codes
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([A-Z0-9_]+)` \|", page, re.MULTILINE)
    assert sorted(codes - set(listed)) == []
    assert sorted(set(listed) - codes) == []
    assert len(listed) == len(set(listed))


def test_tables_and_keyword_arguments_are_what_the_fields_give() -> None:
    spec = spec_from_file_location("write_parameters", DOCS / "write_parameters.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    page, arguments = script.PAGE.read_text(encoding="utf-8"), script.ARGUMENTS.read_text(encoding="utf-8")
    assert script.page(page) == page, "run nox -s parameters"
    assert script.arguments(arguments) == arguments, "run nox -s parameters"
    for name in (*attrs.fields_dict(CollectionRequest), *attrs.fields_dict(RuntimeOptions)):
        assert f"\n| `{name}` | " in page


def test_every_event_and_each_of_its_fields_is_on_the_page() -> None:
    kinds = {name: kind for name, kind in vars(events).items() if isinstance(kind, type) and issubclass(kind, Event)}
    sections = (DOCS / "events.md").read_text(encoding="utf-8").split("\n### ")[1:]
    told = {text.partition("\n")[0]: re.findall(r"^\| `(\w+)` \|", text.split("\n## ")[0], re.M) for text in sections}
    common = [field.name for field in attrs.fields(Event)]
    assert told.pop("Event") == common
    assert told == {
        name: [field.name for field in attrs.fields(kind) if field.name not in common]
        for name, kind in kinds.items()
        if kind is not Event
    }
