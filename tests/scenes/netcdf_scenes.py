"""Classic netCDF files with a time axis, written byte by byte."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

SIZE = (40, 50)
Attributes = Mapping[str, str]


def write_netcdf(
    path: Path,
    times: Sequence[float],
    units: str,
    *,
    calendar: str = "",
    bounds: Sequence[Sequence[float]] | None = None,
    tags: Attributes | None = None,
    names: Sequence[str] = ("rain",),
) -> Path:
    """Variables of a layer a time, on a grid in degrees, beside a time axis, with the bounds of its cells if given."""
    rows, columns = SIZE
    axis = {"units": units, "standard_name": "time", "axis": "T"}
    axis |= {"calendar": calendar} if calendar else {}
    axis |= {"bounds": "time_bnds"} if bounds is not None else {}
    y = {"units": "degrees_north", "standard_name": "latitude"}
    x = {"units": "degrees_east", "standard_name": "longitude"}
    waves = np.sin(np.arange(len(times) * rows * columns) / 37).reshape(-1, rows, columns) * 50 + 100
    variables = [
        ("time", [0], axis, np.asarray(times)),
        ("lat", [1], y, 41 - 0.01 * np.arange(rows)),
        ("lon", [2], x, 70 + 0.01 * np.arange(columns)),
        *([("time_bnds", [0, 3], {}, np.asarray(bounds))] if bounds is not None else []),
        *((name, [0, 1, 2], {"units": "mm"}, waves + number) for number, name in enumerate(names)),
    ]
    dimensions = {"time": len(times), "lat": rows, "lon": columns, "nv": len(bounds[0]) if bounds else 2}
    path.write_bytes(_classic(dimensions, {"Conventions": "CF-1.8", **(tags or {})}, variables))
    return path


def _classic(
    dimensions: Mapping[str, int],
    tags: Attributes,
    variables: Sequence[tuple[str, Sequence[int], Attributes, np.ndarray]],
) -> bytes:
    head = b"CDF\x02" + _number(0)
    head += _list(10, [_name(name) + _number(size) for name, size in dimensions.items()]) + _attributes(tags)
    data = [values.astype(">f8").tobytes() for *_, values in variables]

    def described(start: int) -> bytes:
        rows = []
        for (name, shape, attributes, _), block in zip(variables, data, strict=True):
            places = _number(len(shape)) + b"".join(map(_number, shape))
            rows.append(
                _name(name) + places + _attributes(attributes) + _number(6) + _number(len(block)) + _offset(start)
            )
            start += len(block)
        return _list(11, rows)

    return head + described(len(head) + len(described(0))) + b"".join(data)


def _number(value: int) -> bytes:
    return struct.pack(">i", value)


def _offset(value: int) -> bytes:
    return struct.pack(">q", value)


def _name(text: str) -> bytes:
    return _number(len(text)) + text.encode().ljust(-(-len(text) // 4) * 4, b"\0")


def _attributes(texts: Attributes) -> bytes:
    return _list(12, [_name(name) + _number(2) + _name(text) for name, text in texts.items()])


def _list(tag: int, entries: Sequence[bytes]) -> bytes:
    return _number(tag) + _number(len(entries)) + b"".join(entries) if entries else _number(0) * 2
