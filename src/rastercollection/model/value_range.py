"""Where the values of a band lie. Pure."""

from __future__ import annotations

import attrs

__all__ = ["Spread"]


@attrs.frozen
class Spread:
    """Where the values of a band lie: smallest, 2nd percentile, 98th percentile, largest."""

    minimum: float
    low: float
    high: float
    maximum: float

    @property
    def stretch(self) -> tuple[float, float]:
        """The two ends of a contrast stretch, in ascending order and never equal."""
        for low, high in ((self.low, self.high), (self.minimum, self.maximum)):
            if high > low:
                return (low, high)
        return (self.minimum, self.minimum + 1)
