"""A stage of a user's own has the rights of the library's: its outputs are looked after, its facts are told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from job_scenes import make_tiles
from rastercollection import (
    CollectionRequest,
    FanOut,
    JobFailedError,
    JobResult,
    Stage,
    TaskContext,
    TileError,
    Workflow,
    WorkflowDefinitionError,
    carry_over,
    collection_workflow,
    plan_collection,
    process_collection,
)
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.lease import Owner

NAMES = ("a.tif", "b.tif")


def count_pixels(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Write a note beside a COG, and say how many pixels it has."""
    rows, columns = parameters["shape"]
    written = context.resources["storage"].write(parameters["note"], f"{rows * columns}".encode())
    return {
        "pixels": rows * columns,
        "outputs": [{"url": written.url, "size": written.size, "version": written.version}],
    }


def counting(wanted: Path) -> Stage:
    """The stage; as long as the file ``wanted`` is there, its results hold."""

    def plan(context: Any, cogs: Any) -> Any:
        return carry_over(
            context, cogs, lambda cog: {"shape": cog.value["shape"], "note": cog.value["outputs"][0]["url"] + ".txt"}
        )

    return Stage(
        name="count_pixels",
        task_type="count_pixels",
        handler=f"{__name__}:count_pixels",
        fan=FanOut(plan),
        still_holds=lambda _, __: wanted.exists(),
        summary=lambda _, results: {"pixels": sum(result.value["pixels"] for result in results if result.ok)},
        product=lambda result: str(result.value["outputs"][0]["url"]),
    )


@pytest.fixture
def scene(tmp_path: Path) -> tuple[dict[str, Any], Path]:
    make_tiles(tmp_path / "in")
    wanted = tmp_path / "wanted"
    wanted.touch()
    parameters = {"container_name": tmp_path / "in", "blob_list": NAMES, "collection_id": "c"}
    return {**parameters, "output_container": tmp_path / "out", "create_overview": False}, wanted


def run(scene: tuple[dict[str, Any], Path], **changes: Any) -> JobResult:
    parameters, wanted = scene
    jobs = f"sqlite:///{wanted.parent / 'jobs.db'}"
    return process_collection(**parameters, jobs=jobs, executor="serial", workflow=workflow(scene), **changes)


def workflow(scene: tuple[dict[str, Any], Path]) -> Workflow:
    parameters, wanted = scene
    return collection_workflow(CollectionRequest(**parameters)).insert_after("create_cogs", counting(wanted))


def notes(scene: tuple[dict[str, Any], Path]) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in (scene[1].parent / "out").glob("*.txt")}


def test_its_facts_are_in_the_summary_and_its_product_is_what_became_of_a_tile(scene: Any) -> None:
    result = run(scene)
    shapes = [forecast.shape for forecast in plan_collection(**scene[0]).tiles]
    assert result.summary["pixels"] == sum(rows * columns for rows, columns in shapes)
    assert [Path(tile.output).suffix for tile in result.tiles] == [".txt", ".txt"]
    assert result.summary["cogs"]["successful"] == result.summary["stac"]["items_created"] == 2


def test_a_finished_job_is_reused_with_it(scene: Any) -> None:
    first = run(scene)
    again = run(scene)
    assert again.reused
    assert again.to_dict() == first.to_dict()


def test_an_output_of_it_that_is_lost_is_made_again_and_nothing_else(scene: Any) -> None:
    run(scene)
    before = notes(scene)
    lost = scene[1].parent / "out" / sorted(before)[0]
    lost.unlink()
    again = run(scene)
    after = notes(scene)
    assert not again.reused
    assert sorted(after) == sorted(before)
    kept = sorted(before)[1]
    assert after[kept] == before[kept]
    assert again.summary["pixels"] > 0


def test_its_own_word_on_whether_a_result_holds_counts(scene: Any) -> None:
    run(scene)
    before = notes(scene)
    scene[1].unlink()
    again = run(scene)
    assert not again.reused
    assert all(inode != before[name] for name, inode in notes(scene).items())


def test_a_plan_foretells_what_comes_before_it_and_no_more(scene: Any) -> None:
    parameters, wanted = scene
    made = collection_workflow(CollectionRequest(**parameters))
    whole = plan_collection(**parameters, workflow=made.insert_after("create_cogs", counting(wanted)))
    assert list(whole.stages) == [
        "validate_tiles",
        "create_cogs",
        "count_pixels",
        "create_mosaicjson",
        "create_stac_collection",
        "check_published",
    ]
    assert all(tile.bytes_out for tile in whole.tiles)
    without = plan_collection(**parameters, workflow=made.without("create_cogs"))
    between = plan_collection(
        **parameters, workflow=made.insert_after("validate_tiles", attrs.evolve(counting(wanted)))
    )
    for plan in (without, between):
        assert [(tile.blob, tile.output_blob, tile.bytes_out, tile.problem) for tile in plan.tiles] == [
            (name, None, None, None) for name in NAMES
        ]


