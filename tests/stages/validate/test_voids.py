"""Numbers that stand for nothing and are not declared are told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from validation_scenes import terrain, validate, write


def told(path: Path, data: np.ndarray, **profile: Any) -> list[str]:
    found = validate(write(path / "x.tif", data, **profile)).notices
    return [notice.message for notice in found if notice.code == "VOIDS_UNDECLARED"]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (-9999, "float32"),
        (-32768, "int16"),
        (-3.4e38, "float32"),
        (1e20, "float64"),
        (65535, "uint16"),
        (32767, "int16"),
    ],
)
def test_a_void_that_is_not_declared_is_told(tmp_path: Path, value: float, dtype: str) -> None:
    data = terrain().astype(dtype)
    assert told(tmp_path, data) == []
    data[3:9, 5:40] = value
    (message,) = told(tmp_path, data)
    assert f"{np.dtype(dtype).type(value):g}" in message
    assert told(tmp_path, data, nodata=float(np.dtype(dtype).type(value))) == []


@pytest.mark.parametrize(
    "data", [np.full((40, 40), -9999, "float32"), np.arange(-32768, 32767, 41).astype("int16")[None]]
)
def test_a_number_among_others_of_its_kind_is_none(tmp_path: Path, data: np.ndarray) -> None:
    assert told(tmp_path, data) == []
