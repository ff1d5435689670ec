"""The parameters of one task of stage 2: what is asked of one tile."""

from __future__ import annotations

import attrs

from rastercollection.geo.pixel_grid import GridRule
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tile import Validation

__all__ = ["CogParameters"]


@attrs.frozen(kw_only=True)
class CogParameters:
    """Parameters of one task.

    Attributes:
        validation: Stage 1's answer.
        item_id: Id of the tile's STAC item.
        output_blob: Path of the COG, relative to the output container.
        source_container, output_container, target_crs, in_memory, datetime, datetime_pattern, bands, require_datetime:
            As in a :class:`~rastercollection.CollectionRequest`.
        policy: What is accepted as a source.
        grid: Where the COG's pixels may lie.
    """

    validation: Validation
    item_id: str
    output_blob: str
    source_container: str
    output_container: str
    target_crs: str
    in_memory: bool | None
    datetime: str | None
    datetime_pattern: str | None
    policy: SourcePolicy
    grid: GridRule = attrs.field(factory=GridRule)
    bands: tuple[str, ...] = ()
    require_datetime: bool = False
