"""The house: what may lie where, how large it may be, and which words the machine that runs jobs may know."""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import rastercollection
from rastercollection.core.workflow import TaskKind

PACKAGE = Path(rastercollection.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))

MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 40
"""From ``def`` to the end, without the docstring."""
OF_EVERY_STAGE = {"stage", "task", "task_parameters"}
PAIRS = {
    "cog": {"model/cog", "stages/cog"},
    "engine": {"core/engine", "core/engine/engine"},
    "mosaic": {"model/mosaic", "stages/mosaic"},
    "receipt": {"model/receipt", "stages/cog/receipt"},
    "stac": {"stac", "stages/stac"},
    "storage": {"backends/storage", "ports/storage"},
}
"""Names that stand twice, for a thing and the room where it is made or adapted."""

FOREIGN = frozenset(
    re.findall(
        r"\w+",
        """
        raster rasterio pixel nodata tiff geotiff libtiff cog cogeo thumbnail mosaic mosaicjson webmercator
        gdal osgeo vsicurl vsis3 crs epsg pyproj projjson shapely geojson geoparquet gpkg dem
        stac pystac pgstac pypgstac titiler leaflet rustac duckdb
        sqlite postgres postgresql postgis psycopg dask fsspec s3 s3fs boto azure adlfs gcs gcsfs
        """,
    )
)


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix() if path != PACKAGE else "the root"


def _words(text: str) -> Iterator[str]:
    """Words of prose and of identifiers, in lower case and in the singular; the package's own name is none."""
    text = re.sub("rastercollection|raster_collection", " ", text, flags=re.IGNORECASE)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", text)
    for word in re.findall(r"[a-z0-9]+", text.lower()):
        yield word
        yield word.removesuffix("s")


def test_words_are_found_in_whatever_form_they_stand() -> None:
    text = "RasterCollectionError rastercollection _PGSTAC_CODES create_cog PixelGrid GDALError Rasters s3:// stacking"
    assert {"pgstac", "cog", "pixel", "gdal", "raster", "s3"} == set(_words(text)) & set(FOREIGN)
    assert not set(_words("the RasterCollectionError of rastercollection.core")) & set(FOREIGN)


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=_name)
def test_the_machine_knows_no_word_of_what_it_is_used_for(path: Path) -> None:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    assert [(number, line) for number, line in lines if set(_words(line)) & set(FOREIGN)] == []


def test_the_root_holds_packages_and_five_files() -> None:
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == {"__init__.py", "__init__.pyi", "__main__.py", "api.py", "errors.py", "py.typed"}
    folders = [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert [path.name for path in folders if path not in PACKAGES] == []


@pytest.mark.parametrize("package", PACKAGES, ids=_name)
def test_every_package_says_in_a_sentence_or_two_what_belongs_in_it_and_what_does_not(package: Path) -> None:
    doc = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert doc
    assert len(doc.partition("\n\n")[0].splitlines()) <= 2
    assert len(doc.splitlines()) <= 12
    says_it_for_them = package == PACKAGE or package.parent == PACKAGE / "stages"
    assert says_it_for_them or re.search(r"\b(no|not|nothing|none|never|neither|only)\b", doc, re.IGNORECASE)


@pytest.mark.parametrize("package", PACKAGES, ids=_name)
def test_every_package_only_hands_names_on(package: Path) -> None:
    if package == PACKAGE / "testing":
        return  # pytest has to be told of modules with assertions before they are imported
    _, *rest = ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body
    assert [ast.unparse(node) for node in rest if not _hands_on(node)] == []


def _hands_on(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        names = [name for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        return all(re.fullmatch(r"__\w+__", name.id) for name in names)
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize("stage", sorted((PACKAGE / "stages").glob("*/__init__.py")), ids=lambda path: path.parent.name)
def test_every_stage_has_the_same_shape(stage: Path) -> None:
    assert {"stage.py", "task.py"} <= {path.name for path in stage.parent.iterdir()}
    package = importlib.import_module(f"rastercollection.stages.{stage.parent.name}")
    assert isinstance(package.STAGE, TaskKind)
    module, _, handler = package.STAGE.handler.partition(":")
    assert (module, set(package.__all__) >= {"STAGE", handler}) == (package.__name__, True)


def test_no_file_is_too_long() -> None:
    assert [_name(path) for path in MODULES if len(path.read_text(encoding="utf-8").splitlines()) > MOST_LINES] == []


def test_no_function_is_too_long() -> None:
    assert {name for path in MODULES for name in _too_long(path)} == set()


def _too_long(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _lines(node) > MOST_LINES_OF_A_FUNCTION:
            yield f"{_name(path)}:{node.name}"


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    first = function.body[0]
    documented = ast.get_docstring(function) is not None and first.end_lineno is not None
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if documented else 0)


def test_the_docstring_does_not_count() -> None:
    function = ast.parse('def f(\n    x,\n):\n    """One.\n\n    Two.\n    """\n    y = x\n    return y\n').body[0]
    assert isinstance(function, ast.FunctionDef)
    assert _lines(function) == 5


def test_no_name_stands_for_two_things() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for path in (*MODULES, *PACKAGES):
        if path.stem not in ("__init__", *OF_EVERY_STAGE) and path != PACKAGE:
            places[path.stem].add(_name(path))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert {name: found for name, found in twice.items() if not found <= PAIRS.get(name, set())} == {}


def test_only_stages_have_modules_that_are_called_as_in_every_stage() -> None:
    found = [path for path in MODULES if path.stem in OF_EVERY_STAGE]
    assert {path.parent.parent for path in found} == {PACKAGE / "stages"}


def test_tests_stand_beside_what_they_test() -> None:
    tests = Path(__file__).parents[1]
    rooms = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    strange = {room.as_posix() for room in rooms if not (PACKAGE / room / "__init__.py").is_file()}
    assert strange == {"chaos", "clients", "project", "whole"}


def test_no_two_files_of_tests_have_one_name() -> None:
    """Their folders are no packages: pytest tells them apart by name."""
    names = [
        path.name for path in Path(__file__).parents[1].rglob("*.py") if path.name not in ("conftest.py", "__init__.py")
    ]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []
