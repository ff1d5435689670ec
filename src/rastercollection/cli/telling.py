"""How commands tell what they have to tell."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import attrs

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


def print_json(value: Mapping[str, Any]) -> None:
    """Write one document to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")
