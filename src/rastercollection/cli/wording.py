"""What the library says of parameters, as the command line's users know them: by options."""

from __future__ import annotations

import functools
import re

from rastercollection.cli.options import option_name
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.parameters import parameters
from rastercollection.model.request import CollectionRequest
from rastercollection.stages import stage_names

__all__ = ["in_options"]

_CALLS = {
    "run_worker": "worker",
    "list_jobs": "jobs",
    "retry_failed": "retry-failed",
    "check_collection": "check",
    "view_collection": "view",
}
_STAGES = {getattr(stage_names, name) for name in stage_names.__all__}
"""Names of stages and tasks: the parameters that turn them on have the same, and are marked in texts."""

_WORD = r"[^\[\],\s'\"]+"


def in_options(text: str) -> str:
    """A text in which parameters stand as options: ``input_crs="EPSG:4326"`` becomes ``--input-crs EPSG:4326``.

    A name that is a common word, too (``mode``, ``grid``), is one only with a value behind it, or in backticks.
    """
    return _pattern().sub(
        lambda match: _option(match["name"] or match["bare"] or match["ticked"], match["value"]), text
    )


def _option(name: str, value: str | None) -> str:
    if name in _CALLS:
        return f"rastercollection {_CALLS[name]}"
    option = option_name(name)
    if value is None:
        return option
    if value in ("True", "False"):
        return option if value == "True" else f"--no-{option.removeprefix('--')}"
    if value.startswith("["):
        return f"{option} {','.join(re.findall(_WORD, value))}"
    return f"{option} {value.strip(chr(34) + chr(39))}"


@functools.cache
def _pattern() -> re.Pattern[str]:
    known = {**parameters(CollectionRequest), **parameters(RuntimeOptions)}
    names = [name for name, each in known.items() if each.option and each.option[0].startswith("--")]
    names += ["every_tile", "fix"]  # of one command alone
    alone = [*(name for name in names if "_" in name and name not in _STAGES), *_CALLS]
    value = r"""(?P<value>\[[^\]\n]*\]|"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_:+-]+(?:\.\w+)*)"""
    return re.compile(
        rf"(?<![\w./`=-])`?(?:(?P<name>{'|'.join(names)})={value}|(?P<bare>{'|'.join(alone)})(?:\(\))?)`?(?![\w/=-]|\.\w)"
        rf"|`(?P<ticked>{'|'.join(names)})`"
    )
