"""Products of parameters of which the default run takes a few cells that meet every value; the others are slow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest


def every_value(*axes: Sequence[Any]) -> list[Any]:
    """All cells of a product, the last axis fastest; each value of each axis is in a cell that is not marked slow.

    As many cells stay as the longest axis has values. ``nox -s matrix`` runs all.
    """
    few = {tuple(step % len(axis) for axis in axes) for step in range(max(map(len, axes)))}
    return _marked(axes, few)


def every_pair(first: Sequence[Any], second: Sequence[Any], third: Sequence[Any]) -> list[Any]:
    """Likewise; each pair of values of the first two axes is in a cell, and the third axis takes turns."""
    pairs = itertools.product(range(len(first)), range(len(second)))
    return _marked((first, second, third), {(i, j, (i + j) % len(third)) for i, j in pairs})


def _marked(axes: Sequence[Sequence[Any]], few: set[tuple[int, ...]]) -> list[Any]:
    return [
        pytest.param(
            *(axis[place] for axis, place in zip(axes, places, strict=True)),
            marks=() if places in few else (pytest.mark.slow,),
        )
        for places in itertools.product(*(range(len(axis)) for axis in axes))
    ]
