"""The viewer's server as an ASGI application: titiler's mosaic router for collections, and the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from morecantile import tms as all_grids
from morecantile.defaults import TileMatrixSets
from rio_tiler.errors import PointOutsideBounds, RioTilerError
from starlette.staticfiles import StaticFiles
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.mosaic.errors import MOSAIC_STATUS_CODES
from titiler.mosaic.factory import MosaicTilerFactory

from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import BackendError, ObjectNotFoundError, RasterCollectionError, TaskError, ViewError
from rastercollection.ports.addresses import normalise, url_problem
from rastercollection.rasters.gdal_env import SAFE_OPTIONS
from rastercollection.viewer.access import Guard
from rastercollection.viewer.endpoints import CollectionApi
from rastercollection.viewer.served_catalog import ServedCatalog
from rastercollection.viewer.summary import catalog_summary
from rastercollection.viewer.tiles import NotDrawnError, TooCoarseError, backend_of, reader_of

__all__ = ["make_app"]

log = get_logger(__name__)

GRID = "WebMercatorQuad"
PREFIX = "/mosaicjson"
ROOTS = ("", "/collections/{collection}")
"""Of the collection that is shown at first, and of each by its key."""
OURS = {NotDrawnError: 400, TooCoarseError: 400}
STATUS_CODES = {**DEFAULT_STATUS_CODES, RioTilerError: 400, PointOutsideBounds: 404, **MOSAIC_STATUS_CODES, **OURS}
WRONG_PARAMETERS = (ArithmeticError, LookupError, TypeError, ValueError)
"""What libraries raise of parameters that they cannot compute with: a band that is not there, a gamma of 0."""


def make_app(catalog: ServedCatalog, host: str, origins: frozenset[str] = frozenset(), pass_word: str = "") -> Guard:
    """The application.

    Args:
        catalog: The collections that it serves; nothing else can be read through it.
        host: What the server listens on.
        origins: Whose pages may read from it, too.
        pass_word: What lets requests in that name another host, as of a proxy.
    """
    app = FastAPI(title="rastercollection viewer", docs_url=None, redoc_url=None)
    app.add_api_route("/api/collections", _listing(catalog), methods=["GET"], response_model=None)
    for root in ROOTS:
        app.include_router(_mosaic_router(catalog, root + PREFIX), prefix=root + PREFIX, tags=["MosaicJSON"])
        app.include_router(CollectionApi(catalog).router(), prefix=root)
    static = Path(str(resources.files(__package__).joinpath("static")))
    app.mount("/static", StaticFiles(directory=static), name="static")

    def page() -> Response:
        return FileResponse(static / "index.html", headers={"Cache-Control": "no-cache"})

    app.add_api_route("/", page, methods=["GET"], include_in_schema=False, response_model=None)
    add_exception_handlers(app, STATUS_CODES)
    for kind in WRONG_PARAMETERS:
        app.add_exception_handler(kind, _wrong_parameters)
    app.add_exception_handler(RasterCollectionError, _our_error)
    app.middleware("http")(_say_how_long_it_holds)
    return Guard(_computing_with_gaps(app), host, origins, pass_word)


def _computing_with_gaps(app: FastAPI) -> Callable[..., Awaitable[None]]:
    """The application without NumPy's warnings of NaN: that is what pixels without data are in its arithmetic."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        with np.errstate(invalid="ignore"):
            await app(scope, receive, send)

    return answer


def _listing(catalog: ServedCatalog) -> Callable[[], Response]:
    def collections() -> Response:
        """The collections to choose among."""
        return JSONResponse(catalog_summary(catalog.entries))

    return collections


def _mosaic_router(catalog: ServedCatalog, prefix: str) -> Any:
    def key_of_own_mosaic(
        request: Request,
        url: Annotated[str | None, Query(description="This collection's MosaicJSON, or nothing.")] = None,
    ) -> str:
        key = str(request.path_params.get("collection", ""))
        mosaic_url = catalog.get(key).shown.mosaic_url
        if url is None or url == mosaic_url or (not url_problem(url) and normalise(url) == normalise(mosaic_url)):
            return key
        raise HTTPException(403, "This server shows its own collections, and opens nothing else: leave url out.")

    factory = MosaicTilerFactory(
        backend=backend_of(catalog),
        dataset_reader=reader_of(catalog.storage),
        path_dependency=key_of_own_mosaic,
        environment_dependency=lambda: dict(SAFE_OPTIONS),
        supported_tms=TileMatrixSets({GRID: all_grids.get(GRID)}),
        router_prefix=prefix,
        add_viewer=False,
        add_statistics=True,
    )
    return factory.router


def _wrong_parameters(request: Request, error: Exception) -> Response:
    """Those of pictures and statistics have no other cause; anywhere else it is a mistake of this library."""
    if PREFIX not in request.url.path:
        raise error
    log.debug("%s cannot be answered", request.url.path, exc_info=error)
    return JSONResponse({"detail": str(error)}, status_code=400)


def _our_error(_: Request, error: Exception) -> Response:
    elsewhere = isinstance(error, BackendError | TaskError | ViewError)
    status = 404 if isinstance(error, ObjectNotFoundError) else 502 if elsewhere else 500
    code = error.code if isinstance(error, RasterCollectionError) else ""
    return JSONResponse({"detail": str(error), "code": code}, status_code=status)


async def _say_how_long_it_holds(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    """Tiles of one version of a collection stay as they are; all else may be another the next time."""
    response = await call(request)
    versioned = f"{PREFIX}/tiles/" in request.url.path and "v" in request.query_params
    lasting = versioned and response.status_code < 300
    response.headers.setdefault("Cache-Control", "private, max-age=3600" if lasting else "no-cache")
    return response
