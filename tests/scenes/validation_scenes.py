"""Rasters made for the tests, and a way to validate them as the job does."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import rasterio
from affine import Affine

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task
from rastercollection.core.records import from_dict
from rastercollection.model.tiers import TIERS
from rastercollection.model.tile import SourceFile, Validation
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.source.opening import SourcePolicy, open_source
from rastercollection.rasters.source.source_dataset import SourceDataset
from rastercollection.stages.validate import validate_raster

UTM = "EPSG:32642"
ORIGIN = Affine(10, 0, 500_000, 0, -10, 4_000_000)


def write(path: Path, data: np.ndarray, **options: Any) -> Path:
    """A GeoTIFF, unless ``driver`` says otherwise, of an array (bands, rows, columns) or (rows, columns)."""
    bands = data if data.ndim == 3 else data[np.newaxis]
    profile = {"driver": "GTiff", "crs": UTM, "transform": ORIGIN, "dtype": bands.dtype, **options}
    mask, names = profile.pop("mask", None), profile.pop("colors", None)
    shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **shape, **profile) as target:
            target.write(bands)
            if names is not None:
                target.colorinterp = names
            if mask is not None:
                target.write_mask(mask)
    return path


def source_of(path: Path | str) -> SourceFile:
    return SourceFile(blob=str(path).rsplit("/", 1)[-1], url=str(path), size=0, version="")


def context_of(limits: Limits | None = None, storage: Any = None) -> TaskContext:
    task = Task(id="t", stage=1, task_type="validate_raster", handler="a:b")
    resources = {"storage": storage or FsspecStorage(), "limits": limits or Limits()}
    return TaskContext(job_id="j", task=task, resources=resources)


def validate(path: Path | str, *, storage: Any = None, limits: Limits | None = None, **parameters: Any) -> Validation:
    """Stage 1's answer about a file; it has to survive JSON."""
    given = validation_parameters(attrs.asdict(source_of(path)), **parameters)
    answer = validate_raster(json.loads(json.dumps(given)), context_of(limits, storage))
    return from_dict(Validation, json.loads(json.dumps(answer, allow_nan=False)))


def validation_parameters(source: Mapping[str, Any], *, tier: str = "analysis", **changes: Any) -> dict[str, Any]:
    """Those of stage 1's task about a source."""
    return {
        "source": source,
        "input_crs": None,
        "target_crs": "EPSG:4326",
        "raster_type": "auto",
        "tier": attrs.asdict(TIERS[tier]),
        "tiers": [attrs.asdict(each) for each in TIERS.values()],
        "jpeg_quality": 85,
        "compression": None,
        "compression_level": None,
        "sparse_ok": False,
        "warp_resampling": None,
        "overview_resampling": None,
        "strict": False,
        "policy": attrs.asdict(SourcePolicy()),
        **changes,
    }


@contextmanager
def opened(
    path: Path | str, *, storage: Any = None, notices: list | None = None, **policy: Any
) -> Iterator[SourceDataset]:
    notify = None if notices is None else lambda code, message: notices.append((code, message))
    with open_source(storage or FsspecStorage(), source_of(path), SourcePolicy(**policy), Limits(), notify) as dataset:
        yield dataset


def codes(validation: Validation) -> set[str]:
    return {notice.code for notice in validation.notices}


def terrain(rows: int = 128, columns: int = 128, seed: int = 0) -> np.ndarray:
    """Elevations: hills of several sizes with some roughness; float64 between 0 and 1000."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns] / 128
    relief = random.normal(scale=0.005, size=(rows, columns))
    for octave in range(4):
        turn, shift = random.uniform(0, 2 * np.pi, 2)
        wave = (x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi * 2**octave
        relief = relief + np.sin(wave + shift) / 2**octave
    return (relief - relief.min()) / np.ptp(relief) * 1000


def patches(values: list[int], side: int = 16, count: int = 8, seed: int = 0) -> np.ndarray:
    """Square patches of random classes."""
    picked = np.random.default_rng(seed).choice(values, size=(count, count))
    return np.kron(picked, np.ones((side, side), dtype=int))
