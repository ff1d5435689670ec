"""The plan takes the very decisions of the job: codec, place, memory and disk agree to the byte."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from rastercollection import plan_collection, process_collection
from rastercollection.backends.jobs.memory import MemoryJobStore
from rastercollection.core.models import Notify
from rastercollection.core.records import from_dict
from rastercollection.model.cog import Cog
from rastercollection.rasters.limits import Limits
from rastercollection.rasters.pixels.workspace import Workspace

MIB = 2**20


@st.composite
def _jobs(draw: st.DrawFn) -> dict[str, Any]:
    """Data types and codecs of all kinds, also those that do not go together, and budgets around what is needed."""
    dtype = draw(st.sampled_from(["uint8", "uint16", "int16", "int64", "uint64", "float32", "float64", "complex64"]))
    compression = draw(
        st.sampled_from([None, "JPEG", "WEBP", "LERC", "LERC_DEFLATE", "LERC_ZSTD", "ZSTD", "LZW", "NONE"])
    )
    return {
        "dtype": dtype,
        "bands": draw(st.sampled_from([1, 3, 4])),
        "size": draw(st.sampled_from([(70, 50), (300, 520)])),
        "budget": draw(st.sampled_from([200 * MIB, 230 * MIB, 2000 * MIB])),
        "parameters": {
            "compression": compression,
            "output_tier": draw(st.sampled_from(["analysis", "visualization", "archive"])),
            "target_crs": draw(st.sampled_from(["EPSG:32642", "EPSG:4326"])),
            "in_memory": draw(st.sampled_from([None, None, True, False])),
        },
    }


def _write(path: Path, dtype: str, bands: int, size: tuple[int, int]) -> None:
    rows, columns = size
    values = np.random.default_rng(1).integers(1, 100, (bands, rows, columns)).astype(dtype)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=rows,
        width=columns,
        count=bands,
        dtype=dtype,
        crs="EPSG:32642",
        transform=from_origin(500_000, 4_500_000, 10, 10),
    ) as raster:
        raster.write(values)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(job=_jobs())
def test_plan_and_job_agree_to_the_byte(job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    reserved: list[tuple[bool, int]] = []
    opened = Workspace.open

    def watching(limits: Limits, *, in_memory: bool, needed: int, notify: Notify | None = None) -> Any:
        reserved.append((in_memory, needed))
        return opened(limits, in_memory=in_memory, needed=needed, notify=notify)

    with tempfile.TemporaryDirectory() as name, monkeypatch.context() as patch:
        patch.setattr(Workspace, "open", staticmethod(watching))
        folder = Path(name)
        _write(folder / "t.tif", job["dtype"], job["bands"], job["size"])
        arguments = {
            "container_name": folder,
            "blob_list": "t.tif",
            "collection_id": "c",
            "output_container": folder / "out",
            "create_mosaicjson": False,
            "create_stac_collection": False,
            "executor": "serial",
            "memory_budget": job["budget"],
            **job["parameters"],
        }
        (planned,) = plan_collection(**arguments).tiles
        assert reserved == []
        store = MemoryJobStore()
        result = process_collection(**arguments, jobs=store)
    assert planned.problem is None
    values = [one.value for one in store.results(result.job_id) if one.task.task_type == "create_cog"]
    cog = from_dict(Cog, values[0] or {})
    assert planned.compression == cog.file.settings.compression
    assert (planned.shape, planned.output_blob, planned.resampled) == (cog.file.shape, cog.output_blob, cog.reprojected)
    assert planned.in_memory == cog.in_memory
    if not cog.copied:
        assert reserved == [(planned.in_memory, planned.temporary_disk)]
    assert cog.file.size <= (planned.most_bytes_out or 0)


def test_a_codec_that_does_not_suit_is_planned_as_what_it_falls_back_to(tmp_path: Path) -> None:
    _write(tmp_path / "t.tif", "int64", 1, (300, 300))
    arguments = {"container_name": tmp_path, "blob_list": "t.tif", "collection_id": "c"}
    (fallback,) = plan_collection(**arguments, compression="LERC_DEFLATE").tiles
    (deflate,) = plan_collection(**arguments, compression="DEFLATE").tiles
    assert fallback.compression == "DEFLATE"
    assert fallback.bytes_out == deflate.bytes_out