def say_it_otherwise(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Returns outputs in words of its own."""
    return {"outputs": ["somewhere"]}


def test_outputs_that_cannot_be_looked_at_are_made_again(scene: Any) -> None:
    parameters, wanted = scene
    odd = attrs.evolve(
        counting(wanted), handler=f"{__name__}:say_it_otherwise", summary=None, product=None, still_holds=None
    )
    made = collection_workflow(CollectionRequest(**parameters)).insert_after("create_cogs", odd)
    jobs = f"sqlite:///{wanted.parent / 'jobs.db'}"
    runs = [process_collection(**parameters, jobs=jobs, executor="serial", workflow=made) for _ in range(2)]
    assert [(run.status, run.reused) for run in runs] == [("completed", False)] * 2


def own(parameters: dict[str, Any], **stage: Any) -> Workflow:
    """The collection's workflow with a stage behind the COGs that hands on what it was given."""
    usual = {
        "name": "own",
        "task_type": "own",
        "handler": f"{__name__}:hand_on",
        "fan": FanOut(lambda context, cogs: carry_over(context, cogs, lambda cog: {"size": cog.value["size"]})),
    }
    return collection_workflow(CollectionRequest(**parameters)).insert_after("create_cogs", Stage(**{**usual, **stage}))


def hand_on(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    return dict(parameters)


def _raise(*_: Any) -> Any:
    raise ZeroDivisionError("a bug")


@pytest.mark.parametrize("mistake", ["summary", "product"])
def test_what_a_stage_cannot_tell_costs_nothing_else_of_the_summary(scene: Any, mistake: str) -> None:
    parameters, _ = scene
    result = process_collection(
        **parameters, jobs="memory", executor="serial", workflow=own(parameters, **{mistake: _raise})
    )
    assert (result.status, [tile.outcome for tile in result.tiles]) == ("completed", ["cog", "cog"])
    assert result.summary["stac"]["items_created"] == 2
    notices = [notice for notice in result.summary["notices"] if notice["code"] == "SUMMARY_INCOMPLETE"]
    assert notices
    assert all("own" in notice["message"] and "a bug" in notice["message"] for notice in notices)


def test_an_admit_that_returns_no_sources_is_told_before_anything_is_done(scene: Any) -> None:
    parameters, wanted = scene
    with pytest.raises(WorkflowDefinitionError, match=r"'own'.*no Sources"):
        process_collection(
            **parameters, jobs="memory", executor="serial", workflow=own(parameters, admit=lambda _: None)
        )
    assert not list((wanted.parent / "out").rglob("*.tif"))


def test_a_stage_before_the_cogs_has_to_hand_the_validation_on(scene: Any) -> None:
    parameters, _ = scene
    stage = Stage(
        name="own",
        task_type="own",
        handler=f"{__name__}:hand_on",
        fan=FanOut(lambda context, tiles: carry_over(context, tiles, lambda _: {"clouds": 3})),
    )
    made = collection_workflow(CollectionRequest(**parameters)).insert_after("validate_tiles", stage)
    with pytest.raises(JobFailedError, match=r"a\.tif: \[VALIDATION_MISSING\] \S*test_user_stage:hand_on did not hand"):
        process_collection(**parameters, jobs="memory", executor="serial", workflow=made)


def test_a_workflow_that_makes_no_product_is_done_when_it_is_over(scene: Any) -> None:
    parameters, _ = scene
    made = collection_workflow(CollectionRequest(**parameters)).without("create_cogs")
    made = made.without("create_mosaicjson").without("create_stac_collection")
    result = process_collection(**parameters, jobs="memory", executor="serial", workflow=made)
    assert [(tile.outcome, tile.ok, tile.output, tile.code) for tile in result.tiles] == [("done", True, None, "")] * 2
    assert result.became == "2 of 2 tiles done"
    assert "COGs" not in result._repr_html_()


def test_a_finalizer_of_a_users_own_may_say_what_it_likes(scene: Any) -> None:
    parameters, _ = scene
    made = attrs.evolve(collection_workflow(CollectionRequest(**parameters)), finalizer=lambda _: {"hello": 1})
    result = process_collection(**parameters, jobs="memory", executor="serial", workflow=made)
    assert (result.summary, result.tiles, result.share_url) == ({"hello": 1}, (), None)


def refuse(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    """Fails the tiles that are named in the parameters."""
    if context.task.tile in parameters["refused"]:
        raise TileError("It is not wanted.", code="REFUSED")
    return {}


def refusing(*tiles: str) -> Stage:
    return Stage(
        name="refuse",
        task_type="refuse",
        handler=f"{__name__}:refuse",
        fan=FanOut(lambda context, cogs: carry_over(context, cogs, lambda _: {"refused": tiles})),
    )


def test_a_tile_that_it_fails_after_its_cog_was_made_stays_in_mosaic_and_catalog(scene: Any) -> None:
    parameters, _ = scene
    made = collection_workflow(CollectionRequest(**parameters)).insert_after("create_cogs", refusing("b.tif"))
    result = process_collection(**parameters, jobs="memory", executor="serial", workflow=made)
    assert result.status == "completed_with_errors"
    assert [(tile.outcome, tile.code, tile.output is None) for tile in result.tiles] == [
        ("cog", "", False),
        ("failed", "REFUSED", True),
    ]
    assert result.summary["mosaicjson"]["tile_count"] == result.summary["stac"]["items_in_collection"] == 2


def test_a_tile_that_it_fails_before_its_cog_is_made_is_in_neither(scene: Any) -> None:
    parameters, _ = scene
    passing_on = attrs.evolve(
        refusing("b.tif"),
        handler=f"{__name__}:pass_on_or_refuse",
        fan=FanOut(
            lambda context, tiles: carry_over(
                context, tiles, lambda tile: {"refused": ["b.tif"], "validation": tile.value}
            )
        ),
    )
    made = collection_workflow(CollectionRequest(**parameters)).insert_after("validate_tiles", passing_on)
    result = process_collection(**parameters, jobs="memory", executor="serial", workflow=made)
    assert [(tile.outcome, tile.code) for tile in result.tiles] == [("cog", ""), ("failed", "REFUSED")]
    assert result.summary["mosaicjson"]["tile_count"] == result.summary["stac"]["items_in_collection"] == 1


def pass_on_or_refuse(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    return {**parameters["validation"], **refuse(parameters, context)}


def test_a_job_in_which_it_fails_every_tile_fails(scene: Any) -> None:
    parameters, _ = scene
    made = collection_workflow(CollectionRequest(**parameters)).insert_after("create_cogs", refusing(*NAMES))
    with pytest.raises(JobFailedError) as caught:
        process_collection(**parameters, jobs="memory", executor="serial", workflow=made)
    assert caught.value.result.summary["mosaicjson"] is None


def pass_on(parameters: Mapping[str, Any], context: TaskContext) -> Mapping[str, Any]:
    return dict(parameters["validation"])


def between(parameters: dict[str, Any], **stage: Any) -> Workflow:
    """The collection's workflow with a stage before the COGs, whose tasks say nothing of tiles."""

    def plan(context: Any, tiles: Any) -> Any:
        return (context.task(index, {"validation": tile.value}) for index, tile in enumerate(tiles))

    usual = {"name": "own", "task_type": "own", "handler": f"{__name__}:pass_on", "fan": FanOut(plan)}
    made = collection_workflow(CollectionRequest(**parameters))
    return made.insert_after("validate_tiles", Stage(**{**usual, **stage}))


def test_every_validation_that_is_handed_on_becomes_its_own_cog(scene: Any) -> None:
    parameters, wanted = scene
    process_collection(**parameters, jobs="memory", executor="serial", workflow=between(parameters))
    assert sorted(path.name for path in (wanted.parent / "out").glob("*.tif")) == [
        "a_cog_analysis.tif",
        "b_cog_analysis.tif",
    ]


@pytest.mark.parametrize("first", ["own", "usual"])
def test_what_was_inserted_is_known_whatever_workflow_inserted_it(scene: Any, first: str) -> None:
    parameters, wanted = scene
    jobs = f"sqlite:///{wanted.parent / 'jobs.db'}"
    handed_on = FanOut(lambda context, tiles: carry_over(context, tiles, lambda tile: {"validation": tile.value}))
    workflows = {"own": between(parameters, fan=handed_on), "usual": None}
    last = "usual" if first == "own" else "own"
    for each in (first, last):
        result = process_collection(**parameters, mode="insert", jobs=jobs, executor="serial", workflow=workflows[each])
        assert result.status == "completed"


@pytest.mark.parametrize("task_type", ["create_mosaicjson", "create_stac_collection", "check_published"])
def test_a_result_that_cannot_be_read_any_more_is_made_again(scene: Any, task_type: str) -> None:
    parameters, _ = scene
    store = MemoryJobStore()
    first = process_collection(**parameters, jobs=store, executor="serial")
    spoilt = [one for one in store.results(first.job_id) if one.task.task_type == task_type]
    lease = store.acquire(first.job_id, Owner.current(), 60)
    assert lease is not None
    results = [attrs.evolve(one, value={"bounds": "nonsense"}) for one in spoilt]
    store.commit(first.job_id, lease.token, results=results)
    store.release(first.job_id, lease.token)
    again = process_collection(**parameters, jobs=store, executor="serial")
    assert (again.status, again.reused) == ("completed", False)
    assert process_collection(**parameters, jobs=store, executor="serial").reused
