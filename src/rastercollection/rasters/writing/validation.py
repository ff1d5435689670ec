"""Whether a file is a valid COG, by an outsider's judgement."""

from __future__ import annotations

from pathlib import Path

from rio_cogeo.cogeo import cog_validate

from rastercollection.errors import TaskError
from rastercollection.rasters.gdal_errors import writing
from rastercollection.rasters.writing.reading_back import open_cog

__all__ = ["check_valid"]


def check_valid(target: Path, blob: str) -> None:
    """Have rio-cogeo validate a COG, strictly.

    Raises:
        TaskError: ``COG_INVALID``.
    """
    with writing(blob, "validating the COG"):
        _, errors, warnings = cog_validate(str(target), strict=True, quiet=True)
        if warnings:
            with open_cog(target) as cog:
                warnings = [] if cog.width == 1 else warnings  # of its missing overviews
    if errors or warnings:
        raise TaskError(
            f"{blob}: what was written is no valid COG: {'; '.join([*errors, *warnings])}",
            "This is a bug: please report it with the tile.",
            "COG_INVALID",
            details={"errors": list(errors), "warnings": list(warnings)},
        )
