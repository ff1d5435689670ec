"""Stage 1: is a tile readable, where does it lie, what is it, and how should its COG be written?"""

from __future__ import annotations

from rastercollection.stages.validate.task import validate_raster

__all__ = ["validate_raster"]
