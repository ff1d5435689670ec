"""The library's log: every record is redacted and escaped, tracebacks included."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from rastercollection.disclosure.escaping import safe_text

__all__ = ["get_logger"]

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter


class _Log(_Adapter):
    """Hands texts to the logger instead of exceptions, whose frames hold whatever the program holds.

    What the program's handlers and filters fail at fails nothing: it is told on standard error, where handlers tell of
    their errors themselves, unless ``logging.raiseExceptions`` is off.
    """

    @override
    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if not self.isEnabledFor(level):
            return
        text = safe_text(str(msg) % args if args else msg)
        error = _exception(kwargs.get("exc_info"))
        if error is not None:
            text += "\n" + safe_text("".join(traceback.format_exception(error)).rstrip(), lines=True)
        try:
            self.logger.log(level, text, stacklevel=2)
        except Exception as error:  # noqa: BLE001 - whatever a handler of the program raises
            _tell(error)


def _tell(error: Exception) -> None:
    if logging.raiseExceptions:
        message = safe_text(f"--- Logging error --- {type(error).__name__}: {error}")
        with contextlib.suppress(Exception):  # there may be no standard error, or nobody who reads it
            sys.stderr.write(f"{message}\n")


def _exception(given: Any) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    return sys.exc_info()[1] if given else None


def get_logger(name: str) -> _Log:
    """The logger of this name, for texts that may hold anything."""
    return _Log(logging.getLogger(name), {})
