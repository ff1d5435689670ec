"""Stage 3: one MosaicJSON over all COGs of a collection. It opens no raster."""

from __future__ import annotations

from rastercollection.stages.mosaic.stage import STAGE, create_mosaicjson

__all__ = ["STAGE", "create_mosaicjson"]
