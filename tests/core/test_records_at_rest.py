"""Records are written as they have been since they are written: a job database of any age goes on working."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from rastercollection.core.records import FLAT, from_dict, inside, to_dict
from rastercollection.model.cog import Cog
from rastercollection.model.mosaic import Overview

RECORDS = Path(__file__).parent / "records"


@pytest.mark.parametrize(("name", "kind"), [("cog", Cog), ("overview", Overview), ("no_overview", Overview)])
def test_a_record_of_old_is_read_and_written_back_equal(name: str, kind: type[Any]) -> None:
    record = json.loads((RECORDS / f"{name}.json").read_text())
    value = from_dict(kind, record)
    assert _as_of_old(json.loads(json.dumps(to_dict(value), allow_nan=False)), record) == record


def _as_of_old(written: Any, record: Any) -> Any:
    """What is written, without fields that came later."""
    if isinstance(written, dict) and isinstance(record, dict):
        return {key: _as_of_old(value, record[key]) for key, value in written.items() if key in record}
    if isinstance(written, list) and isinstance(record, list) and len(written) == len(record):
        return [_as_of_old(*pair) for pair in zip(written, record, strict=True)]
    return written


def test_what_a_record_says_of_a_cog_file_is_in_one_value() -> None:
    cog, overview = (json.loads((RECORDS / f"{name}.json").read_text()) for name in ("cog", "overview"))
    tile, image = from_dict(Cog, cog).file, from_dict(Overview, overview).image
    assert image is not None
    assert type(tile) is type(image)
    assert (tile.href, image.href) == (cog["href"], overview["image"]["href"])
    assert (tile.settings.level, image.bands[0].name) == (9, "b1")
    assert from_dict(Overview, overview).tile_count == 25


@attrs.frozen(kw_only=True)
class Wheel:
    size: float
    name: str


@attrs.frozen(kw_only=True)
class Cart:
    wheel: Wheel = attrs.field(metadata=FLAT)
    spare: Wheel | None
    count: int = attrs.field(default=0, metadata=inside("spare"))


@pytest.mark.parametrize(
    ("cart", "fields"),
    [
        (
            Cart(wheel=Wheel(size=2, name="w"), spare=Wheel(size=float("inf"), name="s"), count=3),
            {"size": 2, "name": "w", "spare": {"size": "inf", "name": "s", "count": 3}},
        ),
        (Cart(wheel=Wheel(size=2, name="w"), spare=None), {"size": 2, "name": "w", "spare": None}),
    ],
)
def test_fields_are_written_where_their_metadata_says(cart: Cart, fields: Mapping[str, Any]) -> None:
    assert to_dict(cart) == {"schema_version": 1, **fields}
    assert from_dict(Cart, to_dict(cart)) == cart
