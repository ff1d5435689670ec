"""What the executors rest on, where something goes wrong that should not."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from rastercollection.errors import ExecutorBrokenError
from rastercollection.executors.slots import Call, SlotPool


class DefectiveSlot:
    """Fails in one of its methods, or only after it has settled the future."""

    def __init__(self, where: str) -> None:
        self.where = where

    def prepare(self) -> None:
        if self.where == "prepare":
            raise ZeroDivisionError("defect")

    def run(self, call: Call) -> None:
        if self.where == "after":
            call.future.set_result("kept")
        raise ZeroDivisionError("defect")

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("where", ["prepare", "run", "after"])
def test_a_defect_leaves_nobody_waiting(where: str) -> None:
    pool: SlotPool[Call] = SlotPool("Defective", 1, lambda: DefectiveSlot(where))
    calls: list[Call] = []
    for _ in range(3):
        call = Call(Future[Any]())
        try:
            pool.submit(call)
        except ExecutorBrokenError:
            break
        calls.append(call)
    outcomes = [call.future.exception(10) or call.future.result() for call in calls]
    if where == "after":
        assert outcomes.pop(0) == "kept"
    assert all(isinstance(outcome, ExecutorBrokenError) and "defect" in str(outcome) for outcome in outcomes)
    pool.shutdown(wait=True, cancel_futures=False)
    with pytest.raises(ExecutorBrokenError, match="defect"):
        pool.submit(Call(Future()))
