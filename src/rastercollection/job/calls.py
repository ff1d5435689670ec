"""How the functions of the API take their arguments: checked together, secrets hidden, explained by ``help``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

import attrs

from rastercollection.core.shortage import shortages_told
from rastercollection.disclosure.others_warnings import bear_with_others
from rastercollection.disclosure.redaction import Hidden
from rastercollection.errors import RequestError, RequestProblem, UnknownNameError
from rastercollection.job.runtime import unknown_names, unknown_renders
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.job.storages import unknown_schemes
from rastercollection.model import checks
from rastercollection.model.call_names import unknown_arguments
from rastercollection.model.parameters import MISSING, argument_problems, explained, parameters, problems
from rastercollection.model.request import CollectionRequest

__all__ = ["check_call", "option_problems", "options_of_call", "takes", "told_apart"]

P = ParamSpec("P")
R = TypeVar("R")


def takes(*kinds: type) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function that takes the fields of these classes as keyword arguments: ``help`` shows what each means.

    What the signature requires and a call leaves out arrives as MISSING, to be told of with all else that is wrong.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        required = {name: MISSING for kind in kinds for name, each in parameters(kind).items() if each.is_required}
        secrets = [field.name for kind in kinds for field in attrs.fields(kind) if not field.repr]

        @functools.wraps(function)
        def call(*named: Any, **arguments: Any) -> R:
            hidden = [name for name in secrets if name in arguments and not isinstance(arguments[name], Hidden)]
            arguments |= {name: Hidden(arguments[name]) for name in hidden}
            bear_with_others()
            with shortages_told():
                return cast(Callable[..., R], function)(*named, **{**required, **arguments})

        call.__doc__ = f"{function.__doc__}\n    Parameters:\n{''.join(map(explained, kinds))}    "
        return cast(Callable[P, R], call)

    return decorate


def options_of_call(arguments: Mapping[str, Any], *besides: str) -> tuple[RuntimeOptions, list[RequestProblem]]:
    """How jobs run, and what is wrong with that; ``besides`` is what else the call takes."""
    names = parameters(RuntimeOptions)
    options = RuntimeOptions(**{name: value for name, value in arguments.items() if name in names})
    wrong = option_problems(options)
    return options, [*wrong, *unknown_arguments([name for name in arguments if name not in names], (*names, *besides))]


def check_call(options: RuntimeOptions, **told: tuple[Any, checks.Check]) -> None:
    """See that a call can be understood.

    Args:
        options: How it runs.
        told: Its other arguments by name, each a value and its check.

    Raises:
        RequestError: With every problem.
    """
    wrong = [*argument_problems(**told), *option_problems(options)]
    if wrong:
        raise RequestError(wrong)


def option_problems(options: RuntimeOptions) -> list[RequestProblem]:
    """What is wrong with how jobs run: values, and names that nobody registered."""
    wrong = problems(options)
    unknown = unknown_names(options, besides={problem.parameter for problem in wrong})
    return [*wrong, *(_unknown_name(name, error) for name, error in unknown.items())]


def told_apart(
    arguments: Mapping[str, Any], *besides: str, wrong: Sequence[RequestProblem] = ()
) -> tuple[CollectionRequest, RuntimeOptions]:
    """The request, and how it runs; all that is wrong with either is reported together.

    Args:
        arguments: Of both.
        besides: What else the call takes.
        wrong: Problems with that.

    Raises:
        RequestError: With every problem.
        UnknownNameError: A name that nobody registered is all that is wrong.
    """
    names = parameters(RuntimeOptions)
    options = RuntimeOptions(**{name: value for name, value in arguments.items() if name in names})
    wrong = [*wrong, *problems(options)]
    unknown = unknown_names(options, besides={problem.parameter for problem in wrong})
    told = [*wrong, *(_unknown_name(name, error) for name, error in unknown.items())]
    try:
        request = CollectionRequest.from_parameters(
            {name: value for name, value in arguments.items() if name not in names}, besides=(*names, *besides)
        )
    except RequestError as error:
        raise RequestError([*error.problems, *told]) from None
    told += unknown_renders(request)
    told += unknown_schemes(request, options) if "storage" not in unknown else ()
    if len(told) == 1 and unknown:
        raise next(iter(unknown.values()))
    if told:
        raise RequestError(told)
    return request, options


def _unknown_name(parameter: str, error: UnknownNameError) -> RequestProblem:
    known = f"must be one of {', '.join(error.known)}"
    return RequestProblem(parameter, repr(error.name), f"{known}{checks.close_to(error.name, error.known)}")
