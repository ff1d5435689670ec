"""Writes what follows from the fields of parameters: the tables of ``parameters.md``, the API's keyword arguments.

A test fails when one of the two files is not what this gives.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.parameters import Parameter, parameters
from rastercollection.model.request import CollectionRequest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "parameters.md"
ARGUMENTS = ROOT / "src" / "rastercollection" / "job" / "arguments.py"
TABLE = re.compile(r"(<!-- (main|fine|run): written by nox -s parameters -->\n\n)(?:\|.*\n)*")
MEMBERS = re.compile(r"(class (\w+)\(.*\n(?:.*\n)*?    # .*: written by nox -s parameters\n)(?:(?:    .*)?\n)*")


def page(text: str) -> str:
    """``text`` of the page with its tables as the fields give them."""
    every = [*parameters(CollectionRequest).values(), *parameters(RuntimeOptions).values()]
    return TABLE.sub(lambda found: found[1] + _table(each for each in every if each.group == found[2]), text)


def arguments(text: str) -> str:
    """``text`` of the module with its classes' members as the fields give them."""
    kinds = {"CollectionArguments": CollectionRequest, "RunArguments": RuntimeOptions}
    return MEMBERS.sub(lambda found: f"{found[1]}{_members(kinds[found[2]])}\n\n", text).rstrip() + "\n"


def _table(rows: Iterable[Parameter]) -> str:
    lines = (f"| `{each.name}` | {each.fallback} | {each.meaning}{_spelled(each)} |\n" for each in rows)
    return f"| parameter | unless given | meaning |\n|---|---|---|\n{''.join(lines)}"


def _spelled(each: Parameter) -> str:
    """The option, where it is not simply the name."""
    if not each.option or each.option == (f"--{each.name.replace('_', '-')}",):
        return ""
    return f"; `{each.option[0]}` on the command line"


def _members(kind: type) -> str:
    annotations = kind.__init__.__annotations__  # what may be given, which converters turn into what is kept
    optional = [each for each in parameters(kind).values() if not each.is_required]
    lines = (f"\n    {each.name}: {annotations[each.name]}\n".replace("'", '"') + _docstring(each) for each in optional)
    return "".join(lines)


def _docstring(each: Parameter) -> str:
    text = f'"""{each.meaning[0].upper()}{each.meaning[1:]}."""'
    return textwrap.fill(text, 120, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False) + "\n"


def main() -> None:
    """Write both files."""
    for path, written in ((PAGE, page), (ARGUMENTS, arguments)):
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
