"""Stage 3: one MosaicJSON over all COGs of a collection. Opens no raster."""

from __future__ import annotations

from rastercollection.stages.mosaic.task import create_mosaicjson

__all__ = ["create_mosaicjson"]
