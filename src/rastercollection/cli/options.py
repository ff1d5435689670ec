"""The command line's options: those that follow from the parameters' fields, and a few of the command line's own."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

import click

from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model import converters
from rastercollection.model.parameters import Parameter, parameters
from rastercollection.model.request import CollectionRequest

__all__ = [
    "AGAIN",
    "CANCEL",
    "CHECK",
    "COLLECTIONS",
    "DEBUG",
    "DEMO",
    "INFO",
    "JSON",
    "LIST",
    "PRIORITY",
    "PRUNE",
    "PUSH",
    "QUIET",
    "REMOVE",
    "RERUN",
    "STATUS",
    "VIEW",
    "WORKER",
    "Command",
    "RefusedValue",
    "option_name",
    "options_of",
]

GROUPS = {"main": "Parameters of the job", "fine": "Parameters that refine it", "run": "Where and how it runs"}
SECTIONS = ("Arguments", GROUPS["main"], GROUPS["fine"], "Options", GROUPS["run"])
"""Titles in the help of a command, in this order."""


class RefusedValue(click.BadParameter):
    """What was given for an option cannot be read.

    Attributes:
        given: As it was given.
    """

    def __init__(self, error: click.BadParameter, given: Any) -> None:
        super().__init__(error.message, error.ctx, error.param, error.param_hint)
        self.given = given


class Option(click.Option):
    """An option that ``--help`` lists under the title ``section``."""

    def __init__(self, *arguments: Any, section: str = "Options", **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """What was given, unless it is another option: then there was nothing."""
        options = {spelling for one in ctx.command.params for spelling in (*one.opts, *one.secondary_opts)}
        given = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(each, str) and each.startswith("-") and each in options for each in given):
            raise click.BadOptionUsage(self.opts[0], f"Option {self.opts[0]!r} requires an argument.", ctx)
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter:
            raise
        except click.BadParameter as error:
            if self.name == "storage_options":  # may be a secret
                raise
            raise RefusedValue(error, value) from error


class Argument(click.Argument):
    """An argument that ``--help`` explains, as it does options."""

    section = "Arguments"

    def __init__(self, name: str, metavar: str, about: str, **settings: Any) -> None:
        super().__init__([name], metavar=metavar, **settings)
        self.about = about

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:  # noqa: ARG002
        """What ``--help`` lists."""
        return str(self.metavar), self.about


class Command(click.Command):
    """A command whose help lists options under the titles of their sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {title: [] for title in SECTIONS}
        for one in self.get_params(ctx):
            record = one.get_help_record(ctx)
            if record is not None:
                sections[getattr(one, "section", "Options")].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _level(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a whole number nor auto") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}") from None


