"""Standard streams that may be closed, full, or read by nobody: what cannot be printed fails nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, Any, TextIO, cast

__all__ = ["StandardStream", "can_draw", "shows_colors", "standard_streams"]

_STANDARD = (0, 1, 2)


def can_draw(stream: IO[str]) -> bool:
    """Whether ``stream`` is a terminal in which a program can write over what it wrote before."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def shows_colors(stream: IO[str]) -> bool:
    """Whether ``stream`` is a terminal whose user has not asked for no colours (https://no-color.org)."""
    return can_draw(stream) and not os.environ.get("NO_COLOR")


class StandardStream:
    """A text stream that raises nothing when it cannot be written to: from then on it writes nowhere.

    Args:
        stream: The real one; None where the program has none.
        is_last: Nobody else writes to it: its file is led nowhere then, so that what waits in buffers does not fail
            once more when the interpreter ends.

    Attributes:
        lost: Why something could not be written; empty as long as all could.
    """

    def __init__(self, stream: IO[str] | None, *, is_last: bool = False) -> None:
        self._stream, self._is_last = stream, is_last
        self.lost = "" if stream is not None else "it is closed"

    def write(self, text: str) -> int:
        """Write, or lose, a text."""
        if self._stream is not None:
            try:
                return self._stream.write(text)
            except (OSError, ValueError) as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Have what was written go where it is to go, or lose it."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def writelines(self, lines: Any) -> None:
        """Write, or lose, several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _lose(self, error: Exception) -> None:
        self.lost = str(error)
        stream, self._stream = self._stream, None
        if self._is_last and stream is not None:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


@contextlib.contextmanager
def standard_streams() -> Iterator[StandardStream]:
    """Standard output, and beside it standard error, as streams that raise nothing, for the duration of the block.

    What the system would take for one of the three, because it was closed, leads nowhere: else the next file that is
    opened would, and be written into by whatever prints.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest number that is free
    before = sys.stdout, sys.stderr
    output, errors = StandardStream(sys.stdout, is_last=True), StandardStream(sys.stderr, is_last=True)
    sys.stdout, sys.stderr = cast(TextIO, output), cast(TextIO, errors)
    try:
        yield output
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before
