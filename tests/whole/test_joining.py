"""A job joins what is published: tiles are compared with it, and what was drawn goes on being drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from cogeo_mosaic.backends import MosaicBackend
from rio_tiler.io import Reader

from job_scenes import write_tile
from rastercollection import JobFailedError, JobResult, plan_collection, process_collection
from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.cli.main import main
from rastercollection.core.patience import Patience
from rastercollection.errors import BackendError, OutputTakenError, UnavailableError
from rastercollection.ports.catalog import CatalogBackend, PublishMode
from rastercollection.testing.catalog_contract import contract_collection

Json = Mapping[str, Any]

COLORS = {1: (0, 90, 0, 255), 2: (200, 200, 0, 255), 3: (0, 0, 200, 255)}


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    """Two pictures and, in ``classes``, three land-cover maps beside them."""
    folder = tmp_path / "bronze"
    for number in range(2):
        write_tile(folder / f"picture_{number}.tif", 256 * (number + 1), 0)
    for number in range(3):
        path = folder / "classes" / f"cover_{number}.tif"
        write_tile(path, 256 * (number + 1), 256, count=1, photometric="PALETTE")
        with rasterio.open(path, "r+") as tile:
            rows, columns = np.mgrid[: tile.height, : tile.width]
            tile.write((1 + (rows // 64 + columns // 64 + number) % 3).astype("uint8"), 1)
            tile.write_colormap(1, COLORS)
    return folder


@pytest.fixture(params=["static", "pgstac"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> CatalogBackend:
    """Where the collection is published."""
    if request.param == "static":
        return StaticCatalog(str(tmp_path / "stac"))
    pytest.importorskip("psycopg", reason="pip install 'rastercollection[pgstac]'")
    from rastercollection.backends.catalogs.pgstac.pgstac_catalog import PgstacCatalog

    return PgstacCatalog(request.getfixturevalue("pgstac_dsn"))


def job(bronze: Path, blobs: str, catalog: CatalogBackend | str, **parameters: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "container_name": bronze,
        "blob_list": [blobs],
        "collection_id": "c",
        "catalog": catalog,
        "executor": "serial",
        "jobs": "memory",
    }
    return {**defaults, **parameters}


def run(*arguments: Any, **parameters: Any) -> JobResult:
    return process_collection(**job(*arguments, **parameters))


def codes(notices: Any) -> list[str]:
    return [notice["code"] if isinstance(notice, Mapping) else notice.code for notice in notices]


def drawn(catalog: CatalogBackend, item: str) -> np.ndarray[Any, Any]:
    """What the collection's usual render shows of an item: colours, and in the last band where there are any."""
    document, items = catalog.collection("c"), {each["id"]: each for each in catalog.items("c")}
    assert document is not None
    render = document["renders"]["visual"]
    with Reader(items[item]["assets"]["data"]["href"]) as reader:
        image = reader.preview(indexes=render["bidx"])
    if "rescale" in render:
        image.rescale(in_range=[tuple(each) for each in render["rescale"]])
    colormap = render.get("colormap")
    if colormap:
        image = image.apply_colormap({int(value): tuple(color) for value, color in colormap.items()})
    shown: np.ndarray[Any, Any] = np.concatenate([image.data, np.minimum(image.mask, 255)[None]])
    return shown


def test_what_does_not_agree_with_what_is_published_is_refused_where_that_is_asked(
    bronze: Path, catalog: CatalogBackend
) -> None:
    run(bronze, "picture_*.tif", catalog)
    parameters = {"on_mismatch": "fail"}
    plan = plan_collection(**job(bronze, "classes/cover_0.tif", catalog, **parameters))
    assert plan.tiles[0].problem is not None
    assert plan.tiles[0].problem.code == "TILES_DISAGREE"
    with pytest.raises(JobFailedError, match=r"TILES_DISAGREE.*band_count: 3 \(2, 2 of them published\), 1 \(1\)"):
        run(bronze, "classes/cover_0.tif", catalog, **parameters)
    assert {item["id"] for item in catalog.items("c")} == {"picture_0", "picture_1"}
    assert run(bronze, "picture_1.tif", catalog, jpeg_quality=70, **parameters).status == "completed"
    assert run(bronze, "classes/cover_0.tif", catalog, mode="replace", **parameters).status == "completed"


def test_published_tiles_are_of_the_majority(bronze: Path, catalog: CatalogBackend) -> None:
    run(bronze, "picture_*.tif", catalog)
    write_tile(bronze / "more" / "picture_2.tif", 0, 256)
    write_tile(bronze / "more" / "cover.tif", 256, 256, count=1, photometric="MINISBLACK")
    result = run(bronze, "more/*.tif", catalog, on_mismatch="majority")
    outcomes = {tile.blob: (tile.outcome, tile.code) for tile in result.tiles}
    assert outcomes == {"more/cover.tif": ("skipped", "TILES_DISAGREE"), "more/picture_2.tif": ("cog", "")}
    (reason,) = [tile.reason for tile in result.tiles if tile.code]
    assert "band_count is 1, that of most is 3" in reason


def test_what_was_drawn_goes_on_being_drawn_when_many_others_join(bronze: Path, catalog: CatalogBackend) -> None:
    run(bronze, "picture_*.tif", catalog)
    before = drawn(catalog, "picture_1")
    assert len(np.unique(before[0])) > 50
    result = run(bronze, "classes/*.tif", catalog)
    assert "PUBLISHED_TILES_DIFFER" in codes(result.to_dict()["notices"])
    after = drawn(catalog, "picture_1")
    assert np.array_equal(after[-1], before[-1])
    assert len(np.unique(after[0])) > 50  # a class's colour a value, and none for most, would leave nothing of it
    run(bronze, "picture_*.tif", catalog, jpeg_quality=70)  # now the classes are what is published beside the job's
    assert len(np.unique(drawn(catalog, "picture_1")[0])) > 50


