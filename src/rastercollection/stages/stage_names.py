"""What the stages of a collection's job are called, and the tasks of those whose results other stages read."""

from __future__ import annotations

__all__ = [
    "CHECK_PUBLISHED",
    "CREATE_COGS",
    "CREATE_MOSAICJSON",
    "CREATE_OVERVIEW",
    "CREATE_STAC_COLLECTION",
    "VALIDATE_TILES",
]

VALIDATE_TILES = "validate_tiles"
CREATE_COGS = "create_cogs"
CREATE_MOSAICJSON = "create_mosaicjson"
"""A stage, and the type of its main task."""
CREATE_OVERVIEW = "create_overview"
"""The type of the task beside it."""
CREATE_STAC_COLLECTION = "create_stac_collection"
CHECK_PUBLISHED = "check_published"
