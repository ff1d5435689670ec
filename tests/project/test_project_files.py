"""What contributors are told, what commits are checked by and what runs on a public host are the sessions of nox."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
HOOKS = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
IN_ROOT = {
    *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml", "noxfile.py", "pyproject.toml", "mkdocs.yml"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md"),
    *("benchmarks", "docs", "examples", "src", "tests"),
}
"""All that the repository's root holds: what tests leave behind there is not committed unseen."""
OF_OTHERS = {
    *("morecantile", "rio_tiler"),  # what dependencies take and give is of these
    *("aiohttp", "llvmlite", "starlette"),  # likewise of extras
    *("hypothesis", "pytest"),  # of contracts, for those who test plug-ins
    "opentelemetry",  # used where it is
}
"""Modules that are imported, and that what is declared brings, or their users."""


def _sessions() -> set[str]:
    functions = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
    return {
        node.name
        for node in functions
        if isinstance(node, ast.FunctionDef) and any("session" in ast.unparse(item) for item in node.decorator_list)
    }


def _called(text: str) -> list[str]:
    """Sessions that ``nox -s`` is given, without the version of Python."""
    return [
        name.partition("-")[0] for names in re.findall(r"nox -s((?: [a-z][\w-]*)+)", text) for name in names.split()
    ]


def test_the_root_holds_what_it_should_and_nothing_else() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert {name.partition("/")[0] for name in files.split("\0") if name} == IN_ROOT


def test_sessions_are_found() -> None:
    assert {"lint", "types", "tests", "docs"} <= _sessions()
    assert _called("nox -s lint types\nnox -s tests-${{ matrix.python }}") == ["lint", "types", "tests"]


@pytest.mark.parametrize("text", [WORKFLOW, HOOKS, GUIDE, README], ids=["workflow", "hooks", "guide", "readme"])
def test_nothing_else_is_called(text: str) -> None:
    assert set(_called(text)) - _sessions() == set()


def test_commits_are_checked_by_lint_and_types() -> None:
    assert re.findall(r"entry: (.+)", HOOKS) == ["nox -s lint", "nox -s types"]
    assert re.findall(r"repo: (.+)", HOOKS) == ["local"]


def test_commits_need_no_active_environment() -> None:
    needed = re.search(r'nox\.needs_version = "(.+)"', (ROOT / "noxfile.py").read_text(encoding="utf-8"))
    assert needed is not None
    assert re.findall(r"language: (.+)", HOOKS) == ["python"] * 2
    assert re.findall(r"additional_dependencies: (.+)", HOOKS) == [f'["nox{needed[1]}"]'] * 2


def test_the_readme_names_every_session_and_those_that_run_unasked() -> None:
    (development,) = re.findall(r"## Development\n(.+)", README, re.DOTALL)
    named = set(re.findall(r"`([a-z]+)`", development)) | set(_called(development))
    assert named == _sessions()
    unasked = re.search(r"nox\.options\.sessions = \[(.+)\]", (ROOT / "noxfile.py").read_text(encoding="utf-8"))
    assert unasked is not None
    names = re.findall(r'"([a-z]+)', unasked[1])
    assert f"`{'`, `'.join(names[:-1])}` and `{names[-1]}` are those that run unasked" in development


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "mkdocs.yml"])
def test_every_page_is_listed(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"index.md"}
    assert len(pages) > 10
    assert [page for page in sorted(pages) if not re.search(rf"[(/ ]{re.escape(page)}\b", text)] == []


def test_the_workflow_runs_all_checks_on_every_supported_python() -> None:
    assert set(_called(WORKFLOW)) == {"lint", "types", "docs", "tests"}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    supported = re.findall(r"Python :: (3\.\d+)", project)
    (matrix,) = re.findall(r"python: \[(.+)\]", WORKFLOW)
    assert re.findall(r"3\.\d+", matrix) == supported


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere_and_modules_that_are_named_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    paths = re.findall(r"`((?:docs|tests|model|stages)/[\w./]*)`", text)
    package = ROOT / "src" / "rastercollection"
    assert [path for path in (*links, *paths) if not ((ROOT / path).exists() or (package / path).exists())] == []


def test_the_changelog_has_a_place_for_what_is_not_released() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_what_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    declared = {_normal(re.split(r"[\[><=;~! ]", line)[0]) for line in lines}
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src" / "rastercollection").rglob("*.py"))
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    brought = packages_distributions()
    others = {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OF_OTHERS - {"rastercollection"}
    found = {name: {_normal(one) for one in brought.get(name, [])} for name in others}
    assert len(found) > 15
    assert {name: bringers for name, bringers in found.items() if bringers and not bringers & declared} == {}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
