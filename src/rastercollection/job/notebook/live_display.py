"""Jobs that are shown while they run: in a notebook's output that is replaced, elsewhere as lines if that is wished."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import attrs

from rastercollection.core.events import Event, JobEnded, Observer, StageEnded, StageStarted
from rastercollection.disclosure import markup
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import RasterCollectionError, UnavailableError
from rastercollection.job.notebook.kernel import CellOutput, in_notebook
from rastercollection.job.notebook.progress_board import ProgressBoard
from rastercollection.job.notebook.status_view import status_html

if TYPE_CHECKING:
    from rastercollection.job.handle import JobHandle
    from rastercollection.job.runtime_options import RuntimeOptions

__all__ = ["LiveProgress", "handle_html", "show_handle", "with_progress"]

PAUSE = 0.5
"""Seconds between two looks at what is to be shown."""

LONGEST_PAUSE = 5.0

log = get_logger(__name__)


@contextlib.contextmanager
def with_progress(options: RuntimeOptions, title: str) -> Iterator[RuntimeOptions]:
    """Options with an observer more, where the job is to be shown; the last that is seen of it stays.

    Args:
        options: As given; ``progress`` says whether, and None that it is in notebooks.
        title: What the job is called.
    """
    if options.progress is False or not (options.progress or in_notebook()):
        yield options
        return
    if not in_notebook():
        yield attrs.evolve(options, observers=line_observers(options, title))
        return
    with LiveProgress(title, CellOutput().show) as progress:
        yield attrs.evolve(options, observers=(*options.observers, progress))


def line_observers(options: RuntimeOptions, title: str) -> tuple[Observer, ...]:
    """The observers of a job, and one that writes lines where these are wished: not in notebooks, where jobs are seen.

    Args:
        options: As given.
        title: What the job is called.
    """
    lines = (LineObserver(title),) if options.progress and not in_notebook() else ()
    return (*options.observers, *lines)


class LineObserver:
    """An observer that writes a line to standard error where a stage begins and ends, and where the job does.

    Args:
        title: What the job is called.
    """

    def __init__(self, title: str) -> None:
        self._board = ProgressBoard(title=title)

    def __call__(self, event: Event) -> None:
        self._board = self._board.after(event)
        if isinstance(event, StageStarted | StageEnded | JobEnded):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # nobody reads it, or there is no stream
                sys.stderr.write(f"{self._board.line()}\n")
                sys.stderr.flush()


class LiveProgress:
    """An observer that has the job shown again and again from a thread of its own, so that no event waits for it.

    Args:
        title: What the job is called.
        show: Told HTML, and a line in its place.
    """

    def __init__(self, title: str, show: Callable[[str, str], None]) -> None:
        self._board, self._show = ProgressBoard(title=title), show
        self._has_begun = False
        self._changed, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_shown, name="rastercollection-progress", daemon=True)

    def __enter__(self) -> LiveProgress:
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def __call__(self, event: Event) -> None:
        self._board = self._board.after(event)
        if not self._has_begun:
            self._has_begun = True
            self._thread.start()
        if isinstance(event, JobEnded | StageEnded | StageStarted):
            self._changed.set()

    def _keep_shown(self) -> None:
        while True:
            self._changed.clear()
            self._show(self._board.html(time.time()), self._board.line())
            if self._ended.is_set():
                return
            self._changed.wait(PAUSE)


def handle_html(handle: JobHandle) -> str:
    """The HTML of how a submitted job stands now, and how its result is had."""
    try:
        shown = status_html(handle.status())
    except RasterCollectionError as error:
        shown = markup.card(f"job {handle.job_id[:12]}", [markup.badge("unknown", "fair")], markup.safe(error))
    ways = " ".join(map(markup.code, ("handle.result()", "await handle", "handle.cancel()")))
    return f"{shown}{markup.card('', [], ways)}" if not handle.done() else shown


def show_handle(handle: JobHandle) -> None:
    """Show a submitted job in a notebook, and go on until it has ended; elsewhere print what it is."""
    if not in_notebook():
        sys.stdout.write(f"{handle!r}\n")
        return
    output = CellOutput()
    output.show(handle_html(handle), repr(handle))
    threading.Thread(
        target=_keep_handle_shown, args=(handle, output), name="rastercollection-status", daemon=True
    ).start()


def _keep_handle_shown(handle: JobHandle, output: CellOutput) -> None:
    pause = PAUSE
    while True:
        time.sleep(pause)
        pause = min(1.1 * pause, LONGEST_PAUSE)
        try:
            has_ended = handle.done()  # before it is shown: the last that is seen is its end
            output.show(handle_html(handle), repr(handle))
        except UnavailableError:
            continue
        except RasterCollectionError:
            log.debug("job %s is not shown any more", handle.job_id, exc_info=True)
            return
        if has_ended:
            return
