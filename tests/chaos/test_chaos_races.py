"""Several runners that start at once: of one job, which one of them does, and of jobs that fill one collection."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from chaos_judge import Undisturbed, check_outputs, difference, done_in
from chaos_scene import Program, Scene, Tree
from chaos_tries import tries

ON_BUSY = ("wait", "wait", "wait", "take_over", "fail")
MAY_END = {"wait": {""}, "take_over": {""}, "fail": {"", "JOB_BUSY"}}
"""Codes with which a runner may end; empty where it returns a result. Of whom the job is asked for, hands it over."""


@tries(
    ("thread", "sqlite", 1, 20),
    ("process", "sqlite", 0, 6),
    ("serial", "sqlite", 0, 8),
    ("thread", "postgresql", 0, 8),
)
def test_runners_of_one_job(
    scene: Scene,
    undisturbed: Callable[..., Undisturbed],
    address: Callable[[str], str],
    dice: random.Random,
    tell: Callable[..., None],
    executor: str,
    store: str,
    number: int,
) -> None:
    expected, jobs = undisturbed(executor), address(store)
    in_threads, runners = dice.random() < 0.3, dice.randint(2, 4)
    tell(f"{runners} runners of one job, in {'threads' if in_threads else 'processes'}", executor, store)
    programs = []
    wishes = []
    for _ in range(1 if in_threads else runners):
        wishes.append(dice.choice(ON_BUSY))
        programs.append(
            scene.start(scene.job(executor, jobs, on_busy=wishes[-1]), threads=runners if in_threads else 1)
        )
        time.sleep(dice.choice((0, 0, dice.uniform(0, expected.seconds))))
    for program in programs:
        program.wait()
    allowed = {"JOB_HANDED_OVER"} if "take_over" in wishes else set()
    for program, wish in zip(programs, wishes, strict=True):
        check_ends(program, MAY_END[wish] | allowed, runners if in_threads else 1)
    assert any(outcome["status"] == "completed" for program in programs for outcome in program.outcomes())
    done = done_in(programs)
    assert len(done) == len(set(done)), "a task was done twice"
    check_outputs(scene, expected.tree)


def check_ends(program: Program, allowed: set[str], runners: int) -> None:
    outcomes = program.outcomes()
    assert len(outcomes) == runners, program.output.read_text()[-2000:]
    for outcome in outcomes:
        assert outcome.get("code", "") in allowed, outcome
        assert outcome["status"] in ("completed", "error"), outcome


@tries(("thread", "sqlite", 0, 12), ("process", "sqlite", 0, 3), ("thread", "postgresql", 0, 5))
def test_jobs_that_fill_one_collection(
    scene: Scene,
    address: Callable[[str], str],
    dice: random.Random,
    tell: Callable[..., None],
    executor: str,
    store: str,
    number: int,
) -> None:
    jobs, tiles = address(store), ["t0.tif", "t1.tif", "t2.tif"]
    tell("3 jobs into one collection", executor, store)
    for tile in tiles:
        assert scene.run(scene.job("thread", "sqlite", blob_list=[tile])).outcome["status"] == "completed"
    expected = reservations_alike(scene.tree())
    scene.reset()
    dice.shuffle(tiles)
    programs = []
    for tile in tiles:
        programs.append(scene.start(scene.job(executor, jobs, blob_list=[tile])))
        time.sleep(dice.choice((0, 0, dice.uniform(0, 2))))
    for program in programs:
        program.wait()
        assert program.outcome["status"] == "completed", program.outcome
    assert difference(reservations_alike(scene.tree()), expected) == ""
    assert scene.leftovers() == []


def reservations_alike(tree: Tree) -> Tree:
    """The same without what tells in which order the jobs came: which of them reserved which names."""
    return {name: content for name, content in tree.items() if not name.endswith(".reserved.json")}
