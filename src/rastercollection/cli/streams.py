"""Standard streams that may be closed, full, or read by nobody: what cannot be printed fails nothing else."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

__all__ = ["StandardStream", "standard_streams"]

_STANDARD = (0, 1, 2)


class StandardStream:
    """A text stream that raises nothing when it cannot be written to: from then on it writes nowhere.

    Args:
        stream: The real one; None where the program has none.

    Attributes:
        lost: Why something could not be written; empty as long as all could.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
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
        with contextlib.suppress(OSError, ValueError, AttributeError):
            # what waits in buffers is written when the interpreter ends, which would fail once more
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, cast(TextIO, self._stream).fileno())
            os.close(nowhere)
        self._stream = None


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
    output = StandardStream(sys.stdout)
    sys.stdout, sys.stderr = cast(TextIO, output), cast(TextIO, StandardStream(sys.stderr))
    try:
        yield output
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = before
