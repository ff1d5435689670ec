"""Renders by parameter, as jobs go: what is published, what is made again, what is told where one fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import from_origin

from cog_scenes import write_raster
from odd_renders import BROKEN
from rastercollection import RenderDefinition, RequestError, check_collection, process_collection
from rastercollection.cli.main import main
from rastercollection.ports.registries import RENDERS

Run = Callable[..., Any]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setattr(RENDERS, "_targets", RENDERS.registered())

    def register(*names: str) -> None:
        for name in names:
            RENDERS.register(name, f"odd_renders:{name}")

    return register


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A job over two tiles of red, green, blue and near infrared."""
    (tmp_path / "in").mkdir()
    rows, columns = np.mgrid[0:96, 0:96]
    for number in range(2):
        bands = [400 + 6 * columns, 500 + 3 * rows, 600 + 0 * rows, 900 + 12 * rows]
        pixels = np.stack(bands).astype("uint16")
        place = from_origin(5e5 + 960 * number, 4.6e6, 10, 10)
        write_raster(tmp_path / "in" / f"t{number}.tif", pixels, transform=place)

    def run(**settings: Any) -> Any:
        usual = {"blob_list": ["*.tif"], "executor": "serial", "jobs": f"sqlite:///{tmp_path / 'jobs.db'}"}
        places = {"container_name": tmp_path / "in", "output_container": tmp_path / "out", "collection_id": "c"}
        told = {"bands": ["red", "green", "blue", "nir"], "datetime": "2024"}
        result = process_collection(**places, **{**usual, **told, **settings})
        assert result.status == "completed"
        return result

    return run


def _document(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / "stac" / "c" / "collection.json").read_text())


def _titles(tmp_path: Path) -> dict[str, str]:
    return {name: render["title"] for name, render in _document(tmp_path)["renders"].items()}


def _codes(result: Any) -> list[str]:
    return [notice["code"] for notice in result.summary["notices"]]


def _files(tmp_path: Path, pattern: str) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob(pattern)}


def test_other_renders_are_published_and_no_cog_is_made_again(run: Run, tmp_path: Path, validate_stac: Any) -> None:
    first = run()
    assert _titles(tmp_path) == {"visual": "Natural color", "color-infrared": "Color infrared"}
    before, page = _files(tmp_path, "*.tif") | _files(tmp_path, "c.json"), (tmp_path / "out" / "c.html").read_text()
    second = run(renders=["ndvi", "natural"])
    assert (second.job_id, second.reused) == (first.job_id, False)
    assert _titles(tmp_path) == {"visual": "NDVI", "natural": "Natural color"}
    assert _files(tmp_path, "*.tif") | _files(tmp_path, "c.json") == before
    assert len(before) >= 3
    assert (tmp_path / "out" / "c.html").read_text() != page
    assert run(renders=["ndvi", "natural"]).reused
    validate_stac(_document(tmp_path))
    assert check_collection(str(tmp_path / "out"), jobs="memory").findings == ()
    run(renders="usual")
    assert _titles(tmp_path)["visual"] == "Natural color"


def test_a_job_that_names_none_keeps_those_of_the_collection(run: Run, tmp_path: Path, registered: Any) -> None:
    registered("greenness")
    own = RenderDefinition(title="Own", bands=3, rescale=(0, 800))
    run(blob_list=["t0.tif"], renders=["greenness", own])
    before = _titles(tmp_path)
    assert before == {"visual": "Greenness", "own": "Own"}
    run(blob_list=["t1.tif"])
    assert _titles(tmp_path) == before
    assert check_collection(str(tmp_path / "out"), jobs="memory").findings == ()
    # where nobody knows the name any more, what is published stays, and it is told
    RENDERS._targets.pop("greenness")
    kept = _document(tmp_path)["renders"]
    result = run(blob_list=["t*.tif"])
    assert _codes(result) == ["RENDER_UNKNOWN"]
    assert _document(tmp_path)["renders"] == kept
    findings = check_collection(str(tmp_path / "out"), jobs="memory").findings
    assert [finding.code for finding in findings] == ["CHECK_UNASKED"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_render_is_told_and_costs_no_tile(run: Run, tmp_path: Path, registered: Any, name: str) -> None:
    registered(name)
    result = run(renders=[name, "ndvi"])
    (notice,) = result.summary["notices"]
    assert notice["code"] == "RENDER_FAILED"
    assert name in notice["message"]
    assert _titles(tmp_path) == {"visual": "NDVI"}
    assert len(list((tmp_path / "out").glob("t*_cog_*.tif"))) == 2


def test_where_none_applies_there_are_the_usual_ones(run: Run, tmp_path: Path) -> None:
    result = run(renders=["hillshade", "classes"])
    assert _codes(result) == ["RENDER_NOT_APPLICABLE"] * 2
    assert _titles(tmp_path) == {"visual": "Natural color", "color-infrared": "Color infrared"}


@pytest.mark.parametrize(("others", "drawn"), [([], "its values"), (["ndvi"], "NDVI")])
def test_a_page_that_cannot_draw_what_links_show_says_so(run: Run, tmp_path: Path, others: Any, drawn: str) -> None:
    shades = RenderDefinition(title="Shades", bands=1, algorithm="hillshade", buffer=3)
    result = run(renders=[shades, *others])
    (notice,) = result.summary["notices"]
    assert notice["code"] == "PREVIEW_DIFFERS"
    assert notice["message"].startswith(f"The preview page shows {drawn}: Shades is made by the algorithm hillshade")
    page = (tmp_path / "out" / "c.html").read_text()
    assert notice["message"] in page
    assert ("<li>NDVI <b>-1</b>" in page) == (drawn == "NDVI")


def test_workers_find_what_was_registered_here(run: Run, tmp_path: Path, registered: Any) -> None:
    registered("greenness")
    run(renders=["greenness"], executor="process", max_workers=1)
    assert _titles(tmp_path) == {"visual": "Greenness"}


@pytest.mark.parametrize(
    ("renders", "told"),
    [
        (["ndvy"], "did you mean ndvi?"),
        ([{"title": "x", "bands": 1, "colormap_name": "viridiss"}], "rio-tiler"),
        ([lambda collection: None], "register"),
    ],
)
def test_what_nobody_knows_is_refused_before_any_work(run: Run, tmp_path: Path, renders: Any, told: str) -> None:
    with pytest.raises(RequestError, match=told.replace("?", r"\?")):
        run(renders=renders)
    assert not (tmp_path / "out").exists()


def test_the_command_line_takes_names_and_definitions(run: Run, tmp_path: Path) -> None:
    command = ["run", str(tmp_path / "in"), "--id", "c", "--output", str(tmp_path / "out"), "--executor", "serial"]
    named = ["--render", "ndvi", "--render", '{"title": "Blue alone", "bands": 3, "rescale": [0, 800]}']
    told = ["--bands", "red,green,blue,nir", "--jobs", "memory", "--quiet", "--datetime", "2024"]
    assert main([*command, *named, *told]) == 0
    assert _titles(tmp_path) == {"visual": "NDVI", "blue-alone": "Blue alone"}
