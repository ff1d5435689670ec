"""README and CI promise the same thing, and what the README shows is there."""

from __future__ import annotations

import os
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> list[str]:
    return [command.strip() for command in re.findall(r"```sh\n(.+?)```", README, re.DOTALL)]


def test_ci_runs_exactly_the_test_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    (command,) = [command for command in _commands() if "nox" in command]
    assert command in script.read_text(encoding="utf-8").splitlines()


def test_each_command_is_one_line() -> None:
    commands = _commands()
    assert len(commands) == 3
    assert not any("\n" in command for command in commands)


def test_links_and_pictures_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README)
    assert len(targets) >= 8
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert not missing


def test_pictures_are_small() -> None:
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", README)
    assert len(pictures) == 2
    assert all(10_000 < (ROOT / picture).stat().st_size < 400_000 for picture in pictures)


def test_every_extra_is_explained() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.split("[project.optional-dependencies]\n")[1].split("\n\n")[0]
    extras = re.findall(r"^(\w+) =", section, re.MULTILINE)
    assert extras
    assert [extra for extra in extras if f"| `{extra}` |" not in README] == []
    sizes = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert [extra for extra in extras if f"| `{extra}` |" not in sizes] == []
    needed = re.findall(r'^    "([\w.-]+)', project.split("\ndependencies = [\n")[1].split("\n]")[0], re.MULTILINE)
    assert [name for name in needed if not re.search(rf"^\|.*\b{name}\b.*\| \d", sizes, re.MULTILINE)] == []
