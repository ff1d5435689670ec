"""How a viewer starts and stops: from Python, beside a notebook's event loop, with a job's result, and as a command."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from rastercollection import ViewError, ViewServer, view_collection
from viewer_scenes import Answer, Collection

Get = Callable[..., Answer]
Serve = Callable[..., ViewServer]


def _is_listening(server: str) -> bool:
    host, _, port = server.removeprefix("http://").rstrip("/").rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


class TestStartAndStop:
    def test_it_stops_and_frees_its_port(self, published: Collection, need_extra: None) -> None:
        with view_collection(str(published.output), port=0) as server:
            port = int(server.rstrip("/").rpartition(":")[2])
            assert view_collection(str(published.output)) is server
            assert f'href="{server}"' in server._repr_html_()
        assert not server.is_running
        assert not _is_listening(server)
        with view_collection(str(published.output), port=port) as again:
            assert again == server
        again.stop()

    def test_requests_that_its_end_cuts_off_are_not_told_of(
        self, published: Collection, serve: Serve, caplog: pytest.LogCaptureFixture
    ) -> None:
        serve(published.output)
        said = logging.getLogger("uvicorn.error")
        for error in (asyncio.CancelledError("Task cancelled"), OSError("disk full")):
            said.error("Exception in ASGI application\n", exc_info=error)
        said.error("Cancel %s running task(s), timeout graceful shutdown exceeded", 2)
        assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["disk full"]
        assert "Cancel" not in caplog.text

    def test_a_port_that_is_taken(self, published: Collection, need_extra: None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ViewError, match="Nothing can listen"):
            view_collection(str(published.output), port=taken.getsockname()[1])

    def test_it_works_beside_a_running_event_loop(self, published: Collection, serve: Serve, get: Get) -> None:
        async def cell() -> int:
            server = serve(published.output)
            return (await asyncio.to_thread(get, server, "/api/collection")).status

        assert asyncio.run(cell()) == 200

    def test_a_result_can_be_viewed_until_its_process_ends(self, published: Collection, need_extra: None) -> None:
        program = """
import asyncio, sys, urllib.request
from rastercollection import process_collection
folder = sys.argv[1]
async def notebook():
    result = process_collection(container_name=folder + "/sources", blob_list=["west.tif"], collection_id="one",
        output_container=folder + "/one", executor="serial", jobs="memory")
    url = result.view(port=0)
    assert result.view() is url
    print(url, await asyncio.to_thread(lambda: urllib.request.urlopen(url).status), flush=True)
asyncio.run(notebook())
"""
        command = [sys.executable, "-c", program, str(published.folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        url, status = done.stdout.split()
        assert status == "200"
        assert not _is_listening(url)

    def test_without_the_extra_it_says_what_to_install(self, published: Collection) -> None:
        program = """
import sys
sys.modules["uvicorn"] = None
from rastercollection.cli.main import main
sys.exit(main(["view", sys.argv[1], "--no-browser"]))
"""
        command = [sys.executable, "-c", program, str(published.output)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2
        assert "MISSING_EXTRA" in done.stderr
        assert "rastercollection[view]" in done.stderr

    @pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
    def test_the_command_serves_until_it_is_stopped(
        self, published: Collection, need_extra: None, get: Get, stop: signal.Signals
    ) -> None:
        command = [
            sys.executable,
            "-m",
            "rastercollection",
            "view",
            str(published.output),
            "--no-browser",
            "--port",
            "0",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().strip()
            assert get(url, "/api/collection").json["id"] == "fields"
            process.send_signal(stop)
            assert process.wait(20) == 0
            assert "Traceback" not in process.stderr.read()
        assert not _is_listening(url)

    def test_the_command_says_why_it_cannot(self, published: Collection, need_extra: None) -> None:
        command = [sys.executable, "-m", "rastercollection", "view", str(published.folder / "sources"), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ})
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["code"] == "OBJECT_NOT_FOUND"
