"""Stage 4: the STAC collection with an item a COG, published; its tile server and its page. Only the page reads COGs.

Which module does what: ``stage``, ``task``: as in every stage. ``admission``: which tiles a mode lets in. ``draft``:
what is going to be published. ``others_changes``: where other jobs publish at the same time. ``tile_service`` and
``probe``: the tile server. ``preview``: the page. ``superseded``: what may go afterwards.
"""

from __future__ import annotations

from rastercollection.stages.stac.stage import STAGE, create_stac_collection

__all__ = ["STAGE", "create_stac_collection"]
