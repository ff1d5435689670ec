"""What fan-in stages keep of the results of stage 2: of very many, little each."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import attrs
import pytest

from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task, TaskResult
from rastercollection.errors import RasterCollectionError
from rastercollection.model.cog import Cog
from rastercollection.stages.fan_in import made_cogs
from rastercollection.testing.sample_records import as_detailed, sample_cog, sample_grid, sample_results

BYTES_EACH = 9_000
"""Half of what a COG takes with all that is told of it."""


def context(results: Sequence[TaskResult]) -> TaskContext:
    task = Task(id="t", stage=3, task_type="x", handler="a:b")
    return TaskContext(job_id="job", task=task, resources={}, inputs={"create_cogs": results})


def of(*cogs: Cog) -> TaskContext:
    return context(sample_results(cogs))


def test_histograms_and_receipts_are_not_kept_and_are_there_when_asked_for() -> None:
    cog = as_detailed(sample_cog())
    made = made_cogs(of(cog))
    (kept,) = made.cogs
    assert kept.receipt is None
    assert all(band.statistics is not None and band.statistics.histogram is None for band in kept.file.bands)
    assert made.whole(kept) == cog
    assert attrs.evolve(kept, receipt=cog.receipt, file=cog.file) == cog  # nothing else is missing


def test_both_sides_of_a_tile_are_whole() -> None:
    east = as_detailed(sample_cog("tile-east", (-180.0, 41.0, -179.9, 41.1)))
    west = attrs.evolve(as_detailed(sample_cog("tile-west", (179.9, 41.0, 180.0, 41.1))), others=(east,))
    made = made_cogs(of(west))
    assert [cog.item_id for cog in made.cogs] == ["tile-west", "tile-east"]
    assert made.cogs[0].others[0].receipt is None
    assert [made.whole(cog) for cog in made.cogs] == [west, east]


def test_thousands_take_little_memory() -> None:
    few, many = (of(*(as_detailed(cog) for cog in sample_grid(count))) for count in (50, 300))
    assert kept_bytes(many) - kept_bytes(few) < BYTES_EACH * 250


def kept_bytes(given: TaskContext) -> int:
    tracemalloc.start()
    try:
        made = made_cogs(given)
        assert made.cogs
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_a_result_that_is_none_of_a_cog_is_told_of_as_such() -> None:
    (result,) = sample_results([sample_cog()])
    other = attrs.evolve(result, value={"bands": [{"name": "b1"}]})
    with pytest.raises(RasterCollectionError, match=r"no Cog record: .*required field missing"):
        made_cogs(context([other]))
