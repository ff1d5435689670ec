"""What the page on errors says of codes."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["CODES", "FINAL", "PAGE"]

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")

CODES = re.findall(r"^\| `([A-Z0-9_]+)` \|", PAGE.partition("## Notices")[0], re.MULTILINE)
"""Those of errors, in the order of the page."""

_SECTION = PAGE.partition("## What is final\n")[2].partition("\n## ")[0]
FINAL = {
    code for line in _SECTION.splitlines() if line.startswith("- ") for code in re.findall(r"`([A-Z]+_[A-Z_]+)`", line)
}
"""Those that are not tried again."""
