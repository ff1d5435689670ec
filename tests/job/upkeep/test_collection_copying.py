"""A finished local collection, pushed to a bucket: byte for byte, with documents that lead there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rastercollection import BackendError, RequestError, check_collection, process_collection, push_collection
from rastercollection.cli.demo import make_scene


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("push")
    make_scene(folder / "bronze", size=96)
    process_collection(
        container_name=folder / "bronze",
        blob_list=["*_a1.tif", "*_b2.tif"],
        collection_id="fields",
        output_container=folder / "out",
        jobs="memory",
    )
    return folder / "out"


def test_in_a_bucket_it_is_as_it_was_and_sound(finished: Path, s3_store: Any) -> None:
    s3_store.make("pushed")
    options = {"storage_options": s3_store.options, "allow_private_hosts": True}
    push = push_collection(finished, "s3://pushed/fields", **options)
    assert (push.items, push.copied, push.found, push.findings) == (2, 4, 0, ())
    assert push.where == "s3://pushed/fields/stac/fields/collection.json"
    for path in [*finished.glob("*.tif"), *finished.glob("*.png")]:
        assert s3_store.get_raw(f"pushed/fields/{path.name}") == path.read_bytes()
    document = json.loads(s3_store.get_raw("pushed/fields/stac/fields/collection.json"))
    assert document["assets"]["mosaicjson"]["href"] == "../../fields.json"
    mosaic = json.loads(s3_store.get_raw("pushed/fields/fields.json"))
    assert str(finished) not in json.dumps(mosaic)
    report = check_collection("s3://pushed/fields", verify="checksum", jobs="memory", **options)
    assert (report.items, report.cogs, report.findings) == (2, 2, ())
    again = push_collection(finished, "s3://pushed/fields", **options)
    assert (again.copied, again.found) == (0, 4)


def test_a_source_that_is_not_what_its_item_says_is_not_published(finished: Path, tmp_path: Path) -> None:
    cog = next(finished.glob("*a1_cog_analysis.tif"))
    whole = cog.read_bytes()
    cog.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(BackendError, match="does not read back"):
            push_collection(finished, tmp_path / "elsewhere")
    finally:
        cog.write_bytes(whole)
    assert not list(tmp_path.rglob("collection.json"))


@pytest.mark.parametrize("target", ["s3://key:secret@bucket/x", "", "https://user:pw@host/x"])
def test_what_is_no_place_is_refused(finished: Path, target: str) -> None:
    with pytest.raises(RequestError, match="target"):
        push_collection(finished, target)
