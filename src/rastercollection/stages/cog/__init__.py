"""Stage 2: a validated tile becomes a Cloud Optimized GeoTIFF that is right, checked and published.

Which module does what, in the order of the work:

- ``handler``: the task. ``prepare``: all decisions before a pixel is read (``blocks``; ``acquisition``: when it was
  taken).
- ``takeover``: a source that is the COG asked for is copied (``passthrough`` and ``overview_content`` tell).
- ``convert``: the chain for all others. ``reading``: every pixel, once. ``warp``: onto the grid (``coverage``: which
  pixels the source covers). Overviews, encoding and what is told of the COG: :mod:`rastercollection.rasters.cog`.
- ``fidelity``: the receipt (``area``, ``samples``, ``values``: what is compared).
"""

from __future__ import annotations

from rastercollection.stages.cog.task import create_cog

__all__ = ["create_cog"]
