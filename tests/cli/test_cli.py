"""The command line as users meet it: in a process of its own, judged by output and exit status."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest
import rasterio

import rastercollection
from rastercollection import CollectionRequest
from rastercollection.cli.demo import Scene, make_scene
from rastercollection.cli.options import option_name
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.parameters import parameters
from rastercollection.testing.sample_rasters import write_sample_cog

ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("cli") / "bronze", size=128)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for job records, and the variable that says so; nothing of the user's own is touched."""
    monkeypatch.setenv("RASTERCOLLECTION_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def _rc(*arguments: object, **settings: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rastercollection", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **settings)  # type: ignore[call-overload]


def _run(scene: Scene, out: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return _rc("run", scene.folder, "--id", "demo", "--output", out, "--executor", "thread", *arguments)


@pytest.mark.usefixtures("state")
class TestRun:
    def test_a_bad_tile_is_named_and_the_rest_is_done(self, scene: Scene, tmp_path: Path) -> None:
        done = _run(scene, tmp_path / "out")
        assert done.returncode == 3, done.stderr
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines if scene.broken.name in line][:1] == ["failed"]
        assert sum(line.startswith("cog ") for line in lines) == 4
        assert "4 of 5 tiles became COGs" in done.stdout
        assert (done.stdout + done.stderr).count("is truncated") == 1, "why is told once"
        assert ESCAPE not in done.stdout + done.stderr
        assert "stage 5/5 check_published: 1 completed" in done.stderr
        for name in ("COGs", "Mosaic", "STAC"):
            (place,) = [line.split()[1] for line in lines if line.strip().startswith(name)]
            assert Path(place).exists()
        (command,) = [line for line in lines if line.strip().startswith("View")]
        assert shlex.split(command)[1:3] == ["rastercollection", "view"]
        assert (Path(shlex.split(command)[3]) / "collection.json").exists()

    def test_what_is_told_of_all_tiles_is_not_told_of_one_as_well(self, tmp_path: Path) -> None:
        for name, west in (("a", 10.0), ("b", 10.1)):
            pixels = np.full((1, 64, 64), 7, np.uint8)
            write_sample_cog(tmp_path / "dateless", name, pixels, (west, 50.0, west + 0.1, 50.1))
        done = _rc("run", tmp_path / "dateless", "--id", "x", "--output", tmp_path / "out", "--executor", "serial")
        assert done.stdout.count("DATETIME_UNKNOWN") == 1, done.stdout

    def test_good_tiles_alone_are_a_full_success(self, scene: Scene, tmp_path: Path) -> None:
        done = _run(scene, tmp_path / "out", "--blob", "*a1.tif", "--blob", "*a2.tif", "--json")
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert summary["cogs"]["successful"] == 2
        assert ESCAPE not in done.stderr
        for tile in summary["tiles"]:
            with rasterio.open(tile["output"]) as cog:
                assert cog.crs.to_epsg() == 4326

    def test_nothing_but_json_on_standard_output_when_the_job_fails(self, scene: Scene, tmp_path: Path) -> None:
        done = _run(scene, tmp_path / "out", "--blob", scene.broken.name, "--json")
        assert done.returncode == 1
        summary = json.loads(done.stdout)
        assert summary["status"] == "failed"
        assert [tile["outcome"] for tile in summary["tiles"]] == ["failed"]
        assert "error [JOB_FAILED]" in done.stderr
        assert "Traceback" not in done.stderr

    def test_on_tile_error_fail_ends_the_job(self, scene: Scene, tmp_path: Path) -> None:
        done = _run(scene, tmp_path / "out", "--on-tile-error", "fail")
        assert done.returncode == 1
        assert scene.broken.name in done.stderr

    def test_all_that_is_wrong_is_told_at_once_by_the_names_of_options(self, scene: Scene, tmp_path: Path) -> None:
        wrong = ["--id", "no spaces", "--jpeg-quality", 300, "--target-crs", "EPSG:nothing", "--output-tier", "best"]
        done = _rc("run", scene.folder, "--output", tmp_path / "out", *wrong)
        assert done.returncode == 2
        assert "4 problems" in done.stderr
        for option in ("--id", "--jpeg-quality", "--target-crs", "--output-tier"):
            assert re.search(rf"^  {option} .+: must be", done.stderr, re.MULTILINE)
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["--executor", "abacus"], "UNKNOWN_NAME"),
            (["--blob", "missing.tif"], "INVALID_REQUEST"),
            (["--jobs", "carrier-pigeon"], "UNKNOWN_NAME"),
        ],
    )
    def test_requests_that_cannot_work(self, scene: Scene, tmp_path: Path, arguments: list[str], code: str) -> None:
        done = _run(scene, tmp_path / "out", *arguments, "--json")
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["code"] == code
        assert f"error [{code}]" in done.stderr

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        done = _rc("run", tmp_path / "nowhere", "--id", "x", "--output", tmp_path / "out")
        assert done.returncode == 2
        assert "CONTAINER_NOT_FOUND" in done.stderr

    def test_a_folder_without_rasters(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("nothing to see")
        done = _rc("run", tmp_path, "--id", "x", "--output", tmp_path / "out")
        assert done.returncode == 2
        assert ".tif" in done.stderr

    def test_outputs_below_the_sources_are_no_sources(self, scene: Scene, tmp_path: Path) -> None:
        folder = tmp_path / "both"
        make_scene(folder, size=64)
        (folder / scene.broken.name).unlink()
        for _ in range(2):
            done = _rc("run", folder, "--id", "x", "--output", folder / "cogs", "--executor", "thread", "--json")
            assert done.returncode == 0, done.stderr
            assert len(json.loads(done.stdout)["tiles"]) == 4

    def test_debug_shows_the_traceback(self, tmp_path: Path) -> None:
        done = _rc("run", tmp_path / "nowhere", "--id", "x", "--output", tmp_path / "out", "--debug")
        assert done.returncode == 2
        assert "Traceback" in done.stderr

    def test_sigterm_cancels_and_the_same_command_goes_on(self, scene: Scene, tmp_path: Path) -> None:
        folder = tmp_path / "many"
        tiles = make_scene(folder, size=512).tiles
        for number in range(4):
            (folder / f"copy{number}.tif").write_bytes(tiles[number].read_bytes())
        command = ["run", str(folder), "--id", "x", "--output", str(tmp_path / "out")]
        command += ["--executor", "thread", "--workers", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "rastercollection", *command], stdout=-1, stderr=-1, text=True, bufsize=1
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("stage 2/5"):
                break
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "error [JOB_CANCELLED]" in errors
        again = _rc(*command)
        assert again.returncode == 3
        assert "of an earlier run" in again.stderr


@pytest.mark.usefixtures("state")
class TestOtherCommands:
    def test_plan_says_what_would_be_done_and_does_nothing(self, scene: Scene, tmp_path: Path) -> None:
        request = [scene.folder, "--id", "demo", "--output", tmp_path / "out"]
        shown = _rc("plan", *request)
        assert shown.returncode == 0
        assert "5 rasters" in shown.stdout
        plan = json.loads(_rc("plan", *request, "--json").stdout)
        assert {source["blob"] for source in plan["sources"]} == {path.name for path in (*scene.tiles, scene.broken)}
        assert plan["job_id"] in shown.stdout
        assert not (tmp_path / "out").exists()

    def test_plan_and_run_use_the_same_executor(self, scene: Scene, tmp_path: Path) -> None:
        request = [
            "plan",
            scene.folder,
            "--id",
            "demo",
            "--output",
            tmp_path / "out",
            "--memory-budget",
            "340M",
            "--workers",
            "2",
        ]
        plans = [
            json.loads(_rc(*request, "--json", *more).stdout)["tiles"]
            for more in ([], ["--executor", "process"], ["--executor", "serial"])
        ]
        assert plans[0] == plans[1] != plans[2]

    def test_status_finds_a_job_by_the_beginning_of_its_id(self, scene: Scene, tmp_path: Path) -> None:
        run = _run(scene, tmp_path / "out", "--blob", "*a1.tif", "--quiet", "--json")
        assert run.stderr == ""
        job_id = json.loads(run.stdout)["job_id"]
        shown = _rc("status", job_id[:10])
        assert shown.returncode == 0
        assert "demo: completed" in shown.stdout
        report = json.loads(_rc("status", job_id, "--json").stdout)
        assert (report["job_id"], report["status"]) == (job_id, "completed")
        assert report["tasks_by_status"] == {"completed": 6}
        # the list tells what leads there, and not each job's parameters and results
        (listed,) = json.loads(_rc("jobs", "--json").stdout)["jobs"]
        assert listed.items() >= {"job_id": job_id, "status": "completed", "collection_id": "demo"}.items()
        assert listed["share_url"] == report["result"]["share_url"]
        assert len(json.dumps(listed)) < 1000

    def test_status_of_an_unknown_job(self) -> None:
        done = _rc("status", "f" * 64)
        assert done.returncode == 2
        assert "error [OBJECT_NOT_FOUND]" in done.stderr

    def test_demo_keeps_everything_in_its_folder(self, state: Path, tmp_path: Path) -> None:
        done = _rc("demo", "--output", tmp_path / "demo", "--executor", "thread", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "4 of 5 tiles became COGs" in done.stdout
        assert not state.exists()
        assert [path.name for path in tmp_path.iterdir()] == ["demo"]
        command = done.stderr.strip().splitlines()[-1].split()
        assert "completed" in _rc(*command[1:]).stdout

    def test_whoever_stops_reading_causes_no_traceback(self, scene: Scene, tmp_path: Path) -> None:
        command = f"{sys.executable} -m rastercollection plan {scene.folder} --id x --output {tmp_path / 'out'} | true"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
        assert "Traceback" not in done.stderr


def test_every_parameter_is_an_option_that_the_help_explains() -> None:
    shown = " ".join(_rc("run", "--help").stdout.split())
    every = {**parameters(CollectionRequest), **parameters(RuntimeOptions)}
    no_options = {name for name, each in every.items() if not each.option}
    assert no_options == {"storage", "observers", "progress", "workflow", "cancel"}
    for each in every.values():
        for spelling in each.option or ():
            assert f"{spelling} " in shown or f"{spelling}, " in shown
            assert re.split("[;,] in Python also|-", each.help.replace("`", ""))[0] in shown


def test_options_are_spelled_as_ever() -> None:
    spelled = {
        "container_name": "FOLDER",
        "blob_list": "--blob",
        "collection_id": "--id",
        "output_container": "--output",
        "tiers": "--tier",
        "providers": "--provider",
        "keywords": "--keyword",
        "drivers": "--driver",
        "renders": "--render",
        "storage_options": "--storage-option",
        "max_workers": "--workers",
    }
    for name in (*attrs.fields_dict(CollectionRequest), *spelled):
        assert option_name(name) == spelled.get(name, "--" + name.replace("_", "-"))


def test_values_reach_the_request_as_what_they_are(scene: Scene, tmp_path: Path) -> None:
    given = ["--output-container", tmp_path / "out", "--no-create-mosaicjson", "--strict", "--compression-level", "3"]
    given += ["--resolution", "1e-4", "--maxzoom", "12", "--keyword", "a", "--keyword", "b"]
    given += ["--tier", '{"name": "fast", "compression": "ZSTD"}', "--output-tier", "fast"]
    done = _rc("plan", scene.folder, "--id", "x", *given, "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)["parameters"]
    expected = CollectionRequest(
        container_name=scene.folder,
        blob_list=plan["blob_list"],
        collection_id="x",
        output_container=tmp_path / "out",
        create_mosaicjson=False,
        strict=True,
        compression_level=3,
        resolution=1e-4,
        maxzoom=12,
        keywords=["a", "b"],
        tiers=[{"name": "fast", "compression": "ZSTD"}],
        output_tier="fast",
    )
    assert plan == expected.to_parameters()


def test_help_and_version_are_shown_on_standard_output() -> None:
    for option in ("-h", "--help"):
        shown = _rc(option)
        assert shown.returncode == 0
        assert all(f"  {command} " in shown.stdout for command in ("run", "plan", "status", "view", "demo"))
    version = _rc("--version")
    assert (version.returncode, version.stdout) == (0, f"rastercollection, version {rastercollection.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "--id", "x"], "'FOLDER'"),
        (["run", "."], "--id"),
        (["run", ".", "--id", "x", "--storage-option", "novalue"], "KEY=VALUE"),
        (["run", ".", "--id", "x", "--compression-level", "best"], "neither a whole number nor auto"),
        (["run", ".", "--id", "x", "--memory-budget", "lots"], "500M"),
        (["run", ".", "--id", "x", "--tier", "{"], "JSON"),
        (["run", ".", "--id", "x", "--jpeg-quality", "good"], "--jpeg-quality"),
        (["run", ".", "--id", "x", "--outptu", "y"], "--output"),
        (["run", ".", "--id", "x", "--output", "--quiet"], "requires an argument"),
        (["run", ".", "--id", "x", "--keyword", "a", "--keyword", "--quiet"], "requires an argument"),
        (["run", ".", "--id", "x", "--memory-budget", "inf"], "500M"),
        (["view", ".", "--port", "99999999"], "0<=x<=65535"),
        (["paint"], "paint"),
        (["statsu", "abc"], "Did you mean 'status'?"),
        ([], "Missing command"),
    ],
)
def test_wrong_usage(arguments: list[str], complaint: str) -> None:
    done = _rc(*arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stdout == ""


def test_wrong_usage_is_json_where_json_was_asked_for() -> None:
    done = _rc("run", ".", "--json", "--id", "x", "--jpeg-quality", "good")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "INVALID_REQUEST"
    assert "--jpeg-quality" in error["message"]
    assert "rastercollection run --help" in error["hint"]
    assert "--jpeg-quality" in done.stderr


def test_what_others_log_is_not_shown_unless_it_is_asked_for(tmp_path: Path) -> None:
    code = (
        "import logging, sys; from rastercollection.cli.main import main; main(sys.argv[1:]);"
        "other = logging.getLogger('other'); other.setLevel('INFO'); other.info('State start')"
    )
    quiet, debug = (
        subprocess.run(
            [sys.executable, "-c", code, "list", tmp_path, *more], capture_output=True, text=True, check=True
        )
        for more in ([], ["--debug"])
    )
    assert quiet.stderr == ""
    assert "State start" in debug.stderr


@pytest.mark.parametrize(
    ("arguments", "option", "value"),
    [
        (["run", ".", "--id", "x", "--memory-budget", "8X"], "--memory-budget", "'8X'"),
        (["run", ".", "--id", "x", "--tier", "{"], "--tier", "'{'"),
        (["run", "--id", "x"], "FOLDER", "nothing"),
        (["run", ".", "--id", "x", "--output", "--quiet"], "--output", "nothing"),
        (["run", ".", "--id", "x", "--storage-option", "geheim"], "--storage-option", "…"),
    ],
)
def test_machines_are_told_what_was_given(arguments: list[str], option: str, value: str) -> None:
    done = _rc(*arguments, "--json")
    (problem,) = json.loads(done.stdout)["error"]["problems"]
    assert (problem["option"], problem["value"]) == (option, value)
    assert "geheim" not in done.stdout + done.stderr


@pytest.mark.usefixtures("state")
def test_wrong_parameters_of_the_job_and_of_how_it_runs_are_told_together(scene: Scene) -> None:
    done = _rc("run", scene.folder, "--id", "ä!", "--workers", "-3", "--executor", "theads")
    assert done.returncode == 2
    assert "3 problems" in done.stderr
    for option in ("--id 'ä!'", "--workers -3", "--executor 'theads'"):
        assert f"  {option}: must be" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "parameter", "suggestion"),
    [
        (["runn"], "", "run"),
        (["run", ".", "--idd", "x"], "idd", "--id"),
        (["run", ".", "--id", "x", "--blob", "*.tif", "--mode", "upsrt"], "mode", "upsert"),
        (["run", ".", "--id", "x", "--blob", "*.tif", "--executor", "proces"], "executor", "process"),
        (["jobs", "--status", "compleed"], "statuses", "completed"),
    ],
)
@pytest.mark.usefixtures("state")
def test_what_is_wrong_is_told_to_machines_with_what_was_meant(
    arguments: list[str], parameter: str, suggestion: str
) -> None:
    done = _rc(*arguments, "--json")
    assert done.returncode == 2, done.stderr
    (problem,) = json.loads(done.stdout)["error"]["problems"]
    assert (problem["parameter"], problem["suggestion"]) == (parameter, suggestion)
    assert problem["message"]
    assert suggestion in done.stderr


def test_a_demo_in_place_of_a_file_is_a_wrong_request(tmp_path: Path) -> None:
    (tmp_path / "file.tif").write_text("mine")
    done = _rc("demo", "--output", tmp_path / "file.tif")
    assert done.returncode == 2
    assert re.search(r"^  --output .+file\.tif': must be a folder", done.stderr, re.MULTILINE)
    assert (tmp_path / "file.tif").read_text() == "mine"


def test_asking_how_a_job_stands_makes_nothing(state: Path, tmp_path: Path) -> None:
    for arguments in ([], ["--jobs", f"sqlite:///{tmp_path / 'typo' / 'x.db'}"]):
        done = _rc("status", "abc", *arguments)
        assert done.returncode == 2
        assert str(tmp_path / "typo" / "x.db" if arguments else state / "jobs.db") in done.stderr
    assert list(tmp_path.iterdir()) == []


def _on_a_terminal(command: list[str]) -> tuple[int, str]:
    """Exit status of a command, and what a terminal receives from it."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "110"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        received = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end has gone
            while chunk := os.read(ours, 65536):
                received += chunk
    os.close(ours)
    return process.returncode, received.decode()


@pytest.mark.usefixtures("state")
def test_a_terminal_gets_bars_and_colours(scene: Scene, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rastercollection", "run", str(scene.folder), "--id", "demo"]
    status, shown = _on_a_terminal([*command, "--output", str(tmp_path / "out"), "--executor", "thread"])
    assert status == 3
    assert "\x1b[32mcog     \x1b[0m namangan_a1.tif" in shown
    assert "\x1b[31mfailed  \x1b[0m namangan_b3_broken.tif: [FILE_TRUNCATED]" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "1/5 validate_tiles" in plain
    assert re.search(r"5/5 check_published.+1/1", plain)
