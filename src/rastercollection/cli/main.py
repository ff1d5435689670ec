"""The command line, thin over the API: parse, call, show, and say with the exit status what happened."""

from __future__ import annotations

import contextlib
import functools
import re
import shlex
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click

from rastercollection import __version__
from rastercollection.cli import collection_commands, job_commands, options
from rastercollection.cli.failures import (
    ALL_TILES,
    BAD_REQUEST,
    CANCELLED,
    JOB_FAILED,
    SOME_FAILED,
    as_dict,
    exit_status,
    shown,
    usage,
)
from rastercollection.cli.streams import standard_streams
from rastercollection.cli.telling import Output, print_json
from rastercollection.disclosure.escaping import safe_text
from rastercollection.errors import (
    BackendError,
    JobFailedError,
    JobInterrupted,
    RasterCollectionError,
    RequestError,
    RequestProblem,
)
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.signals import signals_asking
from rastercollection.job.storages import open_storage
from rastercollection.model.request import CollectionRequest

if TYPE_CHECKING:
    from rastercollection.cli.progress import ProgressDisplay
    from rastercollection.job.result import JobResult

__all__ = ["command_group", "main"]

RECORDED_OPTIONS = (*("storage_options", "catalog", "jobs", "verify", "on_tile_error", "rerun", "task_timeout"),)
RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".img", ".hgt", ".asc", ".nc")
_OF_JOBS = (
    "Exit status: 0 every tile is a COG that is served, 3 some tiles failed or are not served, 1 the job failed, "
    "2 the request is wrong, 130 cancelled."
)
_WRONG = "1 something could not be asked or done, 2 the request is wrong or names what is not there"
OTHERWISE = f"Exit status: 0 it did what it says, {_WRONG}."
STATUSES = {
    **dict.fromkeys(("run", "retry_failed", "rerun"), _OF_JOBS),
    "demo": "Exit status: 0 all tiles but the broken one are COGs that are served, 3 others failed, 130 cancelled.",
    "info": f"Exit status: 0 it is told, 3 a job would leave the raster out, {_WRONG}.",
    "check": f"Exit status: 0 all is sound, or is now, 3 something is wrong, {_WRONG}.",
    "push": f"Exit status: 0 it is there and sound, 3 it is there and something is wrong, {_WRONG}.",
}
"""What the exit status of commands means, by what they are called in Python."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: Those of the process when None.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with standard_streams() as output:
        status = _carried_out(given)
        output.flush()
        if not output.lost:
            return status
        sys.stderr.write(f"what was to be printed could not be: {output.lost}\n")
    # how a job ended is told by the exit status all the same; other commands have done nothing if nobody hears of it
    has_run = given[:1] in (["run"], ["demo"]) and not {"-h", "--help"} & set(given)
    return status or (ALL_TILES if has_run else JOB_FAILED)


def _carried_out(given: Sequence[str]) -> int:
    try:
        commands = command_group()
        with commands.make_context("rastercollection", list(given), max_content_width=110) as context:
            return int(commands.invoke(context))
    except click.exceptions.Exit as done:  # help or version was asked for, and shown
        return done.exit_code
    except click.ClickException as error:
        if "--json" in given:
            print_json({"error": usage(error)})
        sys.stderr.write(f"{shown(error)}\n")
        return BAD_REQUEST
    except KeyboardInterrupt:
        sys.stderr.write("cancelled\n")
        return CANCELLED


def command_group(name: str = "rastercollection") -> click.Group:
    """All commands, in a group of this name; each returns its exit status."""
    group = click.Group(
        name,
        help="A folder of rasters, served: validated, made into COGs, mosaicked and catalogued in STAC.",
        epilog=f"{_OF_JOBS} The help of each command tells its own.",
        no_args_is_help=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    click.version_option(__version__, prog_name="rastercollection")(group)

    add = functools.partial(_add, group)
    request, runtime = options.options_of(CollectionRequest), options.options_of(RuntimeOptions)
    storage = runtime["storage_options"]
    add(_run, "Do the whole job on a folder of rasters.", *request.values(), *runtime.values(), options.QUIET)
    add(_plan, "Say what 'run' with the same options would do, without doing it.", *request.values(), *runtime.values())
    recorded = [runtime[name] for name in RECORDED_OPTIONS]
    add(_submit, "Have a worker do the job: record it, and return.", *request.values(), *recorded, options.PRIORITY)
    shared = {**request, **runtime}
    for command, about, params, names in (*job_commands.COMMANDS, *collection_commands.COMMANDS):
        add(command, about, *params, *(shared[name] for name in names))
    again = [one for name, one in runtime.items() if name != "rerun"]
    add(_rerun, "Do a recorded job, or a part of it, again.", *options.RERUN, *again, options.QUIET)
    add(_retry_failed, "Do again what failed of a recorded job.", *options.AGAIN, *again, options.QUIET)
    add(_view, "Show a collection that was published on a map in the browser.", *options.VIEW, storage)
    add(
        _demo, "Make a small scene, run the whole job on it and show where everything is.", *options.DEMO, options.QUIET
    )
    return group


def _add(group: click.Group, command: Callable[..., int], about: str, *params: click.Parameter) -> None:
    made = options.Command(
        command.__name__.removeprefix("_").replace("_", "-"),
        params=[*params, options.JSON, options.DEBUG],
        callback=functools.partial(_guarded, command),
        help=about,
        short_help=about,
        epilog=STATUSES.get(command.__name__.removeprefix("_"), OTHERWISE),
    )
    group.add_command(made)


def _guarded(command: Callable[..., int], *, json: bool, debug: bool, quiet: bool = False, **arguments: Any) -> int:
    """Carry out a command with what was given; what goes wrong is told, and decides the exit status."""
    output = Output(json=json, debug=debug, quiet=quiet)
    _configure_streams(debug=debug)
    try:
        return command(output, **{name: value for name, value in arguments.items() if value not in (None, (), {})})
    except JobInterrupted as stopped:
        _show(stopped.result, output)
        sys.stderr.write(f"{stopped}\n")
        return CANCELLED
    except Exception as error:  # noqa: BLE001 - the outermost boundary: users get a message, not a traceback
        _report(error, output)
        return exit_status(error)


def _report(error: Exception, output: Output) -> None:
    from rastercollection.cli.terminal import format_error

    if output.debug:
        sys.stderr.write(safe_text("".join(traceback.format_exception(error)), lines=True))
    result: JobResult | None = error.result if isinstance(error, JobFailedError) else None
    if result is not None:
        _show(result, output)
    elif output.json:
        print_json({"error": as_dict(error)})
    told = () if result is None or output.json else tuple(tile.blob for tile in result.tiles)
    sys.stderr.write(format_error(error, options.option_name, told=told) + "\n")
    if not isinstance(error, RasterCollectionError):
        _point_to_debug(output)


def _show(result: JobResult, output: Output) -> None:
    from rastercollection.cli.terminal import print_result

    if output.json:
        print_json(result.to_dict())
    else:
        print_result(result, sys.stdout)
        sys.stdout.flush()


def _point_to_debug(output: Output) -> None:
    if not output.debug:
        sys.stderr.write("run it again with --debug to see the traceback\n")


def _run(output: Output, **arguments: Any) -> int:
    result = _process({"executor": "process", **_with_blobs(arguments)}, output)
    return ALL_TILES if all(tile.ok for tile in result.tiles) else SOME_FAILED


def _submit(output: Output, *, priority: int = 0, **arguments: Any) -> int:
    from rastercollection.job.queueing import submit

    return job_commands.show_queued(submit(**_with_blobs(arguments), run="worker", priority=priority), output)


def _retry_failed(output: Output, **arguments: Any) -> int:
    return _rerun(output, what=("failed",), **arguments)


def _rerun(
    output: Output, *, job: str, what: Sequence[str] = ("all",), worker: bool = False, priority: int = 0, **options: Any
) -> int:
    from rastercollection.job.queueing import rerun

    with _asked_by("what", instead_of="rerun"):
        if worker:
            return job_commands.show_queued(rerun(job, what=what, run="worker", priority=priority, **options), output)
        result = _process({"executor": "process", **job_commands.arguments_again(job, options), "rerun": what}, output)
    return ALL_TILES if all(tile.ok for tile in result.tiles) else SOME_FAILED


@contextlib.contextmanager
def _asked_by(parameter: str, *, instead_of: str) -> Iterator[None]:
    """Have what is wrong with one parameter told of another, by which it was asked for."""
    try:
        yield
    except RequestError as error:
        wrong = [one._replace(parameter=parameter) if one.parameter == instead_of else one for one in error.problems]
        raise RequestError(wrong) from error


def _process(arguments: Mapping[str, Any], output: Output) -> JobResult:
    """Run the job with progress, and print its result."""
    from rastercollection.api import process_collection

    with _observers(output) as observers, _terminable() as cancel:
        result = process_collection(**arguments, observers=observers, cancel=cancel)
    _show(result, output)
    if any(tile.code == "UNEXPECTED_ERROR" for tile in result.tiles):
        _point_to_debug(output)
    return result


def _plan(output: Output, **arguments: Any) -> int:
    from rastercollection.api import plan_collection
    from rastercollection.cli.terminal import print_plan

    plan = plan_collection(**_with_blobs({"executor": "process", **arguments}))
    if output.json:
        print_json(plan.to_dict())
    else:
        print_plan(plan, sys.stdout)
    return ALL_TILES


def _view(output: Output, *, collection: str, host: str, no_browser: bool, **settings: Any) -> int:
    from rastercollection.viewer import view_collection

    # pictures lie nowhere on Earth; rio-tiler's threads undo for each other that this is not told
    warnings.filterwarnings("ignore", "Dataset has no geotransform")

    with (
        _terminable() as cancel,
        contextlib.suppress(KeyboardInterrupt),
        view_collection(collection, host=host, **settings) as server,
    ):
        _print_address(server, output, collection, host)
        if not no_browser:
            _open_browser(server)
        while server.is_running and not cancel.wait(0.5):
            pass
    return ALL_TILES


def _print_address(address: str, output: Output, collection: str, host: str) -> None:
    from rastercollection.viewer.access import is_loopback

    if output.json:
        print_json({"url": str(address), "collection": collection})
    else:
        sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    if not is_loopback(host):
        sys.stderr.write("Everyone who reaches this machine can see the collection and fetch its files.\n")
    sys.stderr.write("Ctrl-C stops the server.\n")


def _open_browser(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        sys.stderr.write("There is no browser to open here: open the address in one.\n")


def _demo(told: Output, *, output: str, executor: str) -> int:
    from rastercollection.cli.demo import demo_arguments, make_scene

    folder = Path(output).absolute()
    try:
        scene = make_scene(folder / "sources")
    except (FileExistsError, NotADirectoryError) as error:
        raise RequestError([RequestProblem("output", repr(output), "must be a folder, or not there")]) from error
    arguments = {**demo_arguments(folder), "executor": executor}
    result = _process(arguments, told)
    status = shlex.join(["rastercollection", "status", result.job_id, "--jobs", arguments["jobs"]])
    sys.stderr.write(f"{scene.broken.name} is broken on purpose. The job is recorded beside it:\n  {status}\n")
    as_meant = [tile.ok != (tile.blob == scene.broken.name) for tile in result.tiles]
    return ALL_TILES if all(as_meant) else SOME_FAILED


def _with_blobs(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments, and which rasters where that was not given."""
    return dict(arguments) if "blob_list" in arguments else {**arguments, "blob_list": _all_rasters(arguments)}


