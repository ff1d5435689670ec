"""Every call of a store, a storage or a catalog fails once: passing causes are outlived, others end with their code.

After those the job is run again, as it is, and ends as one that nothing happened to.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chaos_judge import Aftermath, Undisturbed, check_outputs, check_recovery, done_in, tells
from chaos_points import methods
from chaos_scene import Scene
from rastercollection.core.job_store import JobStore
from rastercollection.ports.catalog import CatalogBackend
from rastercollection.ports.storage import StorageBackend, Sweepable

MOST = 12
"""How many of a method's calls fail, each in a job of its own; of one that is called more often, some."""

PURE = {"public_url", "is_process_local", "reach", "close"}
"""What asks nobody, and so cannot fail."""

SHORT = {
    ("jobs.commit", "UNAVAILABLE"),
    ("storage.put", "NO_SPACE"),
    ("catalog.publish", "PERMISSION_DENIED"),
}
"""Of which one call fails in the default suite."""


def cases() -> Iterator[Any]:
    """Method, error, and whether just one call of it is to fail."""
    protocols = {"jobs": (JobStore,), "storage": (StorageBackend, Sweepable), "catalog": (CatalogBackend,)}
    for kind, kinds in protocols.items():
        for name in sorted({name for protocol in kinds for name in methods(protocol)} - PURE):
            for error in ("UNAVAILABLE", "PERMISSION_DENIED", "NO_SPACE"):
                call = f"{kind}.{name}"
                if (call, error) in SHORT:
                    yield pytest.param(call, error, 1, id=f"{call}-{error}-once")
                yield pytest.param(call, error, MOST, id=f"{call}-{error}", marks=pytest.mark.slow)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("call", "error", "most"), list(cases()))
def test_a_call_that_fails_once(
    scene: Scene,
    undisturbed: Callable[..., Undisturbed],
    dice: random.Random,
    tell: Callable[..., None],
    call: str,
    error: str,
    most: int,
) -> None:
    expected = undisturbed("thread")
    often = expected.places.get(f"{call}:before", 0)
    numbers = dice.sample(range(1, often + 1), min(most, often))
    tell(f"{call.partition('.')[0]}: a call fails with {error}", "thread", "sqlite", len(numbers))
    lost = []
    for nth in numbers:
        scene.reset()
        try:
            _fails_once(scene, expected, call, nth, error)
        except AssertionError as reason:
            lost.append(f"the {nth}th of {often} calls of {call}: {error}: {reason}")
    assert not lost, "\n".join(lost)


def _fails_once(scene: Scene, expected: Undisturbed, call: str, nth: int, error: str) -> None:
    job = scene.job("thread", "sqlite")
    hurt = scene.run(job, place=f"{call}:before", nth=nth, action=error)
    if error != "UNAVAILABLE":  # a lock that may not be removed is taken away by the next who publishes
        (scene.root / "out" / "stac" / "chaos" / ".publishing").unlink(missing_ok=True)
    if error == "UNAVAILABLE":
        assert hurt.outcome["status"] == "completed", hurt.outcome
    elif hurt.outcome["status"] != "completed":
        assert tells(hurt, error), hurt.outcome
    if hurt.outcome["status"] == "completed":
        check_outputs(scene, expected.tree)
        assert len(done_in([hurt])) == len(set(done_in([hurt])))
    before = Aftermath.of(scene, "sqlite")
    check_recovery(scene, "sqlite", scene.run(job), expected.tree, before)
