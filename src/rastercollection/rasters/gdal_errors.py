"""GDAL's errors and warnings in the library's terms: which error they become, and which are worth telling."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence

from rasterio._err import CPLE_BaseError
from rasterio.errors import CRSError, RasterioError

from rastercollection.errors import MachineError, RasterCollectionError, TaskError, TileError
from rastercollection.rasters.gdal_env import is_remote

__all__ = [
    "GDAL_ERRORS",
    "collected_warnings",
    "error_text",
    "lasting",
    "raise_shortage",
    "translated",
    "unproven",
    "writing",
]


_LOGGERS = ("rasterio._env", "rasterio._err")

_MOST_COLLECTED = 50

_MOST_KEPT = 5

_EMPTY_WORDS = ("", "Read failed. See previous exception for details.")

_OF_NO_CONCERN = re.compile(r"GetNoDataValue\(\) returns an approximate value")
"""Nodata of 64 bits is read to the last digit by another way."""

_PREFIX = re.compile(r"^CPLE_\w+(?: in |:)")

_QUERY = re.compile(r"\?[^\s'\"]+")

_UNREACHABLE = re.compile(
    r"HTTP response code:? ?(?:408|429|5\d\d)|timed? ?out|could ?n.t (?:resolve|connect)|curl error"
    r"|connection (?:reset|refused)",
    re.IGNORECASE,
)

_TRIED_AGAIN = re.compile(r"Retrying again in", re.IGNORECASE)

_NO_CODEC = re.compile(
    r"missing codec|not configured|codec .*not available|not built with|unsupported"
    r"|not (?:yet )?(?:supported|implemented)",
    re.IGNORECASE,
)

_DISK_FAILED = re.compile(r"input/output error|stale (?:nfs )?file handle|permission denied", re.IGNORECASE)
"""What a system says that did not give the bytes of a file."""

_NO_MEMORY = re.compile(
    r"out of memory|not enough memory|(?:cannot|could not|can't|failed to|unable to) (?:re)?allocate|allocation failed",
    re.IGNORECASE,
)

_NO_FILES = re.compile(r"too many open files", re.IGNORECASE)

_TRUNCATED = re.compile(
    r"premature|truncat|unexpected end|end of file|not enough data|got \d+ bytes, expected", re.IGNORECASE
)

_NO_FORMAT = re.compile(r"not recognized as being in a supported file format", re.IGNORECASE)


class _Tap(logging.Filter):
    """Takes GDAL's warnings from rasterio's loggers, a thread's into its own lists, whatever levels they are set to.

    What would not be logged without it is not logged with it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._sinks: dict[int, list[list[str]]] = {}
        self._levels: dict[str, tuple[int, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            message = _PREFIX.sub("", record.getMessage())
            for sink in self._sinks.get(threading.get_ident(), ()):
                if len(sink) < _MOST_COLLECTED and message not in sink and not _OF_NO_CONCERN.search(message):
                    sink.append(message)
        return record.levelno >= self._levels.get(record.name, (0, 0))[1]

    @contextlib.contextmanager
    def into(self, sink: list[str]) -> Iterator[None]:
        thread = threading.get_ident()
        with self._lock:
            if not self._sinks:
                self._open()
            self._sinks.setdefault(thread, []).append(sink)
        try:
            yield
        finally:
            with self._lock:
                self._sinks[thread] = [other for other in self._sinks[thread] if other is not sink]
                if not self._sinks[thread]:
                    del self._sinks[thread]
                if not self._sinks:
                    self._close()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Nothing is taken from this thread while the context lasts."""
        thread = threading.get_ident()
        with self._lock:
            sinks, self._sinks[thread] = self._sinks.get(thread), []
        try:
            yield
        finally:
            with self._lock:
                if sinks is None:
                    del self._sinks[thread]
                else:
                    self._sinks[thread] = sinks

    def _open(self) -> None:
        for logger in map(logging.getLogger, _LOGGERS):
            self._levels[logger.name] = (logger.level, logger.getEffectiveLevel())
            if logger.getEffectiveLevel() > logging.WARNING:
                logger.setLevel(logging.WARNING)
            logger.addFilter(self)

    def _close(self) -> None:
        for logger in map(logging.getLogger, _LOGGERS):
            logger.removeFilter(self)
            logger.setLevel(self._levels[logger.name][0])


_tap = _Tap()


@contextlib.contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """What GDAL warns of in this thread while the context lasts; filled as it goes."""
    sink: list[str] = []
    with _tap.into(sink):
        yield sink


@contextlib.contextmanager
def unheard_warnings() -> Iterator[None]:
    """Nothing that GDAL warns of in this thread while the context lasts is told: it is of no concern to the user."""
    thread = threading.get_ident()
    loggers = [logging.getLogger(name) for name in _LOGGERS]

    def is_heard(record: logging.LogRecord) -> bool:
        return record.thread != thread or record.levelno > logging.WARNING

    for logger in loggers:
        logger.addFilter(is_heard)
    try:
        with _tap.away():
            yield
    finally:
        for logger in loggers:
            logger.removeFilter(is_heard)


def in_words(messages: list[str], path: str, name: str) -> list[str]:
    """Each message once, the first few, with the name users know instead of GDAL's path, and without query strings."""
    folder = path.rpartition("/")[0] + "/"
    cleaned = (_QUERY.sub("", message.replace(path, name).replace(folder, "")) for message in messages)
    return [message for message in dict.fromkeys(cleaned) if message not in _EMPTY_WORDS][:_MOST_KEPT]


def lasting(messages: list[str]) -> list[str]:
    """Without those on requests that GDAL made again."""
    return [message for message in messages if not _TRIED_AGAIN.search(message)]


@contextlib.contextmanager
def translated(path: str, blob: str, doing: Callable[[], str]) -> Iterator[None]:
    """Raise rasterio's errors as ours, and its failure to decode text that is no UTF-8.

    Args:
        path: GDAL's path, which is replaced by the blob's name in messages.
        blob: The tile.
        doing: What was under way, in words, asked for when something went wrong.

    Raises:
        TileError: ``FILE_UNREADABLE`` or ``FILE_TRUNCATED``.
        TaskError: ``SOURCE_UNAVAILABLE``, retryable: the server or the disk may be at fault, and not the file. GDAL
            says the same of damage and of bytes that a network did not deliver.
        MachineError: ``OUT_OF_MEMORY``, ``NO_FILES`` or ``CODEC_MISSING``.
    """
    with collected_warnings() as warnings:
        try:
            yield
        except (RasterioError, CPLE_BaseError, CRSError, UnicodeDecodeError) as error:
            causes = in_words([str(error), *(str(cause) for cause in _chain(error)), *warnings], path, blob)
            found = failure(blob, doing(), causes)
            raise (unproven(blob, doing(), causes) if is_remote(path) and _may_be_network(found) else found) from error


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    if cause is not None:
        yield cause
        yield from _chain(cause)


def unproven(blob: str, doing: str, causes: list[str]) -> TaskError:
    """The error of what was read from a server: it may have been at fault, and not the file."""
    said = "; ".join(causes)
    return TaskError(
        f"{blob}: {doing} failed: {said}", "Try again, or check the store.", "SOURCE_UNAVAILABLE", retryable=True
    )


def _may_be_network(error: TaskError) -> bool:
    return not isinstance(error, MachineError)


def failure(blob: str, doing: str, causes: list[str]) -> TaskError:
    """The error that GDAL's messages amount to."""
    said = "; ".join(causes)
    if _UNREACHABLE.search(said) or _DISK_FAILED.search(said):
        return unproven(blob, doing, causes)
    shortage = _shortage(said, f"{blob}: {doing}")
    if shortage is not None:
        return shortage
    if _NO_CODEC.search(said):
        return MachineError(
            f"{blob}: {doing} failed, this GDAL lacks what it takes: {said}",
            "Convert it with a GDAL that has the codec, or install one here.",
            "CODEC_MISSING",
        )
    if _NO_FORMAT.search(said):
        return TileError(
            f"{blob}: {doing} failed: none of the allowed drivers can read it.",
            "Check the file. A format beside these needs its GDAL driver in `drivers`.",
            "FILE_UNREADABLE",
        )
    code = "FILE_TRUNCATED" if _TRUNCATED.search(said) else "FILE_UNREADABLE"
    return TileError(f"{blob}: {doing} failed: {said}", "The file is damaged: get a new copy of it.", code)


def _shortage(said: str, doing: str) -> MachineError | None:
    """The error of what the machine lacks, where that is what GDAL said."""
    if _NO_MEMORY.search(said):
        hint = "Use fewer workers, or set in_memory=False or a lower memory_budget."
        return MachineError(f"{doing} needs more memory than there is: {said}", hint, "OUT_OF_MEMORY")
    if _NO_FILES.search(said):
        hint = "Run fewer workers, or raise the limit on open files (ulimit -n)."
        return MachineError(f"{doing} failed: {said}", hint, "NO_FILES")
    return None


def raise_shortage(error: BaseException, doing: str, warned: Sequence[str] = ()) -> None:
    """Raise what an error of GDAL's amounts to, where it says that the machine ran short of something.

    Args:
        error: The error.
        doing: What was under way, in words.
        warned: What GDAL said beside it.

    Raises:
        MachineError: ``OUT_OF_MEMORY``, ``NO_FILES`` or ``NO_SPACE``.
    """
    said = "; ".join(dict.fromkeys([error_text(error), *warned]))
    if any(sign in said.lower() for sign in _DISK_IS_FULL):
        hint = "Make room there, or set `scratch` to a folder on another disk."
        raise MachineError(f"{doing} failed, the scratch folder is full: {said}", hint, "NO_SPACE") from error
    shortage = _shortage(said, doing)
    if shortage is not None:
        raise shortage from error


GDAL_ERRORS: tuple[type[Exception], ...] = (RasterioError, CPLE_BaseError)

_DISK_IS_FULL = (
    "no space left",
    "disk full",
    "disk quota",
    "file too large",
    "write error",
    "seek error",
    "write failed",
)
"""libtiff does not say why it could not write: on a local disk, it is hardly ever anything else."""


def error_text(error: BaseException) -> str:
    """What an error and its causes say, each once."""
    said: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        text = str(cause) or type(cause).__name__
        if text not in said:
            said.append(text)
        cause = cause.__cause__ or cause.__context__
    return "; ".join(said)


@contextlib.contextmanager
def writing(blob: str, doing: str, code: str = "COG_INVALID") -> Iterator[None]:
    """Raise the errors of GDAL and of the local disk while something is written as ours.

    Args:
        blob: The tile.
        doing: What is under way, in words.
        code: Of the error, unless the disk or the memory is at fault.

    Raises:
        TaskError: ``code``; a MachineError, ``NO_SPACE`` or ``OUT_OF_MEMORY``, where that is at fault.
    """
    try:
        with collected_warnings() as warned:
            yield
    except RasterCollectionError:
        raise
    except MemoryError as error:
        raise MachineError(
            f"{blob}: {doing} needs more memory than there is.",
            "Set in_memory=False, or run fewer workers.",
            "OUT_OF_MEMORY",
        ) from error
    except (RasterioError, CPLE_BaseError, OSError) as error:
        raise_shortage(error, f"{blob}: {doing}", warned)
        said = error_text(error)
        raise TaskError(f"{blob}: {doing} failed: {said}", "See the message; try another compression.", code) from error
