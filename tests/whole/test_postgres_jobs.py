"""Whole jobs that are recorded in PostgreSQL, by workers in other processes, while the server is restarted."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from job_scenes import make_tiles
from rastercollection import process_collection, status
from rastercollection.core.events import TaskEnded

postgresql = pytest.importorskip("services.postgresql", reason="pip install 'rastercollection[postgres]'")


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_a_job_is_done_and_known_though_its_server_was_restarted(executor: str, tmp_path: Path) -> None:
    programs = postgresql.find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL of our own to stop")
    make_tiles(tmp_path / "bronze")
    with postgresql.started(programs) as server:
        restarted: list[threading.Thread] = []

        def observe(event: Any) -> None:
            if isinstance(event, TaskEnded) and event.stage == 2 and not restarted:
                restarted.append(threading.Thread(target=server.restart))
                restarted[0].start()

        address = postgresql.as_url(server.dsn)
        request: dict[str, Any] = {
            "container_name": tmp_path / "bronze",
            "blob_list": ["**/*.tif"],
            "collection_id": "test",
            "output_container": tmp_path / "out",
            "executor": executor,
            "max_workers": 2,
            "jobs": address,
        }
        result = process_collection(**request, observers=[observe])
        restarted[0].join()
        again = process_collection(**request)
        found = status(result.job_id, jobs=address)
    assert (result.status, result.reused, again.reused) == ("completed", False, True)
    assert again.to_dict() == result.to_dict()
    assert found.job.status == "completed"
    assert found.job.result == result.summary
