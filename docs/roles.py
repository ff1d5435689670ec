"""A hook of mkdocs: docstrings refer to code as Sphinx does (:func:`name`); the site shows just the name."""

import re
from typing import Any

ROLE = re.compile(r":(?:func|class|meth|data|attr):<code>(~?)([^<]+)</code>")


def on_page_content(html: str, **_: Any) -> str:
    return ROLE.sub(lambda found: f"<code>{_name(found[2], short=bool(found[1]))}</code>", html)


def _name(path: str, *, short: bool) -> str:
    return path.rpartition(".")[2] if short else path
