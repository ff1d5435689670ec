"""pgSTAC and a real titiler-pgstac, in several major versions: links show the data, and what is said of it is true."""

from __future__ import annotations

import json
import urllib.error
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rio_tiler.colormap import cmap

from rastercollection.stac.tile_servers import PROFILES, build_urls
from tile_scenes import SCENES, SIZE, fetch_tile, get, make_scene, pixel_at, terrain

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

LEFT, HOLE, RIGHT = (71.0301, 41.0201), (71.002, 41.048), (71.0801, 41.0201)
RESCALED = {"elevation", "elevation-int16", "four-uint16", "twelve"}


def _source_values(scene: str, number: int, place: tuple[float, float]) -> list[float]:
    """Of all bands of a COG of a scene, at a place."""
    pixels, _ = SCENES[scene](terrain(number * 3))
    column = int((place[0] - 71.0 - 0.05 * number) / 0.05 * SIZE)
    return [float(value) for value in pixels[:, int((41.05 - place[1]) / 0.05 * SIZE), column]]


@pytest.mark.parametrize("scene", SCENES)
def test_links_show_every_kind_of_data(serve: Any, titiler_pgstac: tuple[str, int], scene: str) -> None:
    done = serve(scene)
    entry, urls = done.entry, done.entry.urls
    assert entry.ready_for_titiler, entry.ready_reason
    assert entry.share_url == urls["viewer"]
    assert f"/searches/{entry.search_id}/" in urls["tiles"]
    assert b"<html" in get(urls["viewer"]).lower()
    assert b"<Capabilities" in get(urls["wmts"])
    document = json.loads(get(urls["tilejson"]))
    assert document["bounds"] == pytest.approx(done.mosaic.bounds)
    assert (document["minzoom"], document["maxzoom"]) == (done.mosaic.minzoom, done.mosaic.maxzoom)
    picture = fetch_tile(urls["tiles"], 71.05, 41.025, done.mosaic.minzoom + 1)
    shown = picture[:3, picture[3] > 0]
    assert len(np.unique(shown, axis=1).T) >= (3 if scene.startswith("classes") else 20)
    assert int(shown.max()) - int(shown.min()) > 100

    render = done.renders["visual"]
    for number, place in enumerate((LEFT, RIGHT)):
        address = urls["point"].replace("{lon}", str(place[0])).replace("{lat}", str(place[1]))
        values = json.loads(get(address))
        found = values["assets"][0]["values"] if "assets" in values else values["values"][0][1]
        expected = [_source_values(scene, number, place)[band - 1] for band in render["bidx"]]
        assert found == pytest.approx(expected, rel=1e-6)
        color = pixel_at(urls["tiles"], *place, done.mosaic.maxzoom)
        assert color == pytest.approx(_color(render, expected), abs=0 if "classes" in scene else 12)


def _color(render: dict[str, Any], values: list[float]) -> list[float]:
    """What a render makes of values: red, green, blue and alpha."""
    if "colormap" in render:
        return [*render["colormap"][f"{values[0]:.0f}"]]
    ranges = render.get("rescale", [[0, 255]] * len(values))
    shares = [min(max((v - low) / (high - low), 0), 1) for v, (low, high) in zip(values, ranges, strict=True)]
    if "colormap_name" in render:
        return [int(value) for value in cmap.get(render["colormap_name"])[round(shares[0] * 255)]]
    return [*(255 * share for share in (shares if len(shares) == 3 else shares * 3)), 255]


@pytest.mark.parametrize("scene", ["elevation", "four-uint16", "twelve"])
def test_every_render_shows_a_picture(serve: Any, titiler_pgstac: tuple[str, int], scene: str) -> None:
    done = serve(scene)
    more = {"elevation": "hillshade", "four-uint16": "color-infrared", "twelve": "color-infrared"}
    assert set(done.renders) == {"visual", more[scene]}
    pictures = []
    for render in done.renders.values():
        profile = PROFILES[f"titiler-pgstac-{titiler_pgstac[1]}"]
        urls = build_urls(titiler_pgstac[0], {"search": done.entry.search_id}, render, profile)
        pictures.append(fetch_tile(urls["tiles"], *LEFT, done.mosaic.maxzoom))
        assert len(np.unique(pictures[-1][:3, pictures[-1][3] > 0], axis=1).T) > 20
    assert (pictures[0] != pictures[1]).any()


