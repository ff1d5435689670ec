"""Beside stage 3: one COG over the whole collection, for zooms at which a tile of the mosaic would open many COGs.

Which module does what: ``handler``: the task. ``structure``: which COGs take part, and how pixels are held. ``making``:
the chain. ``compose``: fills the image. ``reading``: a COG's own overviews, as coarse as will do. ``resampling``: onto
the overview's grid.
"""

from __future__ import annotations

from rastercollection.stages.overview.task import create_overview

__all__ = ["create_overview"]
