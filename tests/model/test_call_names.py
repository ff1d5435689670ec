"""A name of an argument that no function has is told like any wrong value, by every function alike."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import rastercollection
from rastercollection import RequestError
from rastercollection.model.call_names import names_checked

_FUNCTIONS = (
    *("cancel", "check_collection", "list_collections", "list_jobs", "plan_collection", "process_collection", "prune"),
    *("push_collection", "remove_collection", "rerun", "retry_failed", "run_worker", "status", "submit"),
    "view_collection",
)


@pytest.mark.parametrize("name", _FUNCTIONS)
def test_every_function_suggests_what_was_meant(name: str) -> None:
    first = ["a job"] if name in ("rerun", "retry_failed") else []
    with pytest.raises(RequestError) as caught:
        getattr(rastercollection, name)(*first, job_idd="x", storage_optoins={}, jobss="memory")
    told = {problem.parameter: str(problem) for problem in caught.value.problems}
    assert {"job_idd", "storage_optoins", "jobss"} <= told.keys()
    assert "did you mean" in told["storage_optoins"] + told["jobss"] + told["job_idd"]


def test_what_is_given_is_in_no_frame() -> None:
    """Reporters of errors publish the local variables of every frame."""

    @names_checked
    def function(*, jobs: Any) -> None:
        del jobs
        raise ValueError

    try:
        function(jobs="postgresql://me:secret@host/jobs")
    except ValueError:
        trace = sys.exc_info()[2]
    shown = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith("call_names.py"):
            shown.append(repr(trace.tb_frame.f_locals))
        trace = trace.tb_next
    assert shown
    assert "secret" not in "".join(shown)
