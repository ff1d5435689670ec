"""A job that is killed, anywhere and at any moment, and run again, ends as one that nothing happened to."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from typing import Any

from chaos_judge import Aftermath, Undisturbed, check_recovery
from chaos_scene import Program, Scene
from chaos_tries import tries

Tell = Callable[..., None]
Runs = Callable[..., Undisturbed]
Address = Callable[[str], str]

SMALLEST, LARGEST = 8_000, 110_000
"""Bytes of the files that are cut off: from more than the tests' own reports to the largest that the job writes."""


def start(scene: Scene, executor: str, address: str, **fault: Any) -> Program:
    return scene.start(scene.job(executor, address), **fault)


def recovers(scene: Scene, executor: str, address: str, expected: Undisturbed) -> None:
    """Run the job twice more: the first goes on where it was, the second finds all there."""
    before = Aftermath.of(scene, address)
    again = start(scene, executor, address)
    again.wait()
    check_recovery(scene, address, again, expected.tree, before)
    if address != "memory":
        once_more = start(scene, executor, address)
        once_more.wait()
        assert once_more.outcome["reused"], "running it once more found something to do"
        assert scene.tree() == expected.tree


@tries(
    ("serial", "sqlite", 0, 20),
    ("thread", "sqlite", 1, 20),
    ("process", "sqlite", 0, 20),
    ("dask", "sqlite", 0, 4),
    ("thread", "memory", 0, 6),
    ("serial", "postgresql", 0, 15),
    ("thread", "postgresql", 0, 15),
    ("process", "postgresql", 0, 15),
)
def test_killed_at_a_random_moment(
    scene: Scene,
    undisturbed: Runs,
    address: Address,
    dice: random.Random,
    tell: Tell,
    executor: str,
    store: str,
    number: int,
) -> None:
    expected, jobs, times = undisturbed(executor), address(store), dice.choice((1, 1, 2))
    tell("killed at a random moment", executor, store, times)
    for _ in range(times):
        program = start(scene, executor, jobs)
        time.sleep(dice.uniform(0, 1.1 * expected.seconds))
        program.signal(signal.SIGKILL, to_group=dice.random() < 0.5)
        program.wait()
    recovers(scene, executor, jobs, expected)


@tries(
    ("serial", "sqlite", 0, 40),
    ("thread", "sqlite", 2, 40),
    ("process", "sqlite", 1, 40),
    ("thread", "memory", 0, 10),
    ("serial", "postgresql", 0, 20),
    ("thread", "postgresql", 0, 20),
    ("process", "postgresql", 0, 20),
)
def test_killed_right_before_or_after_a_call(
    scene: Scene,
    undisturbed: Runs,
    address: Address,
    dice: random.Random,
    tell: Tell,
    executor: str,
    store: str,
    number: int,
) -> None:
    expected, jobs, times = undisturbed(executor), address(store), dice.choice((1, 1, 2))
    tell("killed right before or after a call", executor, store, times)
    for _ in range(times):
        where = dice.choice(sorted(expected.places))
        nth = dice.randint(1, expected.places[where])
        start(scene, executor, jobs, place=where, nth=nth, action=dice.choice(("kill", "kill_all"))).wait()
    recovers(scene, executor, jobs, expected)


@tries(
    ("serial", "sqlite", 0, 10),
    ("thread", "sqlite", 1, 20),
    ("process", "sqlite", 0, 10),
    ("thread", "postgresql", 0, 10),
)
def test_killed_inside_the_writing_of_a_file(
    scene: Scene,
    undisturbed: Runs,
    address: Address,
    dice: random.Random,
    tell: Tell,
    executor: str,
    store: str,
    number: int,
) -> None:
    expected, jobs = undisturbed(executor), address(store)
    tell("killed inside the writing of a file", executor, store)
    start(scene, executor, jobs, largest_file=dice.randint(SMALLEST, LARGEST)).wait()
    recovers(scene, executor, jobs, expected)
