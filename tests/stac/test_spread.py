"""Percentiles of a whole collection from the histograms of its tiles: judged by the pixels themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rastercollection.stac.spread import quantiles_of_all, quantiles_of_tile


def _tile(values: Any) -> tuple[int, tuple[float, ...]]:
    counts, edges = np.histogram(values, 256)
    middles = (edges[:-1] + edges[1:]) / 2
    told = {"count": 256, "min": middles[0], "max": middles[-1], "buckets": counts.tolist()}
    return values.size, quantiles_of_tile(told, float(values.min()), float(values.max()))


def test_percentiles_of_all_tiles_are_those_of_their_pixels() -> None:
    generator = np.random.default_rng(7)
    tiles = [generator.gamma(2, 300, 40_000), generator.normal(2500, 200, 90_000), generator.normal(700, 40, 20_000)]
    found = quantiles_of_all([_tile(values) for values in tiles], (0.01, 0.05, 0.95, 0.99))
    ranks = [(np.concatenate(tiles) <= value).mean() for value in found]
    assert ranks == pytest.approx([0.01, 0.05, 0.95, 0.99], abs=0.012)


@pytest.mark.parametrize(
    "told",
    [{}, {"buckets": [1, 2]}, {"min": 0, "max": 1, "buckets": []}, {"min": 1, "max": 0, "buckets": [1, 1]},
     {"min": 0, "max": 1, "buckets": [0, 0]}, {"min": 0, "max": 1, "buckets": [3, -1]},
     {"min": "a", "max": 1, "buckets": [3, 1]}, {"min": 0, "max": float("inf"), "buckets": [3, 1]}],
)  # fmt: skip
def test_what_is_no_histogram_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        quantiles_of_tile(told, 0.0, 1.0)
