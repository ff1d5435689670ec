"""A runner that stands still for longer than its lease, and wakes when another has the job, writes nothing more."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from chaos_judge import Undisturbed, check_outputs, without_temporaries
from chaos_scene import Program, Scene, Tree, identities
from chaos_tries import tries

LEASE_SECONDS = 1.5
ORDERS = ("after the other has ended", "before the other ends", "together with the other", "when a third has ended")
WHERE = {
    "task.create_cog:before": "in the middle",
    "disk.replace:before": "right before something is published",
    "storage.put:before": "right before something is published",
    "catalog.publish:before": "right before something is published",
    "disk.link:before": "right before something is published",
    "disk.unlink:before": "right before something is removed",
    "jobs.commit:before": "in a commit",
    "jobs.commit:after": "in a commit",
    "jobs.renew:before": "in the heartbeat",
}
CASES = tries(
    ("thread", "sqlite", 0, 10),
    ("process", "sqlite", 0, 3),
    ("serial", "sqlite", 0, 5),
    ("thread", "postgresql", 0, 5),
)


@CASES
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.timeout(400)
def test_a_runner_that_wakes(
    scene: Scene,
    undisturbed: Callable[..., Undisturbed],
    address: Callable[[str], str],
    dice: random.Random,
    tell: Callable[..., None],
    executor: str,
    store: str,
    number: int,
    order: str,
) -> None:
    changed = dice.random() < 0.5
    places, expected = undisturbed(executor).places, [undisturbed(executor).tree]
    if changed:
        expected = [undisturbed(executor, 2).tree, undisturbed(executor, 1, 2).tree]
    tell(f"stopped, and continued {order}", executor, store)
    job = scene.job(executor, address(store))

    def start(**fault: Any) -> Program:
        return scene.start(job, lease_seconds=LEASE_SECONDS, **fault)

    def start_and_stop() -> Program:
        where = dice.choice(sorted(WHERE))
        nth = dice.randint(1, max(1, places[where]))
        return start(place=where, nth=nth, action="stop_all")

    first = start_and_stop()
    had_stopped = first.wait_until_stopped()
    if changed:
        scene.write_sources(2)
    if order == ORDERS[0]:
        second = start()
        second.wait()
        assert second.outcome["status"] == "completed", second.outcome
        check_wakes_in_vain(scene, expected, [first])
    elif order == ORDERS[3]:
        second = start_and_stop()
        second.wait_until_stopped()
        third = start()
        third.wait()
        assert third.outcome["status"] == "completed", third.outcome
        check_wakes_in_vain(scene, expected, [first, second])
    else:
        second = start_and_stop()
        second.wait_until_stopped()
        first.signal(signal.SIGCONT)
        if order == ORDERS[1]:
            first.wait()
        second.signal(signal.SIGCONT)
        first.wait()
        second.wait()
        assert second.outcome["status"] == "completed", second.outcome
        check_outputs(scene, *expected, swept=False)
    if had_stopped:
        check_knows_it(first)
    last = scene.run(job)
    assert (last.outcome["status"], last.outcome["reused"]) == ("completed", True), last.outcome
    check_outputs(scene, *expected)


def check_wakes_in_vain(scene: Scene, expected: Sequence[Tree], stopped: list[Program]) -> None:
    """All is done; those that wake now change nothing, not even a time stamp."""
    check_outputs(scene, *expected, swept=False)
    files = without_temporaries(identities(scene.root / "out"))
    for program in stopped:
        program.signal(signal.SIGCONT)
    for program in stopped:
        program.wait()
    now = without_temporaries(identities(scene.root / "out"))
    assert now == files, f"written after the lease was lost: {sorted(set(now.items()) ^ set(files.items()))}"


def check_knows_it(program: Program) -> None:
    """It said that it had lost the job, unless it had done it all before."""
    outcome = program.outcome
    assert outcome.get("code") == "LEASE_LOST" or outcome["status"] == "completed", outcome
