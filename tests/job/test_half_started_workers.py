"""A script that starts jobs without a guard is run once more by each worker: it must not wait for itself."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from rastercollection import ExecutorBrokenError, process_collection


def test_a_worker_that_is_still_starting_runs_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(ExecutorBrokenError, match="__main__"):
        process_collection(container_name=tmp_path, blob_list=["*.tif"], collection_id="x", jobs="memory")
