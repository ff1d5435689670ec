"""Names of outputs follow from names of sources, and are unique on any file system."""

from __future__ import annotations

import hashlib

import pytest

from rastercollection.model.names import (
    in_folder,
    is_overview_name,
    kept_names,
    overview_names,
    shortened_names,
    tile_names,
)


def mark(blob: str) -> str:
    return hashlib.sha256(blob.encode()).hexdigest()[:8]


@pytest.mark.parametrize(
    ("blob", "stem", "item_id"),
    [
        ("a.tif", "a", "a"),
        ("2019/07/b.c.tif", "2019_07_b.c", "2019_07_b.c"),
        ("plain", "plain", "plain"),
        (".hidden", ".hidden", f"hidden-{mark('.hidden')}"),
        ("v1.2/scene", "v1.2_scene", "v1.2_scene"),
        ("a b.tif", "a b", f"a_b-{mark('a b.tif')}"),
        ("ж.tif", "ж", f"tile-{mark('ж.tif')}"),
        ("_x_.tif", "_x_", f"x-{mark('_x_.tif')}"),
        ("a  +b.tif", "a  +b", f"a_b-{mark('a  +b.tif')}"),
    ],
)
def test_names_of_a_tile(blob: str, stem: str, item_id: str) -> None:
    name = tile_names([blob, "other/elsewhere.tif"])[blob]
    assert (name.stem, name.item_id) == (stem, item_id)
    assert name.output_blob("archive", None) == f"{stem}_cog_archive.tif"
    assert name.output_blob("archive", "in/here") == f"in/here/{stem}_cog_archive.tif"


def test_names_that_would_be_the_same_are_told_apart_by_their_whole_path() -> None:
    blobs = ["a/b.tif", "a_b.jp2", "A_B.tif", "c.tif"]
    names = tile_names(blobs)
    assert names["c.tif"].stem == "c"
    for blob, stem in zip(blobs, ("a_b", "a_b", "A_B"), strict=False):
        assert names[blob].stem == f"{stem}_{mark(blob)}"
        assert names[blob].item_id == names[blob].stem
    assert list(names) == blobs


def test_folders() -> None:
    assert in_folder("x", None) == in_folder("x", "") == "x"
    assert in_folder("x", "a/b") == "a/b/x"


def test_an_overview_is_named_after_its_content() -> None:
    names = overview_names("fields-1.5", "1220" + "ab" * 20 + "0123456789ab")
    assert names == ("fields-1.5_overview-0123456789ab.tif", "fields-1.5_thumbnail-0123456789ab.png")
    assert all(is_overview_name(name, "fields-1.5") for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "fields-1.5_overview-0123456789ab.png",
        "fields-1.5_thumbnail-0123456789ab.tif",
        "fields-1.5_overview-0123456789a.tif",
        "fields-1.5_overview-0123456789abc.tif",
        "fields-1.5_overview-0123456789xy.tif",
        "fields-1.5_overview-0123456789ab.tif.tmp",
        "my-fields-1.5_overview-0123456789ab.tif",
        "fields-1x5_overview-0123456789ab.tif",
        "fields-1.5_cog_analysis.tif",
    ],
)
def test_other_files_are_no_overviews(name: str) -> None:
    assert not is_overview_name(name, "fields-1.5")


@pytest.mark.parametrize("blob", ["x" * 250 + ".tif", "/".join(["folder" * 20] * 4) + "/x.tif", "ж" * 125 + ".tif"])
def test_outputs_of_long_names_fit_a_file_system_and_stay_apart(blob: str) -> None:
    other = blob.replace(".tif", ".jp2")
    twin = blob[:-5] + "_.tif"
    names = tile_names([blob, other, twin, "short.tif"])
    outputs = [names[name].output_blob("t" * 40, None) for name in (blob, other, twin)]
    assert len(set(outputs)) == 3
    assert all(len(output.removesuffix(".tif").encode()) + len("_thumbnail.png") <= 255 for output in outputs)
    assert shortened_names([blob, "short.tif"]) == (blob,)
    assert tile_names([blob])[blob] == tile_names([blob, "a.tif"])[blob]


def test_a_source_keeps_the_name_that_it_has() -> None:
    blobs = ["a.tif", "a.tiff", "b.tif"]
    alone, both = tile_names(["a.tif"]), tile_names(blobs)
    has = {"a.tif": alone["a.tif"]}
    kept = kept_names(blobs, lambda blob, name: has.get(blob) == name)
    assert tile_names(blobs, kept) == {**both, **has}
    assert tile_names(blobs, kept)["a.tiff"].stem.startswith("a_")
    has = {"a.tif": both["a.tif"]}
    kept = kept_names(["a.tif"], lambda blob, name: has.get(blob) == name)
    assert tile_names(["a.tif"], kept) == has
    every = kept_names(["A.tif", "a.tif"], lambda *_: True)
    assert len({name.stem.casefold() for name in every.values()}) == 2
