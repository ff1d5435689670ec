"""What must hold after a job was hurt and run again, whatever had happened to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

import attrs

from chaos_scene import Program, Scene, Tree, identities
from rastercollection.core.engine.reuse import identity
from rastercollection.core.models import TaskResult
from rastercollection.core.temporaries import mark_of

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Undisturbed:
    """A run that nothing happened to.

    Attributes:
        tree: What it made.
        seconds: How long it took.
        places: How often each place was reached.
    """

    tree: Tree
    seconds: float
    places: Mapping[str, int]


@attrs.frozen(kw_only=True)
class Aftermath:
    """What there is when a job's processes are gone.

    Attributes:
        recorded: Results of the tasks that completed, as far as the journal knows.
        files: Identities of all files in the folder for outputs.
    """

    recorded: tuple[TaskResult, ...]
    files: Mapping[str, tuple[int, int, int]]

    @classmethod
    def of(cls, scene: Scene, store: str) -> Aftermath:
        recorded = tuple(result for result in scene.recorded(store) if result.ok and not is_incomplete(result))
        return cls(recorded=recorded, files=identities(scene.root / "out"))

    @property
    def identities(self) -> set[str]:
        """What the tasks are known by: their code, and all that they were made of."""
        return {identity(result.task) for result in self.recorded}

    @property
    def finished_files(self) -> set[str]:
        """Names of files that belong to a recorded result alone."""
        made = [made for result in self.recorded for made in (result.value or {}).get("outputs", ())]
        names = {made["url"].rpartition("/out/")[2] for made in made if not made.get("shared")}
        return names & set(self.files)


def is_incomplete(result: TaskResult) -> bool:
    """Whether a task says of itself that it could not find out all that it should, and is to be done again."""
    return (result.value or {}).get("is_final") is False


def check_recovery(scene: Scene, store: str, again: Program, expected: Tree, before: Aftermath) -> None:
    """The run after it completed, made what an undisturbed one makes, did nothing again and left nothing else."""
    assert again.outcome["status"] == "completed", again.outcome
    check_outputs(scene, expected)
    now_done = {result.task.id: identity(result.task) for result in Aftermath.of(scene, store).recorded}
    redone = [task for task in done_in([again]) if now_done.get(task) in before.identities]
    assert not redone, f"recorded before, and done again: {redone}"
    now = identities(scene.root / "out")
    rewritten = [name for name in sorted(before.finished_files) if now.get(name) != before.files[name]]
    assert not rewritten, f"written again although their tasks were recorded: {rewritten}"


def check_outputs(scene: Scene, *expected: Tree, swept: bool = True) -> None:
    """Each file is as an undisturbed run makes it, and there is no other, anywhere.

    Args:
        scene: Where it is looked.
        expected: What undisturbed runs make; one that comes after another's names some files in another way.
        swept: Whether nothing may be left of runs that ended after the last that swept, either.
    """
    tree = scene.tree() if swept else without_temporaries(scene.tree())
    wrong = [difference(tree, each) for each in expected]
    assert "" in wrong, wrong[0]
    leftovers = [name for name in scene.leftovers() if swept or mark_of(name.split("/")[1]) is None]
    assert not leftovers, f"left behind beside the outputs: {leftovers}"


def difference(tree: Tree, expected: Tree) -> str:
    """In what respect there is something else than expected, in words."""
    strange, missing = sorted(set(tree) - set(expected)), sorted(set(expected) - set(tree))
    other = [name for name in sorted(set(tree) & set(expected)) if tree[name] != expected[name]]
    found = {"files that are no outputs": strange, "outputs that are missing": missing, "other content": other}
    return "; ".join(f"{what}: {names}" for what, names in found.items() if names)


def without_temporaries(tree: Mapping[str, T]) -> dict[str, T]:
    """The same without files that are being put together, or were."""
    return {name: content for name, content in tree.items() if mark_of(name.rpartition("/")[2]) is None}


def done_in(programs: Collection[Program]) -> list[str]:
    """Ids of the tasks that programs completed themselves, one for each time."""
    ended = (line for program in programs for line in program.ended_tasks())
    return [line["task"] for line in ended if line["status"] == "completed" and not line["reused"]]


def tells(program: Program, error: str) -> bool:
    """Whether a program said, of the job or of a tile, that it failed for this reason."""
    outcome = program.outcome
    codes = {outcome.get("code"), outcome.get("job_error"), *(code for _, _, code in outcome.get("tiles", ()))}
    return error in codes or f"[{error}]" in outcome.get("message", "")
