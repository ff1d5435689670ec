"""The command line, thin over the API: parse, call, show, and say with the exit status what happened."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from rastercollection.cli.options import make_parser, option_name
from rastercollection.core.models import ErrorRecord
from rastercollection.errors import (
    BackendError,
    JobCancelledError,
    JobFailedError,
    MissingExtraError,
    RasterCollectionError,
    RequestError,
    RequestProblem,
    UnknownNameError,
)

if TYPE_CHECKING:
    from rastercollection.cli.progress import ProgressDisplay
    from rastercollection.job.result import JobResult

__all__ = ["main"]

ALL_TILES, JOB_FAILED, BAD_REQUEST, SOME_FAILED, CANCELLED = 0, 1, 2, 3, 130
RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".img", ".hgt", ".asc", ".nc")
OWN_OPTIONS = ("command", "json", "quiet", "debug")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: Those of the process when None.
    """
    options = make_parser({"run": _run, "plan": _plan, "status": _status, "view": _view, "demo": _demo}).parse_args(
        arguments
    )
    _configure_streams(debug=options.debug)
    try:
        return int(options.command(options))
    except BrokenPipeError:
        sys.stdout = None  # whoever read the output has gone: flush nothing at exit
        return JOB_FAILED
    except KeyboardInterrupt:
        sys.stderr.write("cancelled\n")
        return CANCELLED
    except Exception as error:  # noqa: BLE001 - the outermost boundary: users get a message, not a traceback
        _report(error, options)
        return _exit_status(error)


def _exit_status(error: Exception) -> int:
    if isinstance(error, JobCancelledError):
        return CANCELLED
    return BAD_REQUEST if isinstance(error, RequestError | UnknownNameError | MissingExtraError) else JOB_FAILED


def _report(error: Exception, options: argparse.Namespace) -> None:
    from rastercollection.cli.terminal import format_error, print_result

    if options.debug:
        traceback.print_exception(error)
    result: JobResult | None = error.result if isinstance(error, JobFailedError) else None
    if options.json:
        _print_json(result.to_dict() if result is not None else {"error": _as_dict(error)})
    elif result is not None:
        print_result(result, sys.stdout)
        sys.stdout.flush()
    told = () if result is None or options.json else tuple(tile.blob for tile in result.tiles)
    sys.stderr.write(format_error(error, option_name, told=told) + "\n")
    if not isinstance(error, RasterCollectionError):
        _point_to_debug(options)


def _point_to_debug(options: argparse.Namespace) -> None:
    if not options.debug:
        sys.stderr.write("run it again with --debug to see the traceback\n")


def _as_dict(error: Exception) -> dict[str, Any]:
    record = ErrorRecord.of(error)
    shown: dict[str, Any] = {"code": record.code, "message": record.message, "hint": record.hint}
    if isinstance(error, RequestError):
        shown["problems"] = [problem._asdict() for problem in error.problems]
    return shown


def _run(options: argparse.Namespace) -> int:
    result = _process(_arguments(options), options)
    return ALL_TILES if all(tile.ok for tile in result.tiles) else SOME_FAILED


def _process(arguments: Mapping[str, Any], options: argparse.Namespace) -> JobResult:
    """Run the job with progress, and print its result."""
    from rastercollection.api import process_collection
    from rastercollection.cli.terminal import print_result

    with _observers(options) as observers, _terminable() as cancel:
        result = process_collection(**arguments, observers=observers, cancel=cancel)
    if options.json:
        _print_json(result.to_dict())
    else:
        print_result(result, sys.stdout)
    if any(tile.code == "UNEXPECTED_ERROR" for tile in result.tiles):
        _point_to_debug(options)
    return result


def _plan(options: argparse.Namespace) -> int:
    from rastercollection.api import plan_collection
    from rastercollection.cli.terminal import print_plan

    plan = plan_collection(**_arguments(options))
    if options.json:
        _print_json(plan.to_dict())
    else:
        print_plan(plan, sys.stdout)
    return ALL_TILES


def _status(options: argparse.Namespace) -> int:
    from rastercollection.api import status
    from rastercollection.cli.terminal import print_status

    report = status(options.job, jobs=options.jobs)
    if options.json:
        _print_json(report.to_dict())
    else:
        print_status(report, sys.stdout)
    return ALL_TILES


