from __future__ import annotations

from typing import Any

import pytest

from rastercollection.errors import RasterCollectionError
from rastercollection.model.names import tile_names
from rastercollection.model.request import CollectionRequest
from rastercollection.model.reservation import Reservation, reservations


def wanted(*blobs: str, **parameters: Any) -> list[tuple[str, str, set[str]]]:
    """What a job reserves: container, folder and names."""
    given = {"container_name": "/data/2019", "blob_list": list(blobs), "collection_id": "c", **parameters}
    places = reservations(CollectionRequest(**given), tile_names(blobs))
    return [(*where, set(one.names().values())) for where, one in places.items()]


def test_every_name_that_a_job_may_write_is_reserved() -> None:
    sides = ("", ".east", ".west")
    cogs = {f"a_cog_analysis{side}{end}" for side in sides for end in (".tif", "_thumbnail.png")}
    assert wanted("a.tif") == [("/data/cogs", "c", {*cogs, "c.json", "c.html"})]
    falling = wanted("a.tif", output_container="/out", output_tier="visualization", create_mosaicjson=False)
    tiers = ("visualization", "analysis")
    names = {f"a_cog_{tier}{side}{end}" for tier in tiers for side in sides for end in (".tif", "_thumbnail.png")}
    assert falling == [("/out", "", {*names, "c.html"})]


def test_mosaics_elsewhere_are_reserved_there() -> None:
    first, second = wanted("a.tif", output_container="/out", mosaicjson_container="/maps", output_folder="f")
    assert first[:2] == ("/out", "f")
    assert "c.json" not in first[2]
    assert second == ("/maps", "f", {"c.json"})


def test_a_document_holds_what_was_reserved_and_tells_nobody_where_sources_are() -> None:
    (one,) = reservations(
        CollectionRequest(container_name="s3://secret-bucket/x", blob_list=["a.tif"], collection_id="c"),
        tile_names(["a.tif"]),
    ).values()
    assert Reservation.read(one.document()) == one
    assert b"secret-bucket" not in one.document()
    for data in (b"", b"[]", b"{}", b'{"collection": "c", "tiles": 7}', b"\xff"):
        with pytest.raises((ValueError, RasterCollectionError)):
            Reservation.read(data)


def test_later_reservations_are_right_about_what_earlier_ones_say_too() -> None:
    old = Reservation(collection="c", tiers=("archive",), tiles={"a": "1", "B": "2"}, documents=("c.json",))
    new = Reservation(collection="c", tiers=("analysis",), tiles={"b": "3"}, documents=("c.html",))
    both = new.over([old])
    assert both == Reservation(
        collection="c", tiers=("analysis", "archive"), tiles={"a": "1", "b": "3"}, documents=("c.html", "c.json")
    )
    assert both.holds(new)
    assert not both.holds(old)
    assert not old.holds(new)
    assert not attr_changed(new, "4").holds(new)


def attr_changed(one: Reservation, mark: str) -> Reservation:
    return Reservation(collection=one.collection, tiers=one.tiers, tiles={"b": mark}, documents=one.documents)
