"""Values as colours: the one place that draws pixels for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rastercollection.model.look import Look
from rastercollection.rasters.pixels.windows import Array

__all__ = ["has_ramp", "paint", "ramp_colors"]

_Picture = NDArray[np.uint8]


def paint(data: Array, valid: NDArray[np.bool_] | None, look: Look) -> _Picture:
    """Red, green, blue and alpha: ``(4, rows, columns)``, all 0 where pixels are invalid.

    Args:
        data: ``(bands, rows, columns)`` of the look's bands; of complex numbers the magnitude is drawn.
        valid: ``(rows, columns)``; None where all are.
        look: How values become colours.
    """
    values = np.abs(data) if data.dtype.kind == "c" else data
    if look.expression is not None:
        values = _computed(values, look)
    if look.classes is not None:
        return _finished(_classes(values[0], look.classes), valid, look)
    layers = [_stretched(layer, ends, valid) for layer, ends in zip(values, look.ranges, strict=True)]
    if look.steps is not None:
        return _finished(_classes(layers[0], look.steps), valid, look)
    if look.ramp is not None and len(layers) == 1:
        return _finished(np.ascontiguousarray(np.moveaxis(_ramp(look.ramp)[layers[0]], 2, 0)), valid, look)
    rgb = layers * 3 if len(layers) == 1 else layers
    return _finished(np.stack([*rgb, np.full_like(layers[0], 255)]), valid, look)


def ramp_colors(name: str, count: int) -> tuple[tuple[int, int, int], ...]:
    """Red, green and blue at so many places of a ramp, from its lowest value to its highest."""
    colors = _ramp(name)[np.linspace(0, 255, count).round().astype(int), :3].tolist()
    return tuple((red, green, blue) for red, green, blue in colors)


def has_ramp(name: str) -> bool:
    """Whether there is a ramp of this name."""
    from rio_tiler.colormap import cmap  # takes a while to load

    return name in cmap.list()


def _computed(values: Array, look: Look) -> Array:
    """What the look's expression makes of its bands, as tile servers compute it."""
    from rio_tiler.expression import apply_expression, get_expression_blocks

    names = [f"b{number}" for number in look.bands]
    found: Array = apply_expression(get_expression_blocks(str(look.expression)), names, values).data
    return found


def _finished(picture: _Picture, valid: NDArray[np.bool_] | None, look: Look) -> _Picture:
    if look.formula is not None:
        from rio_tiler.models import ImageData

        image = ImageData(np.ma.MaskedArray(picture[:3]))
        image.apply_color_formula(look.formula)
        picture[:3] = image.data
    return _faded(picture, valid)


def _faded(picture: _Picture, valid: NDArray[np.bool_] | None) -> _Picture:
    if valid is not None:
        picture[:, ~valid] = 0
    return picture


def _stretched(layer: Array, ends: tuple[float, float] | None, valid: NDArray[np.bool_] | None) -> _Picture:
    """As bytes: bytes without ends are left as they are, all else runs from its lower to its upper end."""
    if ends is None and layer.dtype == np.uint8:
        return layer
    low, high = ends or _extremes(layer, valid)
    with np.errstate(all="ignore"):
        scaled = (layer.astype(np.float64) - low) / (high - low) * 255 if high > low else np.full(layer.shape, 128.0)
    return np.clip(np.nan_to_num(scaled, nan=0, posinf=255, neginf=0), 0, 255).astype(np.uint8)


def _extremes(layer: Array, valid: NDArray[np.bool_] | None) -> tuple[float, float]:
    values = layer[valid] if valid is not None else layer.ravel()
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)


def _classes(values: Array, colors: Mapping[int, tuple[int, ...]]) -> _Picture:
    """Values without a colour are not drawn."""
    known, places = np.unique(values, return_inverse=True)
    table = np.array([colors.get(int(value), (0, 0, 0, 0)) for value in known.tolist()], np.uint8)
    return np.ascontiguousarray(np.moveaxis(table[places.reshape(values.shape)], 2, 0))


def _ramp(name: str) -> _Picture:
    """256 colours, ``(256, 4)``."""
    from rio_tiler.colormap import cmap  # takes a while to load

    colors = cmap.get(name)
    return np.array([colors[level] for level in range(256)], np.uint8)