def _all_rasters(arguments: Mapping[str, Any]) -> list[str]:
    """A pattern for each kind of raster in the folder.

    Patterns keep the job the same job when rasters are added later: only those are done then.
    """
    from rastercollection.model.source_names import match
    from rastercollection.ports import addresses

    storage = open_storage(
        RuntimeOptions(storage_options=arguments.get("storage_options")), [arguments["container_name"]]
    )
    try:
        container = addresses.normalise(arguments["container_name"])
        every = [addresses.relative(container, info.url) for info in storage.list(container)]
    except BackendError:
        return ["**/*.tif"]  # the folder's address is wrong, or nothing is there: the request's own check says so
    suffixes = {PurePosixPath(name).suffix for name in match("**", re.compile(".*", re.DOTALL), every).names}
    patterns = sorted(f"**/*{suffix}" for suffix in suffixes if suffix.lower() in RASTER_SUFFIXES)
    if not patterns:
        kinds = ", ".join(RASTER_SUFFIXES)
        raise RequestError([RequestProblem("blob_list", "nothing", f"no file in {container} ends in {kinds}")])
    return patterns


@contextlib.contextmanager
def _observers(output: Output) -> Iterator[tuple[ProgressDisplay, ...]]:
    if output.quiet:
        yield ()
        return
    from rastercollection.cli.progress import show_progress

    with show_progress(sys.stderr) as progress:
        yield (progress,)


@contextlib.contextmanager
def _terminable() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and SIGHUP set: the exit status says that the command was cancelled."""
    cancel = threading.Event()
    with signals_asking(cancel):
        yield cancel


def _configure_streams(*, debug: bool) -> None:
    import logging

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a name that the locale cannot show must not end the job
    level = logging.INFO if debug else logging.CRITICAL
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)  # loggers that have a level of their own, as Dask's, do not ask the root's
    logging.basicConfig(handlers=[handler], level=level)
