"""What was compared and tried while a COG was made, to be kept with it."""

from __future__ import annotations

import attrs

__all__ = [
    "FidelityCheck",
    "LevelChoice",
    "LevelTrial",
    "Receipt",
]


@attrs.frozen(kw_only=True)
class FidelityCheck:
    """One figure of a COG, beside what it should be.

    Attributes:
        name: What was compared.
        expected: By the source, or by GDAL's own default warp of it.
        found: In the finished COG.
        tolerance: How far they may be apart; 0 where they must be equal. None where ``expected`` is a least value.
        passed: Whether they are no further apart.
    """

    name: str
    expected: float | int
    found: float | int
    tolerance: float | int | None
    passed: bool

    @classmethod
    def within(cls, name: str, expected: float, found: float, tolerance: float) -> FidelityCheck:
        """A check of two figures that may be ``tolerance`` apart."""
        passed = abs(found - expected) <= tolerance
        return cls(name=name, expected=expected, found=found, tolerance=tolerance, passed=bool(passed))

    @classmethod
    def at_least(cls, name: str, expected: float, found: float) -> FidelityCheck:
        """A check of a figure that may be larger."""
        return cls(name=name, expected=expected, found=found, tolerance=None, passed=bool(found >= expected))


@attrs.frozen(kw_only=True)
class Receipt:
    """What was compared between a tile's source and its finished COG before it was published.

    Attributes:
        compared_to: ``source`` where pixels were taken over as they are; ``gdal_warp``, GDAL's own default warp of the
            source in windows, where they were resampled.
        lossless: The codec gives back what it was given.
        pixels: Pixels at full resolution of the finished COG that were decoded and compared.
        checks: The figures.
        seconds: CPU time it took.
    """

    compared_to: str
    lossless: bool
    pixels: int
    checks: tuple[FidelityCheck, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


@attrs.frozen(kw_only=True)
class LevelTrial:
    """What one level of a codec makes of a sample of an image.

    Attributes:
        level: Compression level.
        bytes: Encoded size of the sample.
        seconds: CPU time of one thread, the best of several runs.
    """

    level: int
    bytes: int
    seconds: float


@attrs.frozen(kw_only=True)
class LevelChoice:
    """How ``compression_level="auto"`` came to its level.

    Attributes:
        level: The one chosen.
        reason: In words.
        trials: The levels tried, in ascending order.
    """

    level: int
    reason: str
    trials: tuple[LevelTrial, ...]
