"""Programs that read STAC documents: validators, clients of catalogs and of an API, and what writes items itself."""

from __future__ import annotations

import json
import subprocess
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pystac
import pytest
import shapely
from shapely.geometry import shape

from client_cells import Cell, Judge, Need, Published, read_by, rio
from client_scenes import KINDS, Place
from stac_schemas import extension_schemas

SHORT = tuple(name for name in KINDS if name != "many")
SUSPICION = "geometry_coordinates_order"
"""What stac-check says of every corner beyond 90° east or west that is not near a pole, whoever wrote it."""

MOST_ITEMS = 20
"""Items of a large collection that are looked at one by one."""


def documents(published: Published) -> list[Path]:
    (collection,) = published.catalog.parent.glob("*/collection.json")
    return [published.catalog, collection, *published.item_paths[:MOST_ITEMS]]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Validators find copies of schemas where they would fetch them; what no copy is at hand of is named."""
    import requests

    core = Path(pystac.__file__).parent / "validation" / "jsonschemas"
    known: dict[str, Any] = dict(extension_schemas())
    missing: set[str] = set()

    class Answer:
        status_code = 200

        def __init__(self, document: Any) -> None:
            self.document = document

        def json(self) -> Any:
            return self.document

        def raise_for_status(self) -> None:
            pass

    def get(address: str, *rest: Any, **options: Any) -> Answer:
        address = address.partition("#")[0]
        if address.startswith("https://schemas.stacspec.org/v1.1.0/"):
            return Answer(json.loads((core / "stac-spec" / "v1.1.0" / Path(address).name).read_text()))
        if address.startswith("https://geojson.org/schema/"):
            return Answer(json.loads((core / "geojson" / Path(address).name).read_text()))
        if address not in known:
            missing.add(address)
            return Answer({})
        return Answer(known[address])

    monkeypatch.setattr(requests, "get", get)
    return missing


@read_by("stac-validator")
def test_stac_validator(cell: Cell, judge: Judge, need: Need, offline: set[str]) -> None:
    need("stac_validator", "stac-check")

    def validated(published: Published) -> str:
        from stac_validator.stac_validator import StacValidate

        for path in documents(published):
            validator = StacValidate(str(path))
            assert validator.run(), f"{path.name}: {validator.message[0].get('error_message')}"
        names = sorted(address.split("/")[-3] for address in offline)
        return f"{len(documents(published))} documents" + (f" (no schema at hand: {', '.join(names)})" if names else "")

    judge(cell, validated, version=version("stac-valid"))


@read_by("stac-check")
def test_stac_check(
    cell: Cell, judge: Judge, need: Need, offline: set[str], reference: Callable[[str], Published]
) -> None:
    """No warning that items written by rio-stac do not get."""
    need("stac_check", "stac-check")
    usual = set().union(*(_warnings(path) for path in documents(reference(cell.kind))))

    def checked(published: Published) -> str:
        found = {path.name: _warnings(path) - usual - {SUSPICION} for path in documents(published)}
        assert not any(found.values()), {name: told for name, told in found.items() if told}
        return f"{len(found)} documents, no warning" + (f" but the reference's {sorted(usual)}" if usual else "")

    judge(cell, checked, version=version("stac-check"))


def _warnings(path: Path) -> set[str]:
    from stac_check.lint import Linter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        linter = Linter(str(path))
    assert linter.valid_stac, f"{path.name}: {linter.error_msg}"
    return {*linter.create_best_practices_dict()}


@read_by("pystac-client", short=SHORT)
def test_pystac_client(cell: Cell, judge: Judge, need: Need) -> None:
    """A static catalog: its items lie where the data are and lead to files that are there."""
    client = need("pystac_client", "pystac-client")

    def opened(published: Published) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a static catalog conforms to no API
            catalog = client.Client.open(str(published.catalog))
            (collection,) = catalog.get_collections()
            items = list(collection.get_items())
        return _items_are_right(published, collection, items)

    judge(cell, opened, version=version("pystac-client"))


def _items_are_right(published: Published, collection: pystac.Collection, items: list[pystac.Item]) -> str:
    kind = published.kind
    assert len(items) == kind.cogs
    for item in items:
        asset = item.assets[published.asset]
        href = asset.href if item.get_self_href().startswith("http") else asset.get_absolute_href()
        assert Path(href.removeprefix("file://")).is_file(), href
        bounds = _bounds(item.geometry)
        assert item.bbox == pytest.approx(bounds, abs=1e-6), f"{item.id}: bbox {item.bbox}, geometry within {bounds}"
        assert _covers(collection.extent.spatial.bboxes[0], item.bbox), f"{item.id} is not within the collection"
    for place in kind.places:
        found = [item.id for item in items if shape(item.geometry).intersects(shapely.Point(place.lon, place.lat))]
        assert found or place.values is None, f"no item's geometry holds {place.name} ({place.lon:g}, {place.lat:g})"
    extent = collection.extent.spatial.bboxes[0]
    assert extent == pytest.approx(kind.bounds, abs=3 * kind.step), f"the collection's extent is {extent}"
    return f"{len(items)} items, extent {' '.join(f'{edge:.4g}' for edge in extent)}"


def _bounds(geometry: dict[str, Any]) -> tuple[float, ...]:
    """As RFC 7946 has them: the western edge is the larger number where parts touch both sides of 180°."""
    parts = list(getattr(shape(geometry), "geoms", [shape(geometry)]))
    west, south, east, north = shapely.union_all(parts).bounds
    east_side = [part.bounds for part in parts if part.bounds[2] == 180 and part.bounds[0] > 0]
    west_side = [part.bounds for part in parts if part.bounds[0] == -180 and part.bounds[2] < 0]
    if east_side and west_side and len(east_side) + len(west_side) == len(parts):
        return (min(each[0] for each in east_side), south, max(each[2] for each in west_side), north)
    return (west, south, east, north)


def _covers(outer: list[float], inner: list[float]) -> bool:
    """Whether a box holds another, a millionth of a degree apart; either may cross 180°."""
    width, own_width = ((box[2] - box[0]) % 360 or 360 for box in (outer, inner))
    begin = (inner[0] - outer[0] + 1e-6) % 360
    return begin + own_width <= width + 2e-6 and outer[1] <= inner[1] + 1e-6 and outer[3] >= inner[3] - 1e-6


@read_by("stac-fastapi-pgstac + pystac-client")
def test_stac_fastapi(
    cell: Cell, judge: Judge, publish: Callable[..., Published], stac_api: str, served_dsn: str
) -> None:
    """An API over pgSTAC: a search by a place, and by a day, finds the items that lie there."""
    from pystac_client import Client

    ours = publish(cell.kind, catalog=served_dsn, collection_id=f"{cell.kind}-api")

    def searched(published: Published) -> str:
        client = Client.open(stac_api)
        collection = client.get_collection(f"{cell.kind}-api")
        items = list(client.search(collections=[collection.id], limit=100).items())
        seen = _items_are_right(published, collection, items)
        for place in published.kind.places:
            if place.values is not None:
                assert _found(client, collection.id, place, "2024-05-06"), f"a search at {place.name} finds nothing"
                assert not _found(client, collection.id, place, "2024-05-08"), "items are found on another day"
        return f"{seen}, found at every place on their day"

    judge(cell, searched, version=version("stac-fastapi-pgstac"), ours=ours)


def _found(client: Any, collection: str, place: Place, day: str) -> list[str]:
    point = {"type": "Point", "coordinates": [place.lon, place.lat]}
    return [item.id for item in client.search(collections=[collection], intersects=point, datetime=day).items()]


@read_by("rio-stac")
def test_rio_stac(cell: Cell, judge: Judge, need: Need) -> None:
    """What it writes of a COG is what our item says, field by field."""
    need("rio_stac", "rio-stac")
    judge(cell, _said_by_rio_stac, version=version("rio-stac"))


def _said_by_rio_stac(published: Published) -> str:
    compared: set[str] = set()
    for item in published.items[:MOST_ITEMS]:
        theirs = _rio_stac(Path(item.assets["data"].get_absolute_href()))
        ours = json.loads(Path(item.get_self_href()).read_text())
        differing = dict(_differences(ours, theirs, compared))
        assert not differing, f"{item.id}: {differing}"
    return f"{len(published.items[:MOST_ITEMS])} items, {', '.join(sorted(compared))}"


def _rio_stac(cog: Path) -> dict[str, Any]:
    done = subprocess.run(
        [rio(), "stac", "--max-raster-size", "100000", str(cog)], capture_output=True, check=True, text=True
    )
    item: dict[str, Any] = json.loads(done.stdout)
    return item


def _differences(ours: dict[str, Any], theirs: dict[str, Any], compared: set[str]) -> Any:
    """Fields by name, with both values where they differ; fields of STAC 1.0 under their names in 1.1."""
    asset, (reference,) = ours["assets"]["data"], theirs["assets"].values()
    stated = {**ours["properties"], **asset}
    facts = theirs["properties"]
    pairs: list[tuple[str, Any, Any]] = [
        ("proj:code", stated.get("proj:code"), f"EPSG:{facts['proj:epsg']}" if facts.get("proj:epsg") else None),
        ("proj:shape", stated.get("proj:shape"), facts["proj:shape"]),
        ("proj:transform", stated.get("proj:transform", [])[:6], facts["proj:transform"][:6]),
        ("proj:bbox", stated.get("proj:bbox"), facts["proj:bbox"]),
        ("within bbox", _covers(theirs["bbox"], ours["bbox"]), True),
    ]
    bands = asset.get("bands") or [{}]
    names = [band.get("description", "") for band in reference["eo:bands"]]
    for number, (raster, description) in enumerate(zip(reference["raster:bands"], names, strict=True)):
        band = {**asset, **(bands[number] if number < len(bands) else {})}
        label = f"band {number + 1} "
        pairs += [
            (f"{label}data_type", band.get("data_type"), raster["data_type"]),
            (f"{label}nodata", band.get("nodata"), raster.get("nodata")),
            (f"{label}description", band.get("description", description), description),
        ]
        pairs += [
            (f"{label}statistics.{name}", band.get("statistics", {}).get(name), value)
            for name, value in raster["statistics"].items()
        ]
    for name, mine, its in pairs:
        compared.add(name.split(" ")[-1].split(".")[0] if name != "within bbox" else name)
        if not _equal(mine, its):
            yield name, (mine, its)


def _equal(mine: Any, its: Any) -> bool:
    try:
        return bool(mine == its or mine == pytest.approx(its, rel=1e-6, abs=1e-9))
    except TypeError:
        return False
