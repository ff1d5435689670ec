"""How long the engine waits before it tries again."""

from __future__ import annotations

import handlers
import pytest
from test_engine import one_stage, run

from rastercollection.core.engine.attempts import RetryPolicy
from rastercollection.core.events import Event, TaskRetried


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 5), (6, 5), (50, 5)])
def test_the_pause_doubles_up_to_its_limit(attempt: int, seconds: float) -> None:
    assert RetryPolicy(base=0.5, limit=5).delay(attempt) == seconds


def test_defaults() -> None:
    policy = RetryPolicy()
    assert [policy.delay(attempt) for attempt in range(1, policy.attempts)] == [0.5, 1]
    assert policy.delay(100) == 30


def test_each_pause_is_told_and_kept() -> None:
    events: list[Event] = []
    run(
        one_stage(handlers.flaky, [{"succeeds_at": 4}]),
        retry=RetryPolicy(attempts=4, base=0.05),
        observers=(events.append,),
    )
    retries = [event for event in events if isinstance(event, TaskRetried)]
    assert [(event.attempt, event.delay) for event in retries] == [(1, 0.05), (2, 0.1), (3, 0.2)]
    ends = [event.at for event in events]
    assert ends[-1] - ends[0] >= 0.35, "it really waited"
