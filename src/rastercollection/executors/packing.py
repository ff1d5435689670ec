"""Calls and outcomes as bytes, so that whatever does not pickle harms its own future and nothing else.

The carrier (a pipe, a scheduler) sees only bytes and plain tuples. Functions and values are pickled by the side that
has them and unpickled by the side that wants them, each under guard.
"""

from __future__ import annotations

import contextlib
import pickle
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from typing import Any, NamedTuple

from rastercollection.core.models import Task
from rastercollection.disclosure.escaping import safe_text
from rastercollection.errors import ExecutorError

__all__ = [
    "PackedOutcome",
    "RemoteTracebackError",
    "called",
    "function_name",
    "pack_call",
    "refused",
    "run_packed",
    "settle",
]


class PackedOutcome(NamedTuple):
    """How a call ended, in plain values.

    Attributes:
        returned: Whether it returned, rather than raised.
        payload: The pickled result or exception.
        summary: The exception, or the type of the result, in words.
        trace: The exception's traceback as text.
    """

    returned: bool
    payload: bytes
    summary: str
    trace: str = ""


class RemoteTracebackError(Exception):
    """The cause of an exception that came from a worker: where it was raised there."""

    def __init__(self, trace: str) -> None:
        self.trace = safe_text(trace, lines=True)
        super().__init__(self.trace)

    def __str__(self) -> str:
        return f"in the worker:\n{self.trace}"


def function_name(fn: Callable[..., object]) -> str:
    """The name a function can be found by."""
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    return f"{getattr(fn, '__module__', None) or '?'}.{name}"


def called(fn: Callable[..., object], args: tuple[Any, ...]) -> str:
    """What a call does, for errors: the task and its tile, where it is one, else the function."""
    task = next((each for each in args if isinstance(each, Task)), None)
    if task is None:
        return function_name(fn)
    return f"{task.task_type} of {task.tile}" if task.tile else task.task_type


def pack_call(fn: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """A call as bytes, for :func:`run_packed`.

    Raises:
        ExecutorError: Function or arguments do not pickle; names the part that does not.
    """
    try:
        return _dumps((fn, args, dict(kwargs)))
    except Exception as error:  # pickling runs the objects' own code, which may raise anything
        raise _unsendable(fn, args, kwargs, error) from error


def run_packed(call: bytes) -> PackedOutcome:
    """Run a packed call, where the worker is. It always returns, whatever the call raises or returns."""
    try:
        fn, args, kwargs = pickle.loads(call)
    except BaseException as error:  # noqa: BLE001 - importing the function's module may even raise SystemExit
        return _failure(_unloadable_call(error))
    try:
        value = fn(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - it is the caller's to judge, and must not end the worker
        return _failure(error)
    try:
        return PackedOutcome(True, _dumps(value), f"a result of type {type(value).__qualname__}")
    except Exception as error:  # noqa: BLE001 - see pack_call
        return _failure(
            ExecutorError(
                f"The result of {function_name(fn)}, of type {type(value).__qualname__}, cannot be sent back: "
                f"{_in_words(error)}.",
                "Return plain values: text, numbers, lists, dicts, frozen attrs classes.",
            )
        )


def refused(error: ExecutorError) -> Future[Any]:
    """The future of a call that could not be packed."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    future.set_exception(error)
    return future


def settle(future: Future[Any], outcome: PackedOutcome) -> None:
    """Give a running future its result or exception, or an ExecutorError where that cannot be loaded here.

    One that was settled meanwhile, as its call was given up, stays as it is.
    """
    try:
        value = pickle.loads(outcome.payload)
    except BaseException as error:  # noqa: BLE001 - unpickling runs the class's own code
        value = ExecutorError(
            f"The task ended with {outcome.summary}, which cannot be loaded here: {_in_words(error)}.",
            "Make it picklable; an exception has to pass all its arguments to super().__init__.",
        )
    else:
        if outcome.returned:
            with contextlib.suppress(InvalidStateError):
                future.set_result(value)
            return
    if outcome.trace:
        value.__cause__ = RemoteTracebackError(outcome.trace)
    with contextlib.suppress(InvalidStateError):
        future.set_exception(value)


def _dumps(value: object) -> bytes:
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def _in_words(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


def _failure(error: BaseException) -> PackedOutcome:
    summary = _in_words(error)
    trace = "".join(traceback.format_exception(error))
    try:
        return PackedOutcome(False, _dumps(error), summary, trace)
    except Exception as why:  # noqa: BLE001 - see pack_call
        substitute = ExecutorError(
            f"The task raised {summary}, which cannot be sent back: {_in_words(why)}.",
            "Make the exception picklable.",
        )
        return PackedOutcome(False, _dumps(substitute), summary, trace)


def _unloadable_call(error: BaseException) -> ExecutorError:
    return ExecutorError(
        f"The worker cannot load the function or its arguments: {_in_words(error)}.",
        "Define the function in a module that workers can import, not in a notebook or a script's main part.",
    )


def _unsendable(
    fn: Callable[..., object], args: tuple[Any, ...], kwargs: Mapping[str, Any], error: Exception
) -> ExecutorError:
    named = [("the function itself", fn)]
    named += [(f"argument {index}", value) for index, value in enumerate(args)]
    named += [(f"argument {name!r}", value) for name, value in kwargs.items()]
    culprit = next((f"{name} ({type(value).__qualname__})" for name, value in named if unpicklable(value)), "the call")
    return ExecutorError(
        f"{function_name(fn)} cannot be sent to a worker: {culprit} does not pickle: {_in_words(error)}.",
        "Use a function defined at the top level of a module, and plain values; or the executor 'thread'.",
    )


def unpicklable(value: object) -> str:
    """Why a value does not pickle, in one line; empty where it does."""
    try:
        _dumps(value)
    except Exception as error:  # noqa: BLE001 - see pack_call
        return _in_words(error)
    return ""
