"""GDAL's own WMTS driver on the addresses of a real titiler-pgstac: every render is a layer in its tiles' colours."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.windows import from_bounds

from rastercollection.stac.tile_servers import PROFILES, build_urls, wmts_layer
from tile_scenes import TMS, fetch_tile, get

pytestmark = pytest.mark.filterwarnings("ignore:Dataset has no geotransform")

PLACE = (71.0301, 41.0201)


def _as_gdal_reads_it(address: str, layer: str, zoom: int) -> np.ndarray:
    """(bands, rows, columns) of what the driver has of the map tile around a place."""
    bounds = TMS.xy_bounds(TMS.tile(*PLACE, zoom))
    with rasterio.open(f"WMTS:{address},layer={layer}") as dataset:
        window = from_bounds(*bounds, dataset.transform)
        return dataset.read(window=window, out_shape=(dataset.count, 256, 256))


@pytest.mark.parametrize("scene", ["rgb", "rgba", "elevation", "classes", "classes-plain", "four-uint16", "twelve"])
def test_gdal_reads_every_render(serve: Any, titiler_pgstac: tuple[str, int], scene: str) -> None:
    done = serve(scene)
    entry, profile = done.entry, PROFILES[f"titiler-pgstac-{titiler_pgstac[1]}"]
    assert entry.layers["wmts"] == wmts_layer({"search": entry.search_id}, "visual", profile)
    tile = fetch_tile(entry.urls["tiles"], *PLACE, done.mosaic.maxzoom)
    assert np.array_equal(_as_gdal_reads_it(entry.urls["wmts"], entry.layers["wmts"], done.mosaic.maxzoom), tile)
    for name, render in done.renders.items():
        urls = build_urls(titiler_pgstac[0], {"search": entry.search_id}, render, profile)
        layer = wmts_layer({"search": entry.search_id}, name, profile)
        shown = _as_gdal_reads_it(urls["wmts"], layer, done.mosaic.maxzoom)
        picture = fetch_tile(urls["tiles"], *PLACE, done.mosaic.maxzoom)
        assert shown.shape == picture.shape == (4, 256, 256)
        # a hillshade is computed from neighbours at the window's edge, which GDAL takes from other tiles
        assert np.array_equal(shown[:, 8:-8, 8:-8], picture[:, 8:-8, 8:-8]), name


@pytest.mark.parametrize("scene", ["elevation", "classes", "four-uint16"])
def test_the_renders_of_the_collection_are_layers(serve: Any, titiler_pgstac: tuple[str, int], scene: str) -> None:
    done = serve(scene)
    profile = PROFILES[f"titiler-pgstac-{titiler_pgstac[1]}"]
    visual = done.renders["visual"]
    address = build_urls(titiler_pgstac[0], {"collection": done.collection_id}, visual, profile)["wmts"]
    found = re.findall(r"<Layer>.*?<ows:Identifier>(\w+_WebMercatorQuad_([\w-]+))<", get(address).decode(), re.DOTALL)
    layers = {name: layer for layer, name in found}
    assert set(layers) == set(done.renders)
    tile = fetch_tile(done.entry.urls["tiles"], *PLACE, done.mosaic.maxzoom)
    assert np.array_equal(_as_gdal_reads_it(address, layers["visual"], done.mosaic.maxzoom), tile)


def test_an_item_is_a_layer_of_its_own(serve: Any, titiler_pgstac: tuple[str, int]) -> None:
    done = serve("classes")
    zoom = done.mosaic.maxzoom + 1  # at which the tile lies within the item
    source = {"collection": done.collection_id, "item": done.cogs[0].item_id}
    profile = PROFILES[f"titiler-pgstac-{titiler_pgstac[1]}"]
    urls = build_urls(titiler_pgstac[0], source, done.renders["visual"], profile)
    assert not re.search("[,#:]", urls["wmts"].partition("?")[2])
    found = re.findall(r"<ows:Identifier>([^<]*_WebMercatorQuad_default)<", get(urls["wmts"]).decode())
    shown = _as_gdal_reads_it(urls["wmts"], found[0], zoom)
    assert np.array_equal(shown, fetch_tile(urls["tiles"], *PLACE, zoom))
