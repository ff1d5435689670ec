"""``rio collection``, through rasterio's own command line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest
from click.testing import CliRunner
from rasterio.rio.main import main_group

from rastercollection.cli.demo import make_scene

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture
def rio() -> Iterator[CliRunner]:
    """A runner for ``rio``, which knows of the plug-in as it does where the package is installed."""
    (entry,) = PROJECT["entry-points"]["rasterio.rio_plugins"].items()
    before = dict(main_group.commands)
    main_group.add_command(resolve_name(entry[1]), entry[0])
    yield CliRunner()
    main_group.commands.clear()
    main_group.commands.update(before)


def test_it_is_a_command_of_rio_beside_the_others(rio: CliRunner) -> None:
    shown = rio.invoke(main_group, ["collection", "--help"])
    assert shown.exit_code == 0
    for command in ("run", "plan", "info", "list", "check", "remove", "push", "view", "status", "rerun"):
        assert f"\n  {command} " in shown.output


def test_a_job_runs_and_its_exit_status_is_told(
    rio: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RASTERCOLLECTION_STATE", str(tmp_path / "state"))
    make_scene(tmp_path / "bronze", size=64)
    command = ["collection", "run", str(tmp_path / "bronze"), "--id", "rio", "--output", str(tmp_path / "out")]
    done = rio.invoke(main_group, [*command, "--executor", "serial", "--json"])
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["collection_id"] == "rio"
    wrong = rio.invoke(main_group, [*command, "--jpeg-quality", "300"])
    assert wrong.exit_code == 2
    assert "--jpeg-quality 300" in wrong.stderr
    listed = rio.invoke(main_group, ["collection", "list", str(tmp_path)])
    assert (listed.exit_code, listed.stdout.split()[:2]) == (0, ["rio", "4"])
