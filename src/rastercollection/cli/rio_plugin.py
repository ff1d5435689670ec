"""``rio collection``: the same commands below rasterio's command line, where that looks for plug-ins."""

from __future__ import annotations

from typing import Any

import click
from typing_extensions import override

from rastercollection.cli.main import command_group

__all__ = ["collection"]


class _Collection(click.Group):
    """The commands, with their exit status told to whoever runs the group."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        status = super().invoke(ctx)
        if isinstance(status, int) and status:
            ctx.exit(status)
        return None


_shared = command_group("collection")

collection = _Collection(
    "collection", commands=_shared.commands, params=_shared.params, help=_shared.help, epilog=_shared.epilog
)
"""The group that the entry point ``rasterio.rio_plugins`` names."""
