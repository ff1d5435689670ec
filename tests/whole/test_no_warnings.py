"""A job has Python warn of nothing in the library's own name."""

from __future__ import annotations

import warnings
from pathlib import Path

import rastercollection
from rastercollection import process_collection
from rastercollection.cli.demo import make_scene


def test_no_line_of_the_library_is_warned_of(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bronze", size=96)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        process_collection(
            container_name=scene.folder,
            blob_list="*_[ab][12].tif",
            collection_id="fields",
            output_container=tmp_path / "out",
            executor="serial",
            jobs="memory",
        )
    own = str(Path(rastercollection.__file__).parent)
    assert {(Path(one.filename).name, str(one.message)) for one in heard if one.filename.startswith(own)} == set()
