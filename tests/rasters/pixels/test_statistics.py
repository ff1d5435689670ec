"""Figures of bands that are gathered window by window are those of numpy over all valid pixels at once."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rastercollection.model.band import BandStatistics
from rastercollection.rasters.pixels import statistics as module
from rastercollection.rasters.pixels.statistics import BandSummary, RunningStatistics

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]


def pixels(dtype: str, count: int, seed: int) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(200, 30, count).astype(dtype)
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -1000), min(limits.max, 5000)
    return rng.integers(low, high, count, dtype=dtype, endpoint=True)


def summary(
    values: NDArray[Any], valid: NDArray[np.bool_] | None = None, parts: int = 1, total: int = 0
) -> BandStatistics:
    found = BandSummary(values.dtype, total or values.size)
    for chosen in np.array_split(np.arange(values.size), parts):
        found.add(values[chosen], None if valid is None else valid[chosen])
    return found.result()


@settings(max_examples=80, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    count=st.integers(1, 3000),
    seed=st.integers(0, 99),
    share=st.sampled_from([0.3, 0.999, 1.0]),
    parts=st.integers(1, 5),
)
def test_they_are_those_of_numpy(dtype: str, count: int, seed: int, share: float, parts: int) -> None:
    values = pixels(dtype, count, seed)
    valid = np.random.default_rng(seed).random(count) < share
    found = summary(values, None if share == 1 else valid, parts)
    chosen = values[valid].astype(float) if share < 1 else values.astype(float)
    assert found.count == chosen.size
    assert found.valid_percent == pytest.approx(100 * chosen.size / count)
    if not chosen.size:
        assert {found.minimum, found.maximum, found.mean, found.stddev, found.percentile_2, found.histogram} == {None}
        return
    assert (found.minimum, found.maximum) == (chosen.min(), chosen.max())
    assert found.mean == pytest.approx(chosen.mean(), rel=1e-9)
    assert found.stddev == pytest.approx(chosen.std(), rel=1e-6, abs=1e-9)
    spread = chosen.max() - chosen.min()
    for percentile, share_below in ((found.percentile_2, 2), (found.percentile_98, 98)):
        if np.dtype(dtype).itemsize < 4:
            # the smallest value that this share of the pixels does not exceed
            assert percentile == np.percentile(chosen, share_below, method="inverted_cdf")
        else:
            assert percentile == pytest.approx(np.percentile(chosen, share_below), abs=1e-6 + 1e-6 * spread)
    histogram = found.histogram
    assert histogram is not None
    assert sum(histogram.counts) == chosen.size
    assert histogram.minimum <= chosen.min()
    assert histogram.maximum >= chosen.max()


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_buckets_of_whole_numbers(dtype: str) -> None:
    values = np.repeat(np.array([3, 5, 5, 100], dtype), [1, 2, 3, 4])
    found = summary(values).histogram
    assert found is not None
    # 98 values in buckets of two
    assert (found.minimum, found.maximum, len(found.counts)) == (3, 3 + 2 * 49, 49)
    assert {number: count for number, count in enumerate(found.counts) if count} == {0: 1, 1: 5, 48: 4}
    single = summary(values[:1]).histogram
    assert single is not None
    assert (single.minimum, single.maximum, single.counts) == (3, 6, (1, 0, 0)), "STAC's raster extension wants three"
    just_64 = summary(np.array([0, 63], dtype)).histogram
    assert just_64 is not None
    assert (len(just_64.counts), just_64.maximum) == (64, 64)
    one_more = summary(np.array([0, 64], dtype)).histogram
    assert one_more is not None
    assert (len(one_more.counts), one_more.maximum) == (33, 66)


def test_buckets_of_floats() -> None:
    values = np.linspace(0, 64, 129).astype("float32")
    found = summary(values).histogram
    assert found is not None
    assert (found.minimum, found.maximum, len(found.counts)) == (0, 64, 64)
    assert found.counts == tuple(np.histogram(values, 64, (0, 64))[0].tolist())
    constant = summary(np.full(5, 7.0, "float32"))
    assert constant.histogram is not None
    assert (constant.histogram.minimum, constant.histogram.maximum) == (6.5, 7.5)
    assert {number: count for number, count in enumerate(constant.histogram.counts) if count} == {32: 5}
    huge = summary(np.array([1e300, np.nextafter(1e300, np.inf)]))
    assert huge.histogram is None, "there is no float between two edges"


def test_infinite_values_are_valid_and_have_no_part_in_the_figures() -> None:
    found = summary(np.array([1.0, np.inf, 3.0, -np.inf], "float32"))
    assert (found.count, found.valid_percent) == (4, 100)
    assert (found.minimum, found.maximum, found.mean, found.stddev) == (1, 3, 2, 1)
    nothing = summary(np.array([np.inf, np.inf], "float32"))
    assert (nothing.count, nothing.minimum, nothing.mean, nothing.histogram) == (2, None, None, None)


def test_sums_that_no_float_holds_are_left_out() -> None:
    found = summary(np.array([1.7e308, 1.6e308, -1.7e308]))
    assert (found.minimum, found.maximum) == (-1.7e308, 1.7e308)
    assert found.stddev is None
    assert found.histogram is None


def test_large_bands_are_sampled_evenly() -> None:
    values = np.arange(1_000_000, dtype="float64")
    found = summary(values, parts=7)
    assert found.percentile_2 == pytest.approx(20_000, abs=50)
    assert found.percentile_98 == pytest.approx(980_000, abs=50)
    assert found.histogram is not None
    assert sum(found.histogram.counts) == values.size
    assert np.ptp(found.histogram.counts) < 0.02 * values.size / 64
    gathered = BandSummary(values.dtype, values.size)
    gathered.add(values)
    assert 150_000 < sum(part.size for part in gathered._sample) <= 210_000, "memory stays bounded"


def test_extremes_that_the_sample_lacks_still_end_the_histogram() -> None:
    values = np.full(600_000, 5.0)
    values[1], values[4] = 0, 10
    histogram = summary(values).histogram
    assert histogram is not None
    assert (histogram.minimum, histogram.maximum) == (0, 10)
    assert {number: count for number, count in enumerate(histogram.counts) if count} == {32: 600_000}
    assert all(type(count) is int for count in histogram.counts)


def test_many_bytes_are_counted_by_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MANY", 1000)
    for count in (999, 1000, 1001, 70_001):
        values = pixels("uint8", count, 1)
        found = summary(values)
        assert found.mean == pytest.approx(values.mean())
        assert found.count == count
        assert (found.minimum, found.maximum) == (values.min(), values.max())


def test_bands_are_told_apart_and_alpha_and_complex_ones_have_none() -> None:
    data = np.stack([np.full((2, 3), value, "uint8") for value in (5, 7, 255)])
    valid = np.ones((3, 2, 3), bool)
    valid[1, 0] = False
    gathered = RunningStatistics(3, data.dtype, 6, 2)
    gathered.add(data, valid)
    first, second, alpha = gathered.result()
    assert alpha is None
    assert first is not None
    assert second is not None
    assert (first.count, second.count, first.mean, second.mean) == (6, 3, 5, 7)
    shared = RunningStatistics(3, data.dtype, 6, None)
    shared.add(data, valid[1:2])
    assert [band.count for band in shared.result() if band] == [3, 3, 3]
    whole = RunningStatistics(2, data.dtype, 12, 0)
    whole.add(data[:2], None)
    _, second = whole.result()
    assert second is not None
    assert (second.count, second.valid_percent) == (6, 50)
    assert RunningStatistics(2, np.dtype("complex64"), 6, None).result() == (None, None)


def test_figures_far_from_zero_keep_their_precision() -> None:
    values = 1e9 + np.array([0.0, 1.0, 2.0] * 300)
    found = summary(values, parts=9)
    assert found.stddev == pytest.approx(math.sqrt(2 / 3), rel=1e-9)
    assert found.mean == pytest.approx(1e9 + 1, rel=1e-15)
