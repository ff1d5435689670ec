"""Removing from a collection while a job publishes to it: in whatever order they come, no item is without its COG."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from job_scenes import NAMES, make_tiles
from published_scene import ALL, OTHERS_MAY_TAKE, PublishedScene
from rastercollection import process_collection
from rastercollection.core.events import Event, StageEnded
from rastercollection.job.upkeep import collection_clearing as clearing
from rastercollection.stages.cogs_in_place import CogsInPlace
from rastercollection.stages.stac import task


class Scene(PublishedScene):
    """A published collection whose job runs again, with the COGs that it has made."""

    def run(self, *observers: Callable[[Event], object], **parameters: Any) -> Any:
        return process_collection(
            container_name=self.folder / "bronze",
            blob_list="**/*.tif",
            collection_id=self.name,
            catalog=self.catalog,
            output_container=self.folder / "out",
            executor="serial",
            jobs=f"sqlite:///{self.folder / 'jobs.db'}",
            rerun=["create_stac_collection"],
            observers=observers,
            **parameters,
        )

    def check(self, tiles: Sequence[str] = ALL) -> None:
        """These tiles are there, each with its COG."""
        self.check_tiles(*tiles)

    def cogs(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "out").rglob("*_cog_*.tif"))


@pytest.fixture(params=["static", "pgstac"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    make_tiles(tmp_path / "bronze")
    is_static = request.param == "static"
    catalog = str(tmp_path / "stac") if is_static else request.getfixturevalue("pgstac_dsn")
    made = Scene(tmp_path, f"beside-{uuid.uuid4().hex[:8]}", catalog)
    made.run()
    made.check()
    return made


def after(stage: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """Does something once, when a stage has ended."""
    waiting = [act]

    def observe(event: Event) -> None:
        if isinstance(event, StageEnded) and event.name == stage and waiting:
            waiting.pop()()

    return observe


@pytest.mark.parametrize(
    ("stage", "tiles"), [("create_cogs", ["a", "b"]), ("create_mosaicjson", [])], ids=["tiles", "all"]
)
def test_what_is_removed_before_a_job_publishes_it_is_made_again(scene: Scene, stage: str, tiles: list[str]) -> None:
    result = scene.run(after(stage, lambda: scene.remove(*tiles)))
    assert result.status == "completed"
    told = [notice["message"] for notice in result.summary["notices"] if notice["code"] == "RESULTS_MADE_AGAIN"]
    assert [("a.tif" in message, "sub/c.tif" in message) for message in told] == [(True, not tiles)]
    scene.check()


def test_a_removal_spares_what_a_job_is_publishing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items are gone, files are not: the job has seen its COGs when the removal comes to delete them."""
    removed, may_delete, delete, confirm = threading.Event(), threading.Event(), clearing._delete, CogsInPlace.confirm

    def waiting(*args: Any) -> None:
        removed.set()
        assert may_delete.wait(60)
        delete(*args)

    monkeypatch.setattr(clearing, "_delete", waiting)
    remover = threading.Thread(target=scene.remove, args=("a", "b"))
    remover.start()
    assert removed.wait(60)
    looks: list[CogsInPlace] = []

    def confirmed(self: CogsInPlace) -> None:
        confirm(self)
        looks.append(self)
        if len(looks) == 2:  # the first is before anybody has to wait
            may_delete.set()
            remover.join(OTHERS_MAY_TAKE)

    monkeypatch.setattr(CogsInPlace, "confirm", confirmed)
    assert scene.run().status == "completed"
    remover.join(60)
    scene.check()


def test_a_job_sees_what_a_removal_is_deleting(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The removal has seen that nothing links to the files when the job comes to publish them."""
    found: list[Any] = []
    at_last, may_publish, linked = threading.Event(), threading.Event(), clearing._linked

    def pause() -> None:
        at_last.set()
        assert may_publish.wait(60)

    job = threading.Thread(target=lambda: found.append(scene.run(after("create_mosaicjson", pause))))
    job.start()
    assert at_last.wait(60)

    def and_then(*args: Any) -> set[str]:
        links = linked(*args)
        may_publish.set()
        job.join(OTHERS_MAY_TAKE)
        return links

    monkeypatch.setattr(clearing, "_linked", and_then)
    scene.remove("a", "b")
    job.join(60)
    assert [result.status for result in found] == ["completed"]
    scene.check()


@pytest.mark.parametrize("tiles", [["a", "b"], []], ids=["tiles", "all"])
def test_tiles_removed_right_after_they_were_published_stay_removed_and_a_collection_is_whole(
    scene: Scene, tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = task.settle

    def after_removal(*args: Any) -> Any:
        monkeypatch.setattr(task, "settle", settle)
        scene.remove(*tiles)
        return settle(*args)

    monkeypatch.setattr(task, "settle", after_removal)
    scene.run()
    scene.check(sorted(set(ALL) - set(tiles)))


@pytest.mark.parametrize("scene", ["static"], indirect=True)
@pytest.mark.parametrize("tiles", [["a", "b"], []], ids=["tiles", "all"])
def test_what_is_removed_before_a_job_has_looked_at_it_is_told_as_removed(scene: Scene, tiles: list[str]) -> None:
    result = scene.run(after("create_stac_collection", lambda: scene.remove(*tiles)))
    assert result.status == "completed_with_errors"
    told = {tile.blob: tile.code for tile in result.tiles if tile.code}
    assert told == dict.fromkeys(["a.tif", "b.tif"] if tiles else NAMES, "TILE_REMOVED")
    assert ("all of collection" in result.tiles[0].reason) == (not tiles)
    assert "TILE_NOT_SERVED" not in [notice["code"] for notice in result.summary["notices"]]
    assert scene.run().status == "completed"
    scene.check()


@pytest.mark.parametrize("scene", ["static"], indirect=True)
def test_what_another_job_writes_over_before_it_is_published_is_made_again(scene: Scene) -> None:
    """Two jobs that make the same tiles in different ways: items are those of the files that are there."""
    scene.run(after("create_cogs", lambda: scene.run(compression="LZW")), compression="ZSTD")
    scene.check()
