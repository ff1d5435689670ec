"""info, list, remove and push, as users meet them; what they leave is judged by ``check``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pystac
import pytest
from click.testing import CliRunner, Result

from rastercollection import check_collection, process_collection
from rastercollection.cli.demo import Scene, make_scene
from rastercollection.cli.rio_plugin import collection


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene") / "bronze", size=96)


@pytest.fixture(scope="module")
def finished(scene: Scene) -> Path:
    out = scene.folder.parent / "out"
    process_collection(
        container_name=scene.folder,
        blob_list="*_[ab][12].tif",
        collection_id="fields",
        output_container=out,
        jobs="memory",
    )
    return out


@pytest.fixture
def published(finished: Path, tmp_path: Path) -> Path:
    """A collection of four tiles that a test may change."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def _rc(*arguments: object) -> Result:
    return CliRunner().invoke(collection, [str(one) for one in arguments])


def _sound(place: Path) -> bool:
    return check_collection(place, verify="checksum", jobs="memory").is_sound


class TestInfo:
    def test_of_a_folder_of_rasters_it_says_what_tells_more(self, scene: Scene) -> None:
        done = _rc("info", scene.folder)
        assert done.exit_code == 2
        assert "rastercollection plan" in done.stderr

    def test_of_a_raster_it_says_what_would_become_of_it(self, scene: Scene) -> None:
        done = _rc("info", scene.tiles[0], "--target-crs", "3857")
        assert done.exit_code == 0, done.output
        assert "EPSG:32642 (file metadata), pixels of 10" in done.stdout
        assert "96 × 96, 3 bands of uint8" in done.stdout
        assert "Becomes   a COG of " in done.stdout
        told = json.loads(_rc("info", scene.tiles[0], "--json").stdout)["raster"]
        assert told["validation"]["raster_type"] == "rgb"
        assert told["forecast"]["resampled"] is True
        assert sorted(path.name for path in scene.folder.parent.iterdir() if path.name == "cogs") == []

    def test_of_a_broken_one_why_it_would_be_left_out(self, scene: Scene) -> None:
        done = _rc("info", scene.broken)
        assert done.exit_code == 3
        assert done.stdout.count("is truncated") == 1

    def test_of_a_collection_what_it_holds(self, published: Path) -> None:
        done = _rc("info", published)
        assert done.exit_code == 0, done.output
        for fact in ("Items     4", "When      2019-07-14", "CRS       EPSG:4326", "Bands     red, green, blue"):
            assert fact in done.stdout

    def test_of_nothing(self, tmp_path: Path) -> None:
        assert _rc("info", tmp_path / "nowhere").exit_code == 2
        assert _rc("info", tmp_path).exit_code == 2


class TestList:
    def test_collections_below_a_folder_at_any_depth(self, published: Path) -> None:
        listed = json.loads(_rc("list", published.parent, "--json").stdout)["collections"]
        assert [(one["collection_id"], one["items"]) for one in listed] == [("fields", 4)]
        assert _rc("list", published / "stac" / "catalog.json").stdout.split()[:3] == ["fields", "4", "items"]

    def test_links_in_a_circle_and_documents_that_are_broken_hide_nothing_else(self, published: Path) -> None:
        stac = published / "stac"
        catalog = json.loads((stac / "catalog.json").read_text())
        circle = {"rel": "child", "href": "./circle.json"}
        catalog["links"] += [circle] * 50
        (stac / "catalog.json").write_text(json.dumps(catalog))
        (stac / "circle.json").write_text(json.dumps({**catalog, "links": [{**circle, "href": "./catalog.json"}] * 50}))
        (stac / "odd").mkdir()
        (stac / "odd" / "collection.json").write_text('{"type": "Collection", "extent": {"temporal": {"interval": 5}}}')
        for place in (stac / "catalog.json", published):
            listed = json.loads(_rc("list", place, "--json").stdout)["collections"]
            assert [one["collection_id"] for one in listed] == ["fields"]
        assert _rc("list", stac / "odd" / "collection.json").exit_code != 0

    def test_none(self, tmp_path: Path) -> None:
        assert _rc("list", tmp_path).stdout == "no collections\n"
        assert _rc("list", tmp_path / "nowhere").exit_code == 2


