"""What the page asks for besides tiles: the collection, footprints, values under a point, the files behind items."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import quote

import rasterio
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from rastercollection.errors import BackendError
from rastercollection.ports.addresses import is_local, local_path
from rastercollection.rasters.gdal_env import SAFE_OPTIONS
from rastercollection.stac.terms import COG_TYPE, GEOJSON_TYPE
from rastercollection.viewer.cogs import band_texts, open_cog, pixel_values
from rastercollection.viewer.locate import read_json
from rastercollection.viewer.served import ServedCollection
from rastercollection.viewer.served_catalog import ServedCatalog
from rastercollection.viewer.shown_items import ShownItem
from rastercollection.viewer.summary import bands_summary, collection_summary, footprints, parts_of_box, web_address

__all__ = ["CollectionApi"]

MOST_FOOTPRINTS = 2000
MOST_READ = 8
"""Items under a point of which values are read."""

CHUNK = 4 * 2**20
LARGEST_PICTURE = 8 * 2**20
PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

Json = dict[str, Any]
ItemId = Annotated[str, Query(alias="id", max_length=1000)]


class CollectionApi:
    """Endpoints of the page.

    Args:
        catalog: The collections; a request tells the key of its own by the path parameter ``collection``.
    """

    def __init__(self, catalog: ServedCatalog) -> None:
        self._catalog = catalog
        self._storage = catalog.storage

    def router(self) -> APIRouter:
        """All of them, below ``/api``."""
        router = APIRouter(prefix="/api")
        for path, endpoint in (
            ("/collection", self.collection),
            ("/bands", self.bands),
            ("/footprints", self.footprints),
            ("/point", self.point),
            ("/item", self.item),
            ("/thumbnail", self.thumbnail),
        ):
            router.add_api_route(path, endpoint, methods=["GET"], response_model=None)
        router.add_api_route("/cog", self.cog, methods=["GET", "HEAD"], response_model=None)
        return router

    def collection(self, request: Request) -> Response:
        """The collection, read again if it was published again."""
        shown = self._served(request).refresh()
        return JSONResponse(collection_summary(shown, self._storage.public_url(shown.url)))

    def bands(self, request: Request) -> Response:
        """The bands of all its items; waits for these to be read."""
        return JSONResponse(bands_summary(self._served(request).shown.items.items))

    def footprints(
        self,
        request: Request,
        bbox: str = "-180,-90,180,90",
        limit: Annotated[int, Query(gt=0, le=MOST_FOOTPRINTS)] = MOST_FOOTPRINTS,
    ) -> Response:
        """Outlines of items within ``west,south,east,north``, as GeoJSON."""
        try:
            boxes = parts_of_box([float(number) for number in bbox.split(",")])
        except ValueError:
            raise HTTPException(422, "bbox is west,south,east,north in degrees.") from None
        found = self._served(request).shown.items.within(boxes)
        return JSONResponse(footprints(found, limit), media_type=GEOJSON_TYPE)

    def point(
        self,
        request: Request,
        lon: Annotated[float, Query(ge=-720, le=720)],
        lat: Annotated[float, Query(ge=-90, le=90)],
    ) -> Response:
        """Items under a place, the topmost first, with the values of their pixels there."""
        longitude = lon if -180 <= lon <= 180 else (lon + 180) % 360 - 180
        under = self._served(request).shown.items.at(longitude, lat)
        base = self._catalog.base(_key(request))
        with rasterio.Env(**SAFE_OPTIONS):
            items = [self._read(item, base, longitude, lat) for item in under[:MOST_READ]]
        return JSONResponse({"lon": longitude, "lat": lat, "count": len(under), "items": items})

    def _read(self, item: ShownItem, base: str, longitude: float, latitude: float) -> Json:
        described: Json = {
            "id": item.id,
            "title": item.title,
            "when": item.when,
            "address": self._storage.public_url(item.cog),
            "item_href": f"{base}api/item?id={quote(item.id, safe='')}",
            "cog_href": web_address(item.cog) or f"{base}api/cog?id={quote(item.id, safe='')}",
            "thumbnail": f"{base}api/thumbnail?id={quote(item.id, safe='')}" if item.thumbnail else None,
            "bands": [],
            "problem": None,
        }
        try:
            with open_cog(self._storage, item.cog) as dataset:
                values = pixel_values(dataset, longitude, latitude)
                texts = [
                    band_texts(dataset, band, item.bands[band - 1] if band <= len(item.bands) else None)
                    for band in dataset.indexes
                ]
        except (rasterio.errors.RasterioError, BackendError) as error:
            return {**described, "problem": str(error)}
        values = values or [None] * len(texts)
        return {**described, "bands": [{**text, "value": v} for text, v in zip(texts, values, strict=True)]}

    def item(self, request: Request, item_id: ItemId) -> Response:
        """The document of an item."""
        document = read_json(self._storage, self._known(request, item_id).url)
        return JSONResponse(document, media_type=GEOJSON_TYPE)

    def thumbnail(self, request: Request, item_id: ItemId) -> Response:
        """The picture of an item."""
        address = self._known(request, item_id).thumbnail
        if address is None:
            raise HTTPException(404, "The item has no thumbnail.")
        data = self._storage.read(address, 0, LARGEST_PICTURE)
        kind = next((kind for magic, kind in PICTURES.items() if data.startswith(magic)), None)
        if kind is None:
            raise HTTPException(404, "The thumbnail is no picture.")
        return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=600"})

    def cog(self, request: Request, item_id: ItemId) -> Response:
        """The COG of an item: parts of it, too, where it is a file of this machine."""
        address = self._known(request, item_id).cog
        if self._storage.read(address, 0, 4) not in TIFFS:
            raise HTTPException(404, "The item's COG is no TIFF.")
        name = address.rpartition("/")[2]
        if is_local(address):
            return FileResponse(local_path(address), media_type=COG_TYPE, filename=name)
        size = self._storage.stat(address).size
        headers = {"Content-Length": str(size), "Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}
        return StreamingResponse(self._chunks(address, size), media_type=COG_TYPE, headers=headers)

    def _chunks(self, address: str, size: int) -> Iterator[bytes]:
        for start in range(0, size, CHUNK):
            yield self._storage.read(address, start, min(size, start + CHUNK))

    def _served(self, request: Request) -> ServedCollection:
        return self._catalog.get(_key(request))

    def _known(self, request: Request, item_id: str) -> ShownItem:
        item = self._served(request).shown.items.get(item_id)
        if item is None:
            raise HTTPException(404, "The collection has no such item.")
        return item


def _key(request: Request) -> str:
    return str(request.path_params.get("collection", ""))
