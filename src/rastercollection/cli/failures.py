"""What goes wrong, as commands tell it: the exit status, and JSON with every problem in parts."""

from __future__ import annotations

import io
from typing import Any

import click

from rastercollection.cli import options
from rastercollection.core.models import ErrorRecord
from rastercollection.disclosure.escaping import safe_text
from rastercollection.errors import (
    JobCancelledError,
    MissingExtraError,
    ObjectExistsError,
    ObjectNotFoundError,
    RequestError,
    RequestProblem,
    UnknownNameError,
    ViewError,
)
from rastercollection.model.checks import suggestion

__all__ = [
    "ALL_TILES",
    "BAD_REQUEST",
    "CANCELLED",
    "JOB_FAILED",
    "SOME_FAILED",
    "as_dict",
    "exit_status",
    "shown",
    "usage",
]

ALL_TILES, JOB_FAILED, BAD_REQUEST, SOME_FAILED, CANCELLED = 0, 1, 2, 3, 130
WRONG = (RequestError, UnknownNameError, MissingExtraError, ObjectNotFoundError, ObjectExistsError, ViewError)
"""What says that something else should have been asked for: among it something that is not there."""


def exit_status(error: Exception) -> int:
    """What a command ends with that this error has ended."""
    if isinstance(error, JobCancelledError):
        return CANCELLED
    return BAD_REQUEST if isinstance(error, WRONG) else JOB_FAILED


def as_dict(error: Exception) -> dict[str, Any]:
    """An error as JSON: code, message, hint, and each problem with what was probably meant."""
    record = ErrorRecord.of(error)
    told: dict[str, Any] = {"code": record.code, "message": record.message, "hint": record.hint}
    if isinstance(error, RequestError):
        told["problems"] = [_problem(problem) for problem in error.problems]
    elif isinstance(error, UnknownNameError):
        meant = suggestion(error.name, error.known)
        told["problems"] = [
            {
                "parameter": error.kind,
                "option": options.option_name(error.kind),
                "value": repr(error.name),
                "message": error.hint,
                "suggestion": meant,
            }
        ]
    return told


def _problem(problem: RequestProblem) -> dict[str, str]:
    return {
        "parameter": problem.parameter,
        "option": options.option_name(problem.parameter),
        "value": problem.value,
        "message": problem.allowed,
        "suggestion": problem.suggestion,
    }


def usage(error: click.ClickException) -> dict[str, Any]:
    """What is wrong with the command line itself, in the form of an error."""
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    hint = f"Try '{context.command_path} --help'." if context else ""
    message = safe_text(error.format_message())
    named = "" if param is None else param.human_readable_name if param.param_type_name == "argument" else param.opts[0]
    option = getattr(error, "option_name", None) or named
    problem = {
        "parameter": getattr(param, "name", None) or option.lstrip("-").replace("-", "_"),
        "option": option,
        "value": _given(error),
        "message": message,
        "suggestion": next(iter(getattr(error, "possibilities", None) or ()), ""),
    }
    return {"code": RequestError.code, "message": message, "hint": hint, "problems": [problem]}


def _given(error: click.ClickException) -> str:
    """What was given there, as Python shows it; ``nothing`` where something is missing."""
    if isinstance(error, options.RefusedValue):
        given = error.given
        return safe_text(repr(given[0] if isinstance(given, list | tuple) and len(given) == 1 else given))
    if isinstance(error, click.MissingParameter | click.BadOptionUsage):
        return "nothing"
    return "…" if isinstance(error, click.BadParameter) else ""


def shown(error: click.ClickException) -> str:
    """What click would show of it, without secrets and escaped."""
    text = io.StringIO()
    error.show(text)
    return safe_text(text.getvalue().rstrip(), lines=True)
