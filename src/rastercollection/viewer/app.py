"""The viewer's server as an ASGI application: titiler's mosaic router for one collection, and the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from morecantile import tms as all_grids
from morecantile.defaults import TileMatrixSets
from starlette.staticfiles import StaticFiles
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.mosaic.errors import MOSAIC_STATUS_CODES
from titiler.mosaic.factory import MosaicTilerFactory

from rastercollection.errors import BackendError, ObjectNotFoundError, RasterCollectionError, TaskError
from rastercollection.ports.addresses import normalise, url_problem
from rastercollection.rasters.gdal_env import SAFE_OPTIONS
from rastercollection.viewer.access import Guard
from rastercollection.viewer.endpoints import CollectionApi
from rastercollection.viewer.served import ServedCollection
from rastercollection.viewer.tiles import NotDrawnError, TooCoarseError, backend_of, reader_of

__all__ = ["make_app"]

GRID = "WebMercatorQuad"
PREFIX = "/mosaicjson"
OURS = {NotDrawnError: 400, TooCoarseError: 400}


def make_app(served: ServedCollection, host: str, origins: frozenset[str] = frozenset(), pass_word: str = "") -> Guard:
    """The application.

    Args:
        served: The one collection that it serves; nothing else can be read through it.
        host: What the server listens on.
        origins: Whose pages may read from it, too.
        pass_word: What lets requests in that name another host, as of a proxy.
    """
    app = FastAPI(title="rastercollection viewer", docs_url=None, redoc_url=None)
    app.include_router(_mosaic_router(served), prefix=PREFIX, tags=["MosaicJSON"])
    app.include_router(CollectionApi(served).router())
    static = Path(str(resources.files(__package__).joinpath("static")))
    app.mount("/static", StaticFiles(directory=static), name="static")

    def page() -> Response:
        return FileResponse(static / "index.html", headers={"Cache-Control": "no-cache"})

    app.add_api_route("/", page, methods=["GET"], include_in_schema=False, response_model=None)
    add_exception_handlers(app, {**DEFAULT_STATUS_CODES, **MOSAIC_STATUS_CODES, **OURS})
    app.add_exception_handler(RasterCollectionError, _our_error)
    app.middleware("http")(_say_how_long_it_holds)
    return Guard(app, host, origins, pass_word)


def _mosaic_router(served: ServedCollection) -> Any:
    def own_mosaic(
        url: Annotated[str | None, Query(description="This collection's MosaicJSON, or nothing.")] = None,
    ) -> str:
        mosaic_url = served.shown.mosaic_url
        if url is None or url == mosaic_url or (not url_problem(url) and normalise(url) == normalise(mosaic_url)):
            return mosaic_url
        raise HTTPException(403, "This server shows one collection, and opens nothing else: leave url out.")

    factory = MosaicTilerFactory(
        backend=backend_of(served),
        dataset_reader=reader_of(served),
        path_dependency=own_mosaic,
        environment_dependency=lambda: dict(SAFE_OPTIONS),
        supported_tms=TileMatrixSets({GRID: all_grids.get(GRID)}),
        router_prefix=PREFIX,
        add_viewer=False,
        add_statistics=True,
    )
    return factory.router


def _our_error(_: Request, error: Exception) -> Response:
    status = (
        404 if isinstance(error, ObjectNotFoundError) else 502 if isinstance(error, BackendError | TaskError) else 500
    )
    code = error.code if isinstance(error, RasterCollectionError) else ""
    return JSONResponse({"detail": str(error), "code": code}, status_code=status)


async def _say_how_long_it_holds(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    """Tiles of one version of a collection stay as they are; all else may be another the next time."""
    response = await call(request)
    versioned = request.url.path.startswith(f"{PREFIX}/tiles/") and "v" in request.query_params
    lasting = versioned and response.status_code < 300
    response.headers.setdefault("Cache-Control", "private, max-age=3600" if lasting else "no-cache")
    return response
