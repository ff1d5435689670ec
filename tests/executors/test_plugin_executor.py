"""An executor from another package: installed, found by its name, held to the contract."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rastercollection.core.executor import Executor
from rastercollection.errors import UnknownNameError
from rastercollection.ports.registries import EXECUTORS
from rastercollection.testing.executor_contract import ExecutorContract

PACKAGE = Path(__file__).parents[1] / "plugin_package"
DISTRIBUTION = "rastercollection-example"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Folder the example package is installed in; None where the environment has it."""
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return install(tmp_path_factory.mktemp("site"))
    return None


def install(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(PACKAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return folder
    reason = f"the example package cannot be installed; do it yourself: pip install {PACKAGE}\n{done.stderr}"
    if os.environ.get("RASTERCOLLECTION_REQUIRE_SERVICES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def installed(site: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if site is not None:
        monkeypatch.syspath_prepend(str(site))


@pytest.mark.usefixtures("installed")
class TestInstalledExecutor(ExecutorContract):
    def make_executor(self) -> Executor:
        executor: Executor = EXECUTORS.load("example")(max_workers=2)
        return executor


@pytest.mark.usefixtures("installed")
def test_its_name_is_listed_and_leads_to_its_own_package() -> None:
    assert "example" in EXECUTORS.names()
    assert EXECUTORS.load("example").__module__ == "rastercollection_example.executor"


def test_without_the_package_nobody_knows_the_name(site: Path | None) -> None:
    if site is None:
        pytest.skip("the package is installed in this environment")
    with pytest.raises(UnknownNameError, match="process"):
        EXECUTORS.load("example")
