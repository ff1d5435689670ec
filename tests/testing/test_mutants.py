"""Each contract suite catches implementations that break one promise each, and by the test that is about the promise.

The modules ``mutated_*`` hold a sound implementation and its mutants, each with the test that must fail. The sound one
passes all of these tests: they fail for nothing else.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MODULES = sorted(path.stem for path in HERE.glob("mutated_*.py"))


def _outcomes(module: str, wanted: list[str]) -> dict[str, str]:
    """How tests have ended, by their names, in a process that has nothing of this project's configuration."""
    options = ("-c", "/dev/null", "--rootdir", str(HERE), "--noconftest", "-p", "no:cacheprovider", "-p", "no:xdist")
    told = ("-q", "-rA", "--tb=no", "-W", "ignore", "-o", "python_classes=Suite*", "-o", "python_files=mutated_*.py")
    command = [sys.executable, "-m", "pytest", *options, *told, *(f"{module}.py::{name}" for name in wanted)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300, check=False)
    found = re.findall(rf"^(PASSED|FAILED|ERROR) {module}\.py::(\S+(?: \S+\])?)", done.stdout, re.MULTILINE)
    assert found, done.stdout + done.stderr
    return {name: outcome for outcome, name in found}


@pytest.mark.parametrize("module", MODULES)
def test_every_mutant_is_caught(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    mutants = {kind.__name__: test for kind, test in importlib.import_module(module).MUTANTS.items()}
    sound = sorted({f"SuiteSound::{test}" for test in mutants.values()})
    broken = [f"Suite{name}::{test}" for name, test in mutants.items()]
    outcomes = _outcomes(module, [*sound, *broken])
    assert [name for name in sound if outcomes.get(name, "PASSED") != "PASSED"] == []
    caught = {name for name, outcome in outcomes.items() if outcome != "PASSED"}
    assert [name for name in broken if not any(each.startswith(name) for each in caught)] == []
    assert len(mutants) >= 12


def test_there_are_mutants_for_each_contract() -> None:
    assert {name.removeprefix("mutated_") for name in MODULES} == {
        "catalogs",
        "executors",
        "job_stores",
        "renders",
        "storages",
    }
