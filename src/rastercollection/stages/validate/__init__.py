"""Stage 1: is a tile readable, where does it lie, what is it, and how should its COG be written?

It reads a source's declarations and a bounded sample of its pixels, and writes nothing.
"""

from __future__ import annotations

from rastercollection.stages.validate.stage import STAGE, validate_raster

__all__ = ["STAGE", "validate_raster"]
