"""The one text of a value, its digest, and numbers that JSON lacks."""

from __future__ import annotations

import hashlib
import json
import math
from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.core.models import Notice, Task, TaskStatus
from rastercollection.core.records import canonical_json, digest, from_dict, jsonable, to_dict
from rastercollection.errors import RasterCollectionError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@attrs.frozen(kw_only=True)
class Numbers:
    value: float
    perhaps: float | None
    either: int | float | None = None


@attrs.frozen(kw_only=True)
class Ended:
    status: TaskStatus


def test_tuples_become_lists_and_numbers_that_json_lacks_text() -> None:
    given = MappingProxyType({"a": (1, math.nan), 2: [math.inf, {"b": -math.inf}], "c": (("d", 1.5),)})
    assert jsonable(given) == {"a": [1, "nan"], "2": ["inf", {"b": "-inf"}], "c": [["d", 1.5]]}


@given(values)
def test_json_holds_whatever_is_jsonable(value: Any) -> None:
    text = canonical_json(value)
    assert json.loads(text) == jsonable(value)
    assert canonical_json(json.loads(text)) == text


def test_equal_values_have_equal_text_and_digests() -> None:
    assert canonical_json({"b": [1, 2], "a": "ж"}) == '{"a":"ж","b":[1,2]}'
    assert canonical_json({"a": "ж", "b": (1, 2)}) == canonical_json({"b": [1, 2], "a": "ж"})
    assert digest({"b": 1, "a": "ж"}) == hashlib.sha256('{"a":"ж","b":1}'.encode()).hexdigest()
    assert digest([1]) != digest([2])


@given(
    st.floats(allow_nan=False),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.floats(allow_nan=False) | st.integers(),
)
def test_numbers_come_back_as_they_were(value: float, perhaps: float | None, either: float | None) -> None:
    numbers = Numbers(value=value, perhaps=perhaps, either=either)
    back = from_dict(Numbers, json.loads(json.dumps(to_dict(numbers), allow_nan=False)))
    assert back == numbers
    assert type(back.either) is type(either), "a 64-bit nodata value has no exact float"


def test_what_is_no_number_comes_back_too() -> None:
    back = from_dict(Numbers, to_dict(Numbers(value=math.nan, perhaps=math.nan, either=math.nan)))
    assert math.isnan(back.value)
    assert back.perhaps is not None
    assert math.isnan(back.perhaps)
    assert back.either is not None
    assert math.isnan(back.either)


def test_records_say_which_schema_they_have() -> None:
    record = to_dict(Notice(code="A", message="b"))
    assert record == {"schema_version": 1, "code": "A", "message": "b"}
    assert from_dict(Notice, {"code": "A", "message": "b"}) == Notice(code="A", message="b"), "of old"


@pytest.mark.parametrize("version", [2, 99, "1", None])
def test_records_of_other_schemas_are_refused(version: Any) -> None:
    with pytest.raises(RasterCollectionError) as caught:
        from_dict(Notice, {"schema_version": version, "code": "A", "message": "b"})
    assert repr(version) in caught.value.message
    assert "Notice" in caught.value.message
    assert "Upgrade" in caught.value.hint


def test_what_is_no_record_of_a_class_is_told_with_the_fields_that_are_wrong() -> None:
    with pytest.raises(RasterCollectionError, match=r"no Task record: .*required field missing @ \$\.stage") as caught:
        from_dict(Task, {"id": "a", "task_type": "t", "handler": "m:f"})
    assert caught.value.hint


def test_what_is_no_mapping_is_told_of_where_there_should_be_one() -> None:
    with pytest.raises(RasterCollectionError, match=r"no Task record: .*@ \$\.parameters"):
        from_dict(Task, {"id": "a", "stage": 1, "task_type": "t", "handler": "m:f", "parameters": [1]})


def test_members_of_an_enumeration_of_texts_come_back_as_such() -> None:
    assert from_dict(Ended, to_dict(Ended(status=TaskStatus.FAILED))).status is TaskStatus.FAILED
