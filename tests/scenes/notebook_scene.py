"""A small collection of which a tile is broken, and a notebook's kernel as far as outputs go."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import attrs

from rastercollection import JobResult, process_collection


def run_scene(folder: Path, **arguments: Any) -> JobResult:
    """The demo's five tiles, of which one is broken."""
    return process_collection(
        **{
            "container_name": str(folder / "bronze"),
            "blob_list": ["*.tif"],
            "collection_id": "namangan",
            "executor": "serial",
            "jobs": "memory",
            **arguments,
        }
    )


@attrs.define
class Screen:
    """What a notebook shows: outputs in their order, each as it was shown last, and how often."""

    outputs: list[dict[str, str]] = attrs.field(factory=list)
    shown: int = 0
    is_broken: bool = False

    def display(self, bundle: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        self._show()
        self.outputs.append(bundle)
        place = len(self.outputs) - 1
        return types.SimpleNamespace(update=lambda again, raw: self._update(place, again))

    def _update(self, place: int, bundle: dict[str, str]) -> None:
        self._show()
        self.outputs[place] = bundle

    def _show(self) -> None:
        self.shown += 1
        if self.is_broken:
            raise RuntimeError("the front end is away")