def test_invalid_pixels_are_transparent(serve: Any) -> None:
    for scene in ("elevation", "rgba", "four-uint16"):
        done = serve(scene)
        assert pixel_at(done.entry.urls["tiles"], *HOLE, done.mosaic.maxzoom)[3] == 0, scene


def test_the_search_tells_what_it_shows(serve: Any, titiler_pgstac: tuple[str, int]) -> None:
    done = serve("four-uint16")
    search = json.loads(get(done.entry.urls["info"]))["search"]
    metadata = search["metadata"]
    assert search["hash"] == done.entry.search_id
    assert metadata["name"] == done.collection_id
    assert metadata["bounds"] == pytest.approx(done.mosaic.bounds)
    assert (metadata["minzoom"], metadata["maxzoom"]) == (done.mosaic.minzoom, done.mosaic.maxzoom)
    assert metadata["assets"] == ["data"]
    assert set(metadata["defaults"]) == set(done.renders)
    links = {link.get("title"): link["href"] for link in json.loads(get(done.entry.urls["info"]))["links"]}
    of_render = next(href for title, href in links.items() if "color-infrared" in f"{title}{href}")
    tilejson = json.loads(get(of_render.replace("{tileMatrixSetId}", "WebMercatorQuad")))
    assert len(np.unique(fetch_tile(tilejson["tiles"][0], *LEFT, done.mosaic.maxzoom)[:3])) > 20


def _collection(dsn: str, name: str) -> dict[str, Any]:
    import psycopg

    with psycopg.connect(dsn) as connection:
        return (connection.execute("SELECT pgstac.get_collection(%s)", [name]).fetchone() or ({},))[0]


def test_collection_and_items_have_addresses_of_their_own(
    serve: Any, titiler_pgstac: tuple[str, int], served_dsn: str
) -> None:
    server, major = titiler_pgstac
    done = serve("twelve")
    document = _collection(served_dsn, done.collection_id)
    links = {link["rel"]: link["href"] for link in document["links"]}
    assert f"/collections/{done.collection_id}/" in links["xyz"]
    assert len(np.unique(fetch_tile(links["xyz"], *LEFT, done.mosaic.maxzoom)[:3])) > 20
    tilejson = json.loads(get(links["tilejson"]))
    assert (tilejson["minzoom"], tilejson["maxzoom"]) == (done.mosaic.minzoom, done.mosaic.maxzoom)
    assert b"<html" in get(links["preview"]).lower()

    source = {"collection": done.collection_id, "item": done.cogs[1].item_id}
    urls = build_urls(server, source, done.renders["visual"], PROFILES[f"titiler-pgstac-{major}"])
    assert len(np.unique(fetch_tile(urls["tiles"], *RIGHT, done.mosaic.maxzoom)[:3])) > 20
    for name in ("viewer", "tilejson", "info", "statistics", "wmts"):
        assert get(urls[name]), name
    point = json.loads(get(urls["point"].replace("{lon}", str(RIGHT[0])).replace("{lat}", str(RIGHT[1]))))
    assert point["values"] == [_source_values("twelve", 1, RIGHT)[band - 1] for band in (4, 3, 2)]