class TestRemove:
    def test_first_it_only_says_what_would_go(self, published: Path) -> None:
        before = sorted(published.rglob("*"))
        done = _rc("remove", published, "namangan_b1.tif")
        assert done.exit_code == 0, done.output
        assert "would be removed: " in done.stdout
        assert "--yes" in done.stderr
        assert sorted(published.rglob("*")) == before

    @pytest.mark.parametrize("name", ["namangan_b1", "namangan_b1.tif", "namangan_b1_cog_analysis.tif"])
    def test_a_tile_goes_with_all_that_tells_of_it(self, published: Path, name: str) -> None:
        done = _rc("remove", published, name, "--yes")
        assert done.exit_code == 0, done.output
        assert not list(published.rglob("*namangan_b1*"))
        for text in (published / "fields.json", published / "stac/fields/collection.json", published / "fields.html"):
            assert "namangan_b1" not in text.read_text()
        read = pystac.Collection.from_file(str(published / "stac/fields/collection.json"))
        assert sorted(item.id for item in read.get_items()) == ["namangan_a1", "namangan_a2", "namangan_b2"]
        assert _sound(published)

    def test_a_whole_collection_leaves_the_catalog_and_what_others_have_there(self, published: Path) -> None:
        (published / "notes.txt").write_text("mine")
        done = _rc("remove", published, "--all", "--yes")
        assert done.exit_code == 0, done.output
        left = sorted(path.relative_to(published).as_posix() for path in published.rglob("*") if path.is_file())
        assert left == ["notes.txt", "stac/catalog.json"]
        catalog = pystac.Catalog.from_file(str(published / "stac/catalog.json"))
        assert list(catalog.get_children()) == []

    def test_what_is_no_tile_is_refused_with_a_suggestion(self, published: Path) -> None:
        done = _rc("remove", published, "namangan_bb", "namangan_b1", "--yes", "--json")
        assert done.exit_code == 2
        (problem,) = json.loads(done.stdout)["error"]["problems"]
        assert problem["suggestion"].startswith("namangan_b")
        assert _rc("remove", published, "--yes").exit_code == 2
        assert len(list(published.glob("*.tif"))) == 4


class TestWhichOfSeveral:
    @pytest.fixture
    def two(self, published: Path, scene: Scene) -> Path:
        """The folder of a job's output that holds two collections, of which one is not in its catalog's folder."""
        process_collection(
            container_name=scene.folder,
            blob_list="*_a1.tif",
            collection_id="other",
            output_container=published,
            output_folder="other",
            jobs="memory",
        )
        (published / "stac" / "other").rename(published / "stac" / "folder")
        document = published / "stac" / "catalog.json"
        document.write_text(document.read_text().replace("./other/", "./folder/"))
        return published

    @pytest.mark.parametrize("inside", ["", "stac", "stac/catalog.json"])
    @pytest.mark.parametrize("name", ["fields", "other"])
    def test_its_id_tells_it_wherever_the_catalog_is_named(self, two: Path, inside: str, name: str) -> None:
        done = _rc("remove", two / inside, "namangan_a1", "--id", name, "--json")
        assert done.exit_code == (0 if name == "fields" else 2), done.output  # it is the only tile of the other
        assert name in done.stdout

    def test_one_that_no_catalog_leads_to(self, two: Path) -> None:
        document = two / "stac" / "catalog.json"
        document.write_text(document.read_text().replace("./fields/", "./folder/"))
        assert json.loads(_rc("check", two, "--id", "fields", "--json").stdout)["findings"][0]["code"] == (
            "COLLECTION_NOT_LINKED"
        )

    def test_an_id_that_it_does_not_have_is_answered_with_those_that_it_has(self, two: Path) -> None:
        for arguments in (["check"], ["remove", "--all"], ["info"]):
            done = _rc(*arguments, two, "--id", "fieldz")
            assert done.exit_code == 2
            assert "'fieldz'" in done.stderr
            assert "fields, other; did you mean fields?" in done.stderr
        assert "set --id" in _rc("check", two).stderr


class TestPush:
    def test_it_is_the_same_collection_elsewhere(self, published: Path, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere" / "deep"
        done = _rc("push", published, target, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["copied"] == 8
        shutil.rmtree(published)
        assert _sound(target)
        for cog in target.glob("*.tif"):
            assert cog.stat().st_size > 0
        texts = [path.read_text() for path in target.rglob("*") if path.suffix in (".json", ".html")]
        assert not [text for text in texts if str(published) in text]

    def test_again_nothing_is_copied_that_is_there(self, published: Path, tmp_path: Path) -> None:
        _rc("push", published, tmp_path / "there")
        (tmp_path / "there" / "namangan_a1_cog_analysis.tif").write_bytes(b"damaged")
        told = json.loads(_rc("push", published, tmp_path / "there", "--json").stdout)
        assert (told["copied"], told["found"], told["findings"]) == (1, 7, [])
        assert _sound(tmp_path / "there")

    def test_to_where_it_is(self, published: Path) -> None:
        assert _rc("push", published, published).exit_code == 2
