"""How commands tell what they have to tell."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import attrs

from rastercollection.cli.wording import in_options

__all__ = ["Output", "print_json"]


@attrs.frozen(kw_only=True)
class Output:
    """How a command tells what it has to tell.

    Attributes:
        json: As one JSON document on standard output.
        debug: With tracebacks and the log.
        quiet: Without progress.
    """

    json: bool
    debug: bool
    quiet: bool = False


_TEXTS = ("message", "hint", "reason", "remedy", "advice")
"""Fields that hold sentences for people."""


def print_json(value: Mapping[str, Any]) -> None:
    """Write one document to standard output; sentences in it speak of options."""
    sys.stdout.write(json.dumps(_in_options(value), indent=2, allow_nan=False) + "\n")


def _in_options(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: in_options(one) if key in _TEXTS and isinstance(one, str) else _in_options(one)
            for key, one in value.items()
        }
    return [_in_options(one) for one in value] if isinstance(value, list | tuple) else value
