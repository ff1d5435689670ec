"""Stage 2: a validated tile becomes a Cloud Optimized GeoTIFF that is right, checked and published.

Which module does what, in the order of the work:

- ``stage``: how tasks come about. ``task``: what is done in one.
- ``prepare``: all decisions before a pixel is read (``blocks``; ``acquisition``: when it was taken).
- ``copying``: a source that is the COG asked for is copied.
- ``convert``: the chain for all others. ``reading``: every pixel, once. ``warp``: onto the grid (``coverage``: which
  pixels the source covers). Overviews, encoding and what is told of the COG: :mod:`rastercollection.rasters`.
- ``receipt``: the comparison with the source.
"""

from __future__ import annotations

from rastercollection.stages.cog.stage import STAGE, create_cog, forecast_cog

__all__ = ["STAGE", "create_cog", "forecast_cog"]
