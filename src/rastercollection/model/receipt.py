"""What was compared and tried while a COG was made, to be kept with it."""

from __future__ import annotations

import attrs

__all__ = ["EncodingChoice", "EncodingRegime", "EncodingTrial", "FidelityCheck", "Receipt", "Texture", "WarpChoice"]


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
class WarpChoice:
    """What resampled pixels.

    Attributes:
        warper: ``gdal``, or ``fast``, the library's own kernels, which find pixels within 0.02 of where they are.
        reason: In words.
        coordinate_error: Pixels of the source that positions were off, at most, where that was looked at, before a
            pixel was warped; None of GDAL's.
    """

    warper: str
    reason: str
    coordinate_error: float | None = None


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
        warp: What resampled the pixels; None where they were taken over as they are.
    """

    compared_to: str
    lossless: bool
    pixels: int
    checks: tuple[FidelityCheck, ...]
    seconds: float
    warp: WarpChoice | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)


@attrs.frozen(kw_only=True)
class EncodingTrial:
    """What one encoder makes of a sample of an image.

    Attributes:
        encoder: Its name, with its level.
        predictor: TIFF's number: 1 for none, 2 for differences, 3 for those of floating point.
        bytes: Encoded size of the sample.
    """

    encoder: str
    predictor: int
    bytes: int


@attrs.frozen(kw_only=True)
class Texture:
    """What tells blocks apart for an encoder, after the predictor.

    Attributes:
        entropy: Size that codes of single bytes would have, as a share of the block's.
        matched: Size with quick matches, likewise.
    """

    entropy: float
    matched: float


@attrs.frozen(kw_only=True)
class EncodingRegime:
    """How blocks of an image are encoded that are alike.

    Attributes:
        texture: Of a sampled block.
        encoder: The encoder of blocks like it.
    """

    texture: Texture
    encoder: str


@attrs.frozen(kw_only=True)
class EncodingChoice:
    """How an image is encoded, where the settings leave it open, and why. With it, the same pixels make the same file.

    Attributes:
        encoder: The one that suits the sample as a whole.
        level: Of the codec; None where encoders differ from block to block.
        predictor: TIFF's number.
        reason: In words.
        sample_bytes: Pixels of the blocks of which some or all was tried.
        trials: What each encoder makes of the sample.
        regimes: How blocks are told apart, for DEFLATE.
    """

    encoder: str
    level: int | None
    predictor: int
    reason: str
    sample_bytes: int
    trials: tuple[EncodingTrial, ...]
    regimes: tuple[EncodingRegime, ...] = ()
