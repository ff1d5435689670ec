"""A tile server for COGs, items and mosaics: titiler's own application, else the same routes put together."""

from __future__ import annotations

from cogeo_mosaic.backends import MosaicBackend
from fastapi import FastAPI
from rio_tiler.io import STACReader

try:
    from titiler.application.main import app
except ImportError:
    from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
    from titiler.core.factory import MultiBaseTilerFactory, TilerFactory
    from titiler.mosaic.errors import MOSAIC_STATUS_CODES
    from titiler.mosaic.factory import MosaicTilerFactory

    app = FastAPI()
    for prefix, factory in (
        ("/cog", TilerFactory(router_prefix="/cog")),
        ("/stac", MultiBaseTilerFactory(reader=STACReader, router_prefix="/stac")),
        ("/mosaicjson", MosaicTilerFactory(backend=MosaicBackend, router_prefix="/mosaicjson")),
    ):
        app.include_router(factory.router, prefix=prefix)
    add_exception_handlers(app, DEFAULT_STATUS_CODES)
    add_exception_handlers(app, MOSAIC_STATUS_CODES)
