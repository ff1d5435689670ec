"""The parameters of one task of stage 1: what is asked of one source."""

from __future__ import annotations

import attrs

from rastercollection.core.models import ErrorRecord
from rastercollection.model.cog import Level
from rastercollection.model.policy import SourcePolicy
from rastercollection.model.tiers import Tier
from rastercollection.model.tile import SourceFile

__all__ = ["ValidateParameters"]


@attrs.frozen(kw_only=True)
class ValidateParameters:
    """Parameters of one task.

    Attributes:
        source: The raster.
        refused: Why it cannot even be opened; None where it can be tried.
        tier: The tier asked for.
        tiers: All that there are.
        policy: What is accepted as a source.
        input_crs, target_crs, raster_type, jpeg_quality, compression, compression_level, sparse_ok,
            warp_resampling, overview_resampling, strict, bands: As in a :class:`~rastercollection.CollectionRequest`.
    """

    source: SourceFile
    refused: ErrorRecord | None = None
    input_crs: str | None
    target_crs: str
    raster_type: str
    tier: Tier
    tiers: tuple[Tier, ...]
    jpeg_quality: int
    compression: str | None
    compression_level: Level
    sparse_ok: bool = False
    warp_resampling: str | None
    overview_resampling: str | None
    strict: bool
    policy: SourcePolicy
    bands: tuple[str, ...] = ()