def test_pictures_are_drawn_in_colors_where_a_class_map_meets_them(bronze: Path, tmp_path: Path) -> None:
    catalog = StaticCatalog(str(tmp_path / "stac"))
    run(bronze, "picture_*.tif", catalog)
    before = (catalog.collection("c") or {})["renders"]
    joined = run(bronze, "classes/cover_0.tif", catalog)
    assert (catalog.collection("c") or {})["renders"] == before
    _assert_in_colors(joined, catalog, ["picture_0", "picture_1"])
    mixed = StaticCatalog(str(tmp_path / "mixed"))
    write_tile(bronze / "classes" / "picture_2.tif", 256, 0)
    write_tile(bronze / "classes" / "picture_3.tif", 512, 0)
    for name in ("cover_1", "cover_2"):
        (bronze / "classes" / f"{name}.tif").unlink()
    first = run(bronze, "classes/*.tif", mixed, output_folder="mixed")
    _assert_in_colors(first, mixed, ["classes_picture_2", "classes_picture_3"])


def _assert_in_colors(result: JobResult, catalog: CatalogBackend, pictures: list[str]) -> None:
    """A server that knows nothing of the library draws the tile where pictures and the class map meet."""
    (told,) = [one["message"] for one in result.to_dict()["notices"] if one["code"] == "MOSAIC_TILE_OMITTED"]
    assert "classes/cover_0.tif" in told
    items = {str(item["id"]): item for item in catalog.items("c")}
    assert items.keys() == {*pictures, "classes_cover_0"}
    bands = (catalog.collection("c") or {})["renders"]["visual"]["bidx"]
    assert bands == [1, 2, 3]
    west, _, east, north = items["classes_cover_0"]["bbox"]
    mosaic = result.to_dict()["mosaicjson"]
    with MosaicBackend(mosaic["url"]) as backend:
        for zoom in (mosaic["minzoom"], mosaic["maxzoom"]):
            tile = backend.tms.tile((west + east) / 2, north, zoom)
            image, assets = backend.tile(tile.x, tile.y, tile.z, indexes=bands)
            assert image.count == 3
            assert image.mask.any()
            assert {Path(asset).name.split("_cog")[0] for asset in assets} <= set(pictures)


def test_what_agrees_joins_without_a_word(bronze: Path, catalog: CatalogBackend) -> None:
    run(bronze, "picture_0.tif", catalog)
    result = run(bronze, "picture_1.tif", catalog, on_mismatch="fail")
    assert result.status == "completed"
    assert "PUBLISHED_TILES_DIFFER" not in codes(result.to_dict().get("notices") or ())


@pytest.mark.parametrize(
    ("mode", "counts"),
    [
        ("upsert", (2, 2, 1, 1, 0)),
        ("insert_ignore", (2, 2, 0, 2, 0)),
        ("replace", (2, 2, 1, 0, 1)),
    ],
)
def test_a_plan_tells_what_the_job_joins_and_changes(
    bronze: Path, catalog: CatalogBackend, mode: PublishMode, counts: tuple[int, ...]
) -> None:
    assert plan_collection(**job(bronze, "picture_*.tif", catalog)).joining is None
    run(bronze, "picture_*.tif", catalog)
    (bronze / "picture_0.tif").rename(bronze / "picture_2.tif")
    write_tile(bronze / "picture_3.tif", 0, 256)
    for predict in (True, False):
        joining = plan_collection(**job(bronze, "picture_*.tif", catalog, mode=mode), predict=predict).joining
        assert joining is not None
        told = (joining.published, joining.added, joining.replaced, joining.left, joining.removed)
        assert told == counts
    run(bronze, "picture_*.tif", catalog, mode=mode)
    assert len(list(catalog.items("c"))) == sum(counts[1:4])


def test_the_command_line_tells_it(bronze: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(bronze, "picture_*.tif", str(tmp_path / "stac"))
    arguments = [str(bronze), "--id", "c", "--catalog", str(tmp_path / "stac"), "--jobs", "memory"]
    assert main(["plan", *arguments, "--blob", "**/*.tif"]) == 0
    told = capsys.readouterr().out
    assert "c, which holds 2 items: 3 added, 2 replaced, 0 left as they are, 0 removed" in told


def test_a_collection_of_another_program_keeps_its_document(bronze: Path, catalog: CatalogBackend) -> None:
    catalog.publish(contract_collection("c"), [])
    before = catalog.collection("c")
    for call in (plan_collection, process_collection):
        with pytest.raises(OutputTakenError, match="stac_item_id"):
            call(**job(bronze, "picture_*.tif", catalog))
    assert catalog.collection("c") == before
    assert not list(bronze.parent.glob("cogs/**/*.tif"))


class Silent(StaticCatalog):
    """A catalog that does not answer when it is asked what it holds."""

    def items(self, collection_id: str) -> Any:
        raise UnavailableError("the catalog does not answer")


def test_a_catalog_that_cannot_be_asked_is_not_an_empty_one(
    bronze: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Patience, "_persist", lambda _self, work, _doing: work())
    arguments = job(bronze, "picture_*.tif", Silent(str(tmp_path / "stac")))
    for call in (plan_collection, process_collection):
        with pytest.raises(BackendError, match="does not answer"):
            call(**arguments)
    assert not list(tmp_path.glob("cogs/**/*.tif"))