def test_statistics_are_those_of_the_data(serve: Any) -> None:
    done = serve("elevation-int16")
    feature = {"type": "Feature", "properties": {}, "geometry": dict(done.cogs[1].footprint)}
    answer = json.loads(get(done.entry.urls["statistics"], json.dumps(feature).encode()))
    (band,) = answer["properties"]["statistics"].values()
    assert band["max"] == pytest.approx(900, abs=25)
    assert done.entry.methods == {"statistics": "POST"}
    for name, address in done.entry.urls.items():
        place = address.replace("{lon}", str(LEFT[0])).replace("{lat}", str(LEFT[1]))
        tile = {"{z}": str(done.mosaic.minzoom), "{x}": "0", "{y}": "0"}
        for placeholder, number in tile.items():
            place = place.replace(placeholder, number)
        assert (_status(place) == 405) == (name in done.entry.methods), name


def _status(address: str) -> int:
    try:
        get(address)
    except urllib.error.HTTPError as error:
        return error.code
    return 200


def test_the_profile_can_be_set_and_a_wrong_one_is_not_ready(serve: Any, titiler_pgstac: tuple[str, int]) -> None:
    major = titiler_pgstac[1]
    right = serve("twelve", titiler_profile=f"titiler-pgstac-{major}")
    assert right.entry.ready_for_titiler, right.entry.ready_reason
    wrong = serve("twelve", titiler_profile="titiler-pgstac-2" if major > 2 else "titiler-pgstac-3")
    assert not wrong.entry.ready_for_titiler
    assert "tile" in wrong.entry.ready_reason


def test_no_server_or_a_dead_one_is_said_and_stops_nothing(serve: Any) -> None:
    without = serve("rgb", titiler_url=None).entry
    assert (without.ready_for_titiler, without.ready_reason) == (False, "no titiler_url was given")
    assert without.search_id
    assert without.urls == {}
    dead = serve("rgb", titiler_url="http://127.0.0.1:9").entry
    assert not dead.ready_for_titiler
    assert "tilejson could not be fetched" in dead.ready_reason
    assert dead.items_stored == dead.items_in_collection == 2


def test_data_that_nobody_can_read_are_not_ready(serve: Any, tmp_path: Path) -> None:
    cogs = make_scene("rgb", tmp_path)
    for cog in cogs:
        Path(cog.file.href).unlink()
    entry = serve("rgb", cogs=cogs).entry
    assert not entry.ready_for_titiler
    assert "tile" in entry.ready_reason


def test_works_without_a_mosaic(serve: Any) -> None:
    done = serve("elevation", mosaic=False)
    assert done.entry.ready_for_titiler, done.entry.ready_reason


def test_what_cannot_be_combined_breaks_no_tile_of_the_search(serve: Any, tmp_path: Path) -> None:
    """A COG of one band lies over half of a picture; the search does not find it."""
    cogs = make_scene("rgb", tmp_path)
    grey = make_scene("elevation-int16", tmp_path / "grey")[0]
    done = serve("rgb", [grey, *cogs])
    assert done.entry.ready_for_titiler, done.entry.ready_reason
    for place in (LEFT, RIGHT):
        picture = fetch_tile(done.entry.urls["tiles"], *place, done.mosaic.maxzoom)
        assert len(np.unique(picture[:3, picture[3] > 0], axis=1).T) > 20
    assert {item["id"] for item in done.catalog.items(done.collection_id)} == {cog.item_id for cog in (grey, *cogs)}


def test_an_index_has_the_colors_of_its_values(serve: Any, titiler_pgstac: tuple[str, int]) -> None:
    done = serve("four-uint16", renders=("ndvi", "usual"))
    assert done.entry.ready_for_titiler, done.entry.ready_reason
    numbers = {band.role.common_name: band_number for band_number, band in enumerate(done.cogs[0].file.bands)}
    for number, place in enumerate((LEFT, RIGHT)):
        values = _source_values("four-uint16", number, place)
        red, nir = values[numbers["red"]], values[numbers["nir"]]
        expected = cmap.get("rdylgn")[round(255 * ((nir - red) / (nir + red) + 1) / 2)]
        assert pixel_at(done.entry.urls["tiles"], *place, done.mosaic.maxzoom) == pytest.approx(expected, abs=6)
    document = json.loads(get(done.entry.urls["tilejson"]))
    assert document["tiles"]