def _pair(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not (key and separator):
        raise click.BadParameter("it is not KEY=VALUE")  # and may be a secret: it is not repeated
    with contextlib.suppress(ValueError):
        return key, json.loads(value)  # anon=true is a truth value, a nested option an object
    return key, value


def _size(text: str) -> int:
    size = converters.size(text)
    if isinstance(size, str):
        raise click.BadParameter(f"{text!r} is not a size such as 500M or 8G")
    return int(size)


def _age(text: str) -> float:
    number, unit = (text[:-1], text[-1:]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an age such as 12h or 30d") from None


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
JSON = Option(["--json"], is_flag=True, help="JSON on standard output, the rest on standard error")
DEBUG = Option(["--debug"], is_flag=True, help="show tracebacks and the log")
QUIET = Option(["--quiet"], is_flag=True, help="show no progress")
STATUS = (Argument("job", "JOB", "the job's id, or as much of its beginning as is unique"),)
PRIORITY = Option(
    ["--priority"], type=int, default=0, metavar="N", help="of the jobs that wait, the largest is done first"
)
AGAIN = (*STATUS, Option(["--worker"], is_flag=True, help="have a worker do it: record it, and return"), PRIORITY)
RERUN = (
    *AGAIN,
    Option(
        ["--what"],
        multiple=True,
        metavar="WHAT",
        help="all, failed, the name of a stage or of a tile; may be repeated [default: all]",
    ),
)
_STATUSES = Option(
    ["--status", "statuses"], multiple=True, metavar="STATUS", help="jobs with this status alone; may be repeated"
)
LIST = (_STATUSES,)
CANCEL = (
    *STATUS,
    Option(["--wait"], type=float, default=0.0, metavar="SECONDS", help="wait so long for the end of a job that runs"),
)
PRUNE = (
    Option(["--older-than"], type=_age, required=True, metavar="AGE", help="without a change since: 12h, 30d, 90 (s)"),
    _STATUSES,
)
WORKER = (
    Option(["--once"], is_flag=True, help="take one job, and end"),
    Option(["--drain"], is_flag=True, help="end when no job waits"),
)
VIEW = (
    Argument(
        "collection",
        "COLLECTION",
        "a collection.json, the folder of a static catalog, or the OUT of 'run'; path or URL",
    ),
    Option(["--id", "collection_id"], metavar="ID", help="of the collection that is shown at first, of several"),
    Option(["--host"], default="127.0.0.1", show_default=True, help="to listen on, this machine alone unless given"),
    Option(
        ["--port"],
        type=click.IntRange(0, 65535),
        metavar="N",
        help="to listen on; 8765, or any that is free, when not given",
    ),
    Option(["--no-browser"], is_flag=True, help="open no browser"),
    Option(
        ["--allow-origin"],
        multiple=True,
        metavar="ORIGIN",
        help="a site whose pages may read tiles and COGs from it, as https://maps.example; more than once for several",
    ),
)
_ID = Option(["--id", "collection_id"], metavar="ID", help="of the collection, where the catalog holds several")
CHECK = (
    Argument(
        "collection",
        "COLLECTION",
        "a collection.json, the folder of a static catalog, the OUT of 'run', or the address of a pgSTAC database",
    ),
    _ID,
    Option(["--fix"], is_flag=True, help="mend what is found wrong"),
    Option(["--titiler-url"], metavar="URL", help="tile server that shows it, and is asked whether it does"),
)
INFO = (
    Argument("place", "PLACE", "a raster, a collection.json, or a folder with collections; path or URL"),
    _ID,
)
COLLECTIONS = (
    Argument("place", "[PLACE]", "a folder, searched at any depth, or a catalog [default: .]", required=False),
)
REMOVE = (
    Argument("collection", "COLLECTION", "a collection.json, the folder of a catalog, or the OUT of 'run'"),
    Argument("tiles", "[TILE]...", "ids of items, names of COGs, or of sources", nargs=-1, required=False),
    _ID,
    Option(["--all", "every_tile"], is_flag=True, help="the whole collection"),
    Option(["--yes"], is_flag=True, help="do it; without, what would be removed is told"),
    Option(["--titiler-url"], metavar="URL", help="tile server that shows it, where it links to one"),
)
PUSH = (
    Argument("collection", "COLLECTION", "a collection.json, the folder of a catalog, or the OUT of 'run'"),
    Argument("target", "TARGET", "the folder or bucket that it is copied to; path or URL"),
    _ID,
)
DEMO = (
    Option(["--output"], default="demo-collection", show_default=True, metavar="DIR", help="where everything goes"),
    Option(["--executor"], default="process", show_default=True, metavar="NAME", help="where tasks run"),
)
_SIZES = ("memory_budget", "worker_memory")
_LINK = re.compile(r"(; see |, see )?\[[^\]]+\]\([^)]+\)")
_PYTHON = re.compile(r"[;,] in Python also [^;\[]*")


_SPELT = {"statuses": "status", "every_tile": "all"}
"""Options that may be repeated have the name of one, and a flag is short."""
_ARGUMENTS = {"job_id": "JOB", "collection": "COLLECTION", "tiles": "TILE", "target": "TARGET", "place": "PLACE"}
"""Parameters that are no options: they stand behind the command."""


def option_name(parameter: str) -> str:
    """What a parameter of the API is called on the command line."""
    known = {**parameters(CollectionRequest), **parameters(RuntimeOptions)}.get(parameter)
    spelt = _SPELT.get(parameter, parameter)
    if parameter in _ARGUMENTS:
        return _ARGUMENTS[parameter]
    return known.option[0] if known and known.option else "--" + spelt.replace("_", "-")


def options_of(kind: type) -> dict[str, click.Parameter]:
    """The options, and arguments, of the parameters that the fields of a class hold, by the parameters' names."""
    return {name: _option(each) for name, each in parameters(kind).items() if each.option}


def _option(each: Parameter) -> click.Parameter:
    """The option, or argument, of a parameter. It is None, or empty, when it was not given."""
    spellings = each.option or ()
    about = _plain(each.meaning)
    if not spellings[0].startswith("-"):
        return Argument(each.name, spellings[0], about)
    if each.hint is bool:
        spellings = (f"{spellings[0]}/--no-{spellings[0].removeprefix('--')}",)
    fallback = _plain(each.fallback.rpartition("on the command line ")[2])
    value = _value(each)
    repeated = "; may be repeated" if "multiple" in value else ""
    shown = "" if fallback in ("none", "required") else f" [default: {fallback}]"
    settings: dict[str, Any] = {
        "help": f"{about}{repeated}{shown}",
        "required": fallback == "required",
        "section": GROUPS[each.group],
        **value,
        "metavar": each.metavar or value.get("metavar"),
    }
    return Option([*spellings, each.name], **settings)


def _plain(text: str) -> str:
    """A text of the documentation as a terminal shows it: without marks, links to pages, and what is for Python."""
    return _PYTHON.sub("", _LINK.sub("", text)).replace("`", "")


def _value(each: Parameter) -> dict[str, Any]:
    """How the value is read from the command line, and what stands for it in the help."""
    if each.hint is bool:
        return {"default": None}
    if each.name in _SIZES:
        return {"type": _size}
    if each.hint in (int, float):
        return {"type": each.hint, "metavar": "N"}
    if each.hint == int | Literal["auto"]:
        return {"type": _level, "metavar": "N"}
    origin = get_origin(each.hint)
    if origin is Mapping:
        pairs = {"type": _pair, "metavar": "KEY=VALUE", "callback": lambda _context, _option, given: dict(given)}
        return {**pairs, "multiple": True}
    if origin is tuple:
        words = get_args(each.hint)[0] in (str, Any)  # of renders, which are names or JSON
        return {"type": str if words else _json, "metavar": "TEXT" if words else "JSON", "multiple": True}
    return {"type": str, "metavar": "NAME" if each.choices else "TEXT"}
