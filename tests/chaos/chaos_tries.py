"""How often a test is done with which executor and job store: a few times always, more often when asked for."""

from __future__ import annotations

from typing import Any

import pytest


def tries(*cases: tuple[str, str, int, int]) -> Any:
    """Run a test once for each try, told ``executor``, ``store`` and ``number``.

    Args:
        cases: Executor, job store, how many of the tries are part of the default suite, and how many there are.
    """
    found = [
        pytest.param(
            executor,
            store,
            number,
            id=f"{executor}-{store}-{number}",
            marks=() if number < short else (pytest.mark.slow,),
        )
        for executor, store, short, full in cases
        for number in range(full)
    ]
    return pytest.mark.parametrize(("executor", "store", "number"), found)
