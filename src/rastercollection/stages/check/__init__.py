"""Stage 5: is every COG of the job shown by other people's readers, rio-tiler and cogeo-mosaic, where it is said to be?

Which module does what: ``stage``, ``task``: as in every stage. ``places``: where a COG is looked at. ``reach``: how
its object and the mosaic are reached. ``stock_readers``: what the readers make of it.
"""

from __future__ import annotations

from rastercollection.stages.check.stage import STAGE, check_published

__all__ = ["STAGE", "check_published"]
