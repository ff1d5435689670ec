"""The map in a notebook's cell: where a browser finds it, behind a proxy too, and the frame that shows it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rastercollection.disclosure import markup
from rastercollection.errors import ViewError
from rastercollection.viewer.access import pass_path

__all__ = ["proxied_address", "server_html"]

HUB_PREFIX = "JUPYTERHUB_SERVICE_PREFIX"
"""Variable in which JupyterHub tells a notebook's server where it is found."""

HEIGHT = 520


def proxied_address(
    address: str, port: int, pass_word: str, proxy: str | None, environment: Mapping[str, str] = os.environ
) -> str:
    """Where a browser finds a server that listens on this machine.

    Args:
        address: Of the server, for browsers on this machine.
        port: Of the server.
        pass_word: What lets requests in that name the proxy.
        proxy: Address below which a proxy passes requests on, with ``{port}``; empty for none; None for the one of the
            environment.
        environment: Variables.

    Raises:
        ViewError: The proxy's address is none.
    """
    hub = environment.get(HUB_PREFIX, "")
    usual = f"{hub.rstrip('/')}/proxy/{{port}}/" if hub.startswith("/") else ""
    chosen = usual if proxy is None else proxy
    if not chosen:
        return address
    if not chosen.startswith(("/", "http://", "https://")) or chosen.startswith("//") or "{port}" not in chosen:
        raise ViewError(
            f"{chosen!r} is no address of a proxy.", "Give a path or an http address with {port}: /proxy/{port}/."
        )
    return chosen.replace("{port}", str(port)).rstrip("/") + pass_path(pass_word)


def server_html(address: str, *, is_running: bool) -> str:
    """A frame with the map and a link to it; that it has ended, where it has.

    Args:
        address: For the browser.
        is_running: Whether the server answers.
    """
    if not is_running:
        return markup.card("Map", [markup.badge("stopped")], markup.paragraph("The server has ended."))
    style = "border:1px solid rgba(128,128,128,.35);border-radius:6px"
    shown = markup.safe(address)
    frame = (
        f'<iframe src="{shown}" title="Map of the collection" width="100%" height="{HEIGHT}" style="{style}"'
        ' loading="lazy" allow="clipboard-write; fullscreen"></iframe>'
    )
    link = markup.link(address, "Open the map beside the notebook")
    return markup.card("", [], frame, markup.paragraph(f"{link}. It ends with the kernel."))
