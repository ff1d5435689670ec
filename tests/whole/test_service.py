"""The example of a service, as one command, over real HTTP, while its processes are killed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rastercollection import process_collection
from rastercollection.cli.demo import make_scene
from services.loopback import free_port

RUN = Path(__file__).parents[2] / "examples" / "service" / "run.py"
SUBMIT = "/api/jobs/submit/process_raster_collection"


class Service:
    """The command, and what it tells of its processes."""

    def __init__(self, folder: Path, jobs: str) -> None:
        self.port, self._log = free_port(), folder / f"log-{time.monotonic_ns()}"
        command = [sys.executable, str(RUN), "--port", str(self.port), "--executor", "thread"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, env={**os.environ, "RASTERCOLLECTION_JOBS": jobs}, stdout=log, stderr=log
            )
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def pid(self, name: str) -> int:
        return int(re.findall(rf"^{name}: process (\d+)", self.log, re.MULTILINE)[-1])

    def asked(self, path: str, **settings: Any) -> httpx2.Response:
        """The answer, once the server gives one."""
        end = time.monotonic() + 60
        while True:
            try:
                return self.client.request("POST" if settings else "GET", path, **settings)
            except httpx2.TransportError:
                assert time.monotonic() < end, self.log
                time.sleep(0.1)

    def until(self, job_id: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """How the job stands, once that fits."""
        end = time.monotonic() + 120
        while True:
            found: dict[str, Any] = self.asked(f"/api/jobs/status/{job_id}").json()
            if fits(found):
                return found
            assert time.monotonic() < end, (found, self.log)
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Service]]:
    """Starts the service on one job store; it is ended at the end."""
    running: list[Service] = []

    def start(jobs: str) -> Service:
        running.append(Service(tmp_path, jobs))
        return running[-1]

    with contextlib.ExitStack() as opened:
        jobs = (
            f"sqlite:///{tmp_path}/jobs.db" if request.param == "sqlite" else opened.enter_context(_database(request))
        )
        try:
            yield lambda: start(jobs)
        finally:
            for one in running:
                if one.process.poll() is None:
                    one.end()


@contextlib.contextmanager
def _database(request: pytest.FixtureRequest) -> Iterator[str]:
    server = request.getfixturevalue("postgres")
    from services.postgresql import as_url

    with server.new_database("template1") as name:
        yield as_url(server.database(name))


def made(folder: Path) -> dict[str, tuple[str, int]]:
    """Digest and time of every COG, by name."""
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*_cog_*.tif")
    }


def done(report: dict[str, Any], stage: int) -> int:
    return sum(sum(one["tasks_by_status"].values()) for one in report["stages"] if one["number"] == stage)


def test_jobs_survive_worker_and_server(service: Callable[[], Service], tmp_path: Path) -> None:
    tiles = make_scene(tmp_path / "bronze", size=128).tiles
    for number, tile in enumerate(tiles):
        (tmp_path / "bronze" / f"copy_a{number}.tif").write_bytes(tile.read_bytes())
    body = {"container_name": str(tmp_path / "bronze"), "blob_list": ["*_a?.tif"], "collection_id": "served"}
    body["output_container"] = str(tmp_path / "out")
    running = service()
    answer = running.asked(SUBMIT, json=body)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    job_id = answer.json()["job_id"]

    report = running.until(job_id, lambda found: done(found, 2) >= 2)
    os.kill(running.pid("worker 1"), signal.SIGKILL)
    kept, before = done(report, 2), made(tmp_path / "out")
    os.kill(running.pid("server"), signal.SIGKILL)
    running.until(job_id, lambda found: done(found, 2) > kept or found["status"] == "completed")
    assert running.end() == 0
    assert "handed_back" in running.log or "completed" in running.log

    again = service()
    assert again.asked(SUBMIT, json=body).json()["job_id"] == job_id
    report = again.until(job_id, lambda found: found["status"] not in ("queued", "processing"))
    assert (report["status"], report["lost"], report["error"]) == ("completed", False, None)
    assert len(report["result"]["tiles"]) == 6
    found = made(tmp_path / "out")
    assert sum(found[name] == one for name, one in before.items()) >= kept
    assert again.asked(SUBMIT, json=body).status_code == 200
    assert made(tmp_path / "out") == found
    assert again.end(signal.SIGINT) == 0
    body["output_container"] = str(tmp_path / "undisturbed")
    process_collection(**body, jobs="memory")
    assert {name: digest for name, (digest, _) in made(tmp_path / "undisturbed").items()} == {
        name: digest for name, (digest, _) in found.items()
    }


@pytest.mark.parametrize("service", ["sqlite"], indirect=True)
def test_what_is_wrong_is_told_as_json(service: Callable[[], Service], tmp_path: Path) -> None:
    running = service()
    answer = running.asked(SUBMIT, json={"blob_list": [], "collection_id": "a b", "jpeg_quality": 300})
    assert answer.status_code == 422
    wrong = {problem["parameter"] for problem in answer.json()["error"]["problems"]}
    assert wrong == {"container_name", "blob_list", "collection_id", "jpeg_quality"}
    for body in ({"executor": "thread"}, {"storage_options": {}}, {"colection_id": "x"}):
        answer = running.asked(SUBMIT, json=body)
        assert (answer.status_code, answer.json()["error"]["problems"][0]["parameter"]) == (422, *body)
    assert running.asked(SUBMIT, json=[1]).json()["error"]["code"] == "INVALID_REQUEST"
    answer = running.asked("/api/jobs/status/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "OBJECT_NOT_FOUND")
