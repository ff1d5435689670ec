"""Stage 2: a validated tile becomes a Cloud Optimized GeoTIFF that is right, checked and published.

The chain: :mod:`~rastercollection.stages.cog.reading` (every pixel, once) → :mod:`~rastercollection.stages.cog.warp`
(onto the :mod:`~rastercollection.rasters.grid`) → :mod:`~rastercollection.stages.cog.encode` (overviews, then GDAL's
COG driver) → :mod:`~rastercollection.stages.cog.fidelity` (does it hold what the source held?). Between the steps the
image lies uncompressed on a :mod:`~rastercollection.stages.cog.canvas`, in memory or on disk.
"""

from __future__ import annotations

from rastercollection.stages.cog.handler import create_cog

__all__ = ["create_cog"]