def _view(options: argparse.Namespace) -> int:
    from rastercollection.viewer import view_collection

    with _terminable() as cancel, contextlib.suppress(KeyboardInterrupt):
        storage_options = dict(options.storage_options or ())
        with view_collection(
            options.collection, host=options.host, port=options.port, storage_options=storage_options
        ) as server:
            _print_address(server, options)
            if not options.no_browser:
                _open_browser(server)
            while server.is_running and not cancel.wait(0.5):
                pass
    return ALL_TILES


def _print_address(address: str, options: argparse.Namespace) -> None:
    from rastercollection.viewer.guard import is_loopback

    if options.json:
        _print_json({"url": str(address), "collection": options.collection})
    else:
        sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    if not is_loopback(options.host):
        sys.stderr.write("Everyone who reaches this machine can see the collection and fetch its files.\n")
    sys.stderr.write("Ctrl-C stops the server.\n")


def _open_browser(address: str) -> None:
    import webbrowser

    if not webbrowser.open(address):
        sys.stderr.write("There is no browser to open here: open the address in one.\n")


def _demo(options: argparse.Namespace) -> int:
    from rastercollection.cli.demo import demo_arguments, make_scene

    folder = Path(options.output).absolute()
    scene = make_scene(folder / "sources")
    result = _process({**demo_arguments(folder), "executor": options.executor}, options)
    sys.stderr.write(f"{scene.broken.name} is broken on purpose.\n")
    as_meant = [tile.ok != (tile.blob == scene.broken.name) for tile in result.tiles]
    return ALL_TILES if all(as_meant) else SOME_FAILED


def _arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments for the API: what was given, and which rasters where that was not."""
    arguments = {name: value for name, value in vars(options).items() if name not in OWN_OPTIONS}
    if "storage_options" in arguments:
        arguments["storage_options"] = dict(arguments["storage_options"])
    if "blob_list" not in arguments:
        arguments["blob_list"] = _all_rasters(arguments)
    return arguments


def _all_rasters(arguments: Mapping[str, Any]) -> list[str]:
    """A pattern for each kind of raster in the folder; names instead where outputs lie in the same folder.

    Patterns keep the job the same job when rasters are added later: only those are done then.
    """
    from rastercollection.job.runtime import RuntimeOptions, open_storage
    from rastercollection.ports import addresses

    storage = open_storage(RuntimeOptions(storage_options=arguments.get("storage_options")))
    try:
        container = addresses.normalise(arguments["container_name"])
        names = [addresses.relative(container, info.url) for info in storage.list(container)]
        output = addresses.normalise(arguments.get("output_container") or addresses.sibling(container, "cogs"))
    except BackendError:
        return ["**/*.tif"]  # the folder's address is wrong, or nothing is there: the request's own check says so
    if output == container:
        raise RequestError(
            [RequestProblem("output_container", repr(output), "is FOLDER itself: name rasters with --blob")]
        )
    rasters = [name for name in names if PurePosixPath(name).suffix.lower() in RASTER_SUFFIXES]
    sources = [name for name in rasters if not f"{addresses.join(container, name)}/".startswith(f"{output}/")]
    if not sources:
        kinds = ", ".join(RASTER_SUFFIXES)
        raise RequestError([RequestProblem("blob_list", "nothing", f"no file in {container} ends in {kinds}")])
    if f"{output}/".startswith(f"{container}/"):
        return sources
    return sorted({f"**/*{PurePosixPath(name).suffix}" for name in sources})


@contextlib.contextmanager
def _observers(options: argparse.Namespace) -> Iterator[tuple[ProgressDisplay, ...]]:
    if options.quiet:
        yield ()
        return
    from rastercollection.cli.progress import show_progress

    with show_progress(sys.stderr) as progress:
        yield (progress,)


@contextlib.contextmanager
def _terminable() -> Iterator[threading.Event]:
    """An event that SIGTERM sets: being stopped by a service manager is a cancellation, as Ctrl-C is."""
    cancel = threading.Event()
    before: Callable[..., Any] | int | None = signal.signal(signal.SIGTERM, lambda *_: cancel.set())
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGTERM, before)


def _configure_streams(*, debug: bool) -> None:
    import logging

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the locale cannot show must not end the job
    logging.basicConfig(stream=sys.stderr, level=logging.INFO if debug else logging.CRITICAL)


def _print_json(value: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
