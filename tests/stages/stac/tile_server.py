"""A MosaicJSON tile server as people run it: titiler.mosaic behind uvicorn."""

from __future__ import annotations

from cogeo_mosaic.backends import MosaicBackend
from fastapi import FastAPI
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.mosaic.errors import MOSAIC_STATUS_CODES
from titiler.mosaic.factory import MosaicTilerFactory

app = FastAPI()
mosaic = MosaicTilerFactory(backend=MosaicBackend, router_prefix="/mosaicjson", add_statistics=True)
app.include_router(mosaic.router, prefix="/mosaicjson")
plain = MosaicTilerFactory(backend=MosaicBackend, router_prefix="/plain/mosaicjson")
app.include_router(plain.router, prefix="/plain/mosaicjson")
add_exception_handlers(app, DEFAULT_STATUS_CODES)
add_exception_handlers(app, MOSAIC_STATUS_CODES)
