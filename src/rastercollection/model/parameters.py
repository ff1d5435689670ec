"""What there is to know of a parameter, written once: with the field that holds its value.

Checks, options of the command line, their help, the reference page and the keyword arguments that editors show all
follow from a field's name, type and default, and from what :func:`parameter` adds to them.
"""

from __future__ import annotations

import functools
import textwrap
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from rastercollection.disclosure.redaction import redacted
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.model import checks, converters
from rastercollection.model.call_names import missing_arguments, unknown_arguments

__all__ = [
    "MISSING",
    "Parameter",
    "argument_problems",
    "documented",
    "explained",
    "from_arguments",
    "parameter",
    "parameters",
    "problems",
    "shown",
    "with_plain_values",
]

T = TypeVar("T")
MISSING: Any = object()
"""Stands for a required parameter that was not given, until all problems are told together."""


@attrs.frozen(kw_only=True)
class Parameter:
    """A parameter as all surfaces show it.

    Attributes:
        name: In Python.
        hint: Type of the value, None left out.
        default: Its default, or ``attrs.NOTHING`` where it is required.
        help: What it means, in Markdown that a terminal can show, without a period at the end.
        otherwise: What holds when it is not given, where the default does not say so.
        check: Says what is allowed when a value is not; None for values that are told by using them.
        option: Its spellings on the command line; a word without dashes is an argument; empty where it has none.
        metavar: What stands for the value in the command line's help.
        group: ``main``, ``fine`` (refines the job) or ``run`` (how it runs).
    """

    name: str = ""
    hint: Any = None
    default: Any = None
    help: str
    otherwise: str
    check: checks.Check | None
    option: tuple[str, ...] | None
    metavar: str
    group: Literal["main", "fine", "run"]

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is attrs.NOTHING

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that the value is one of; empty where it is not one of a few."""
        return get_args(self.hint) if get_origin(self.hint) is Literal else ()

    @property
    def meaning(self) -> str:
        """The help, with the choices that it does not explain."""
        told = all(f"`{choice}`" in self.help for choice in self.choices)
        return self.help if told else f"{self.help}: {', '.join(f'`{choice}`' for choice in self.choices)}"

    @property
    def fallback(self) -> str:
        """What holds when the parameter is not given, in Markdown; ``required`` where nothing does."""
        if self.otherwise:
            return self.otherwise
        if self.is_required:
            return "required"
        if self.default is None or self.default == ():
            return "none"
        if isinstance(self.default, tuple):
            return ", ".join(self.default)
        if isinstance(self.default, bool):
            return f"`{str(self.default).lower()}`"
        return f"{self.default:,}" if isinstance(self.default, int) else f"`{self.default}`"


def parameter(
    help: str,
    check: checks.Check | None = None,
    *,
    otherwise: str = "",
    option: str | None = "",
    metavar: str = "",
    group: Literal["main", "fine", "run"] = "main",
) -> dict[str, Parameter]:
    """Metadata of the field of an attrs class that holds a parameter; the arguments are those of :class:`Parameter`.

    Args:
        help, otherwise, metavar, group: As there.
        check: Follows from the type of a truth value or ``Literal`` unless given.
        option: Spellings with spaces between them; the field's name with dashes unless given; None for no option.
    """
    spellings = None if option is None else tuple(option.split())
    told = Parameter(help=help, otherwise=otherwise, check=check, option=spellings, metavar=metavar, group=group)
    return {"parameter": told}


def parameters(kind: type) -> Mapping[str, Parameter]:
    """The parameters that the fields of an attrs class hold, by name, in the order of the fields."""
    return _parameters(kind)


@functools.cache
def _parameters(kind: type) -> Mapping[str, Parameter]:
    hints = get_type_hints(kind)
    return {field.name: _of_field(field, hints[field.name]) for field in attrs.fields(kind)}


def _of_field(field: attrs.Attribute[Any], hint: Any) -> Parameter:
    told: Parameter = field.metadata["parameter"]
    hint = _without_none(hint)
    option = told.option if told.option != () else (f"--{field.name.replace('_', '-')}",)
    found = attrs.evolve(told, name=field.name, hint=hint, default=field.default, option=option)
    return found if found.check else attrs.evolve(found, check=_derived(found))


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    return Union[tuple(part for part in get_args(hint) if part is not type(None))]  # noqa: UP007 - of parts at hand


def _derived(found: Parameter) -> checks.Check | None:
    if found.hint is bool:
        return checks.boolean
    return checks.one_of(found.choices) if found.choices else None


def problems(holder: Any) -> list[RequestProblem]:
    """What is wrong with single values of an instance; None passes where it is the default.

    Of values that the instance's own representation leaves out, the type alone is shown.
    """
    found = []
    fields = attrs.fields_dict(type(holder))
    for each in parameters(type(holder)).values():
        value = getattr(holder, each.name)
        if each.check is None or (value is None and each.default is None):
            continue
        allowed = each.check(value)
        if allowed:
            told = shown(value) if fields[each.name].repr else f"<{type(value).__name__}>"
            found.append(RequestProblem(each.name, told, allowed))
    return found


def argument_problems(**told: tuple[Any, checks.Check]) -> list[RequestProblem]:
    """What is wrong with arguments that are no fields: each a value and its check."""
    found = {name: (value, check(value)) for name, (value, check) in told.items()}
    return [RequestProblem(name, shown(value), allowed) for name, (value, allowed) in found.items() if allowed]


def from_arguments(kind: type[T], arguments: Mapping[str, Any], *, besides: Iterable[str] = ()) -> T:
    """An instance of a class whose fields hold parameters, from keyword arguments of unknown quality.

    Args:
        kind: The class, whose initialiser checks the values.
        arguments: By name.
        besides: Further names that may have been meant where one is unknown.

    Raises:
        RequestError: With every problem: unknown and missing names as well as wrong values.
    """
    known = parameters(kind)
    unknown = unknown_arguments([name for name in arguments if name not in known], (*known, *besides))
    required = [name for name, one in known.items() if one.is_required]
    absent = [name for name in required if arguments.get(name, MISSING) is MISSING]
    given = {name: value for name, value in arguments.items() if name in known}
    try:
        made = kind(**{**dict.fromkeys(absent, MISSING), **given})
    except RequestError as error:
        wrong = [problem for problem in error.problems if problem.parameter not in absent]
        raise RequestError([*unknown, *missing_arguments(absent), *wrong]) from None
    if unknown:
        raise RequestError(unknown)
    return made


def shown(value: Any) -> str:
    """A value as problems show it, at most 200 characters."""
    text = "nothing" if value is MISSING else redacted(repr(value))
    return text if len(text) <= 200 else text[:197] + "…"


def documented(kind: type[T]) -> type[T]:
    """Class decorator: the docstring lists the parameters that the fields hold, for ``help``."""
    kind.__doc__ = f"{kind.__doc__ or ''}\n\n    Attributes:\n{explained(kind)}    "
    return kind


def with_plain_values(_kind: type, fields: list[attrs.Attribute[Any]]) -> list[attrs.Attribute[Any]]:
    """Field transformer: where a field has no converter, numbers and texts of NumPy become Python's own."""
    return [field if field.converter else field.evolve(converter=_plain_for(field.type)) for field in fields]


def _plain_for(hint: Any) -> Callable[[Any], Any]:
    """A converter to whose argument the initialiser of the class gives the annotation of the field."""

    def convert(value: Any) -> Any:
        return converters.plain(value)

    convert.__annotations__ = {"value": hint}
    return convert


def explained(kind: type) -> str:
    """The parameters that the fields of a class hold, as lines of a docstring's list."""
    return _explained(kind)


@functools.cache
def _explained(kind: type) -> str:
    return "".join(_line(each) for each in parameters(kind).values())


def _line(each: Parameter) -> str:
    text = f"{each.name}: {each.meaning}. Unless given: {each.fallback}.".replace("Unless given: required", "Required")
    return textwrap.fill(text, 116, initial_indent=" " * 8, subsequent_indent=" " * 12, break_on_hyphens=False) + "\n"
