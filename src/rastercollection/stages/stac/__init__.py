"""Stage 4: the STAC collection with an item a COG, published; addresses of tile server and preview. Opens no raster."""

from __future__ import annotations

from rastercollection.stages.stac.task import create_stac_collection

__all__ = ["create_stac_collection"]
