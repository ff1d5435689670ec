"""Beside stage 3: one COG over the whole collection, for zooms at which a tile of the mosaic would open many COGs.

Which module does what: ``stage``, ``task``: as in every stage. ``form``: which COGs take part, and how pixels are
held. ``making``: the chain. ``compose``: fills the image. ``pieces``: a COG's own overviews, as coarse as will do.
``resampling``: onto the overview's grid.
"""

from __future__ import annotations

from rastercollection.stages.overview.stage import STAGE, create_overview

__all__ = ["STAGE", "create_overview"]
