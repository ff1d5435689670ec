"""Pushing a collection while others remove it, or publish to it: nothing that is said to be there is lost."""

from __future__ import annotations

import contextlib
import functools
import threading
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from job_scenes import make_tiles, write_tile
from published_scene import ALL, OTHERS_MAY_TAKE, PublishedScene
from rastercollection import Push, process_collection, push_collection
from rastercollection.errors import RasterCollectionError
from rastercollection.job.upkeep import collection_clearing as clearing
from rastercollection.job.upkeep import collection_copying as copying
from rastercollection.model.reservation import SUFFIX


class Scene(PublishedScene):
    """A collection, and where it is pushed to."""

    @property
    def there(self) -> Path:
        return self.folder / "there"

    def run(self, *tiles: str, output: str = "here", catalog: str | None = None, **parameters: Any) -> Any:
        return process_collection(
            container_name=self.folder / "bronze",
            blob_list=list(tiles) or "**/*.tif",
            collection_id=self.name,
            catalog=catalog or str(self.folder / "here" / "stac"),
            output_container=self.folder / output,
            output_folder="",
            executor="serial",
            jobs=f"sqlite:///{self.folder / 'jobs.db'}",
            **parameters,
        )

    def push(self) -> Push:
        return push_collection(self.folder / "here" / "stac", self.there, collection_id=self.name, catalog=self.catalog)

    def check(self, tiles: Sequence[str] = ALL) -> None:
        """These tiles are there, each with its COG, and their names are kept for the collection."""
        self.check_tiles(*tiles)
        assert [path.name for path in self.there.iterdir() if path.name.endswith(SUFFIX)] != []


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    make_tiles(tmp_path / "bronze")
    is_static = request.param == "static"
    catalog = str(tmp_path / "there" / "stac") if is_static else request.getfixturevalue("pgstac_dsn")
    made = Scene(tmp_path, f"pushed-{uuid.uuid4().hex[:8]}", catalog)
    made.run()
    made.push()
    made.check()
    return made


def before(patch: pytest.MonkeyPatch, where: Any, name: str, act: Callable[[], object]) -> None:
    """Something is done, once, before a function is called."""
    function = getattr(where, name)

    def call(*args: Any, **options: Any) -> Any:
        patch.setattr(where, name, function)
        act()
        return function(*args, **options)

    patch.setattr(where, name, call)


def pushed(scene: Scene) -> Push | RasterCollectionError:
    try:
        return scene.push()
    except RasterCollectionError as error:
        return error


@pytest.mark.parametrize(
    ("scene", "moment", "tiles"),
    [("static", "moved", []), ("static", "mend", ["a", "b"]), ("static", "mend", []), ("pgstac", "mend", [])],
    ids=["before", "tiles", "all", "pgstac"],
    indirect=["scene"],
)
def test_what_is_removed_while_it_is_pushed_is_told_or_there(
    scene: Scene, moment: str, tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is published, and right after."""
    where: Any = copying._Copier if moment == "moved" else copying
    before(monkeypatch, where, moment, lambda: scene.remove(*tiles))
    found = pushed(scene)
    if isinstance(found, Push):
        assert (found.items, found.findings) == (2, ())
        scene.check(["sub_c", "sub_d-ca6e64bf"])
    else:
        assert "removed" in found.message
        assert found.hint == "Push it again."
    assert scene.push().findings == ()
    scene.check()


@pytest.mark.parametrize(
    ("scene", "moment", "dies"),
    [("static", "_delete", True), ("static", "_delete_one", False), ("pgstac", "_delete", False)],
    ids=["killed", "in between", "pgstac"],
    indirect=["scene"],
)
def test_what_is_pushed_while_it_is_removed_stays(
    scene: Scene, moment: str, dies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first file is deleted, and with the first of them; of a removal that dies then, the next ends it."""
    ends: list[Push | RasterCollectionError] = []
    pushing = threading.Thread(target=lambda: ends.append(pushed(scene)))

    def push() -> None:
        pushing.start()
        pushing.join(OTHERS_MAY_TAKE if moment == "_delete_one" else 60)
        if dies:
            raise KeyboardInterrupt

    before(monkeypatch, clearing, moment, push)
    with contextlib.suppress(KeyboardInterrupt):
        scene.remove()
    pushing.join(60)
    if isinstance(ends[0], RasterCollectionError):
        assert ends[0].hint == "Push it again."
        assert scene.push().findings == ()
    scene.check()
    scene.remove("a")
    scene.check(["b", "sub_c", "sub_d-ca6e64bf"])


@pytest.mark.parametrize(("scene", "moment"), [("static", "mend"), ("pgstac", "moved")], indirect=["scene"])
def test_what_a_job_publishes_while_it_is_pushed_stays(
    scene: Scene, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of tiles that are elsewhere, too, and of one that is there alone."""
    write_tile(scene.folder / "bronze" / "new.tif", 600, 0)
    where: Any = copying._Copier if moment == "moved" else copying
    job = functools.partial(scene.run, "a.tif", "new.tif", output="there", catalog=scene.catalog)
    before(monkeypatch, where, moment, job)
    found = pushed(scene)
    if isinstance(found, RasterCollectionError):
        assert found.hint == "Push it again."
        found = scene.push()
    assert found.findings == ()
    scene.check([*ALL, "new"])
