"""What stores keep is exactly the records' own form."""

from __future__ import annotations

import json
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.backends.jobs.texts import from_text, to_text
from rastercollection.core.models import JobRecord, JobStatus, TaskResult
from rastercollection.core.records import to_dict
from rastercollection.errors import RasterCollectionError
from rastercollection.testing.job_store_contract import job_records, task_results


@given(job_records | task_results)
def test_texts_are_the_records_form(record: JobRecord | TaskResult) -> None:
    text = to_text(record)
    assert text.isascii()
    assert json.loads(text) == to_dict(record)
    assert to_dict(from_text(type(record), text)) == to_dict(record)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_finite_floats_are_exact(value: float) -> None:
    job = JobRecord(id="j", job_type="t", parameters=types.MappingProxyType({"x": (value,)}))
    assert from_text(JobRecord, to_text(job)).parameters == {"x": [value]}


def test_records_of_a_newer_release_are_refused() -> None:
    record = {**to_dict(JobRecord(id="j", job_type="t", parameters={}, status=JobStatus.FAILED)), "schema_version": 99}
    with pytest.raises(RasterCollectionError, match="Upgrade"):
        from_text(JobRecord, json.dumps(record))


def test_what_json_cannot_hold_is_an_error() -> None:
    with pytest.raises(TypeError, match="object is not JSON-able"):
        to_text(JobRecord(id="j", job_type="t", parameters={"x": object()}))
