"""What stages that make COGs do alike: a thumbnail is nice to have, and both files are told of as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.contexts import TaskContext
from rastercollection.core.models import Task
from rastercollection.core.records import multihash
from rastercollection.model.cog import CogFile
from rastercollection.stages import publishing
from rastercollection.stages.publishing import draw_thumbnail, publish
from rastercollection.testing.sample_records import sample_cog

FILE: CogFile = sample_cog(href="", thumbnail=None).file


def _context() -> TaskContext:
    return TaskContext(
        job_id="job", task=Task(id="t", stage=2, task_type="any", handler="a:b"), resources={}, inputs={}
    )


@pytest.mark.parametrize("empty", [None, "nothing to see"])
@pytest.mark.parametrize("outcome", ["picture", "nothing", "failure"])
def test_a_cog_without_a_thumbnail_is_still_a_cog(
    monkeypatch: pytest.MonkeyPatch, outcome: str, empty: str | None
) -> None:
    def draw(*_: Any) -> bytes | None:
        if outcome == "failure":
            raise RasterioIOError("out of luck")
        return b"png" if outcome == "picture" else None

    monkeypatch.setattr(publishing, "draw", draw)
    context = _context()
    found = draw_thumbnail(Mock(spec=DatasetReader), FILE, context, failed="not drawn", empty=empty)
    assert found == (b"png" if outcome == "picture" else None)
    said = {"picture": [], "nothing": [empty] if empty else [], "failure": ["not drawn: out of luck"]}
    assert [notice.message for notice in context.notices] == said[outcome]


@pytest.mark.parametrize("picture", [None, b"png"])
def test_what_is_published_is_told_as_the_store_has_it(tmp_path: Path, picture: bytes | None) -> None:
    storage, cog, beside = FsspecStorage(), str(tmp_path / "a.tif"), str(tmp_path / "a_thumbnail.png")
    file, outputs = publish(storage, FILE, lambda url: storage.write(url, b"cog"), picture, url=cog, picture_url=beside)
    assert (file.href, file.thumbnail) == (cog, beside if picture else None)
    assert [Path(output.url).read_bytes() for output in outputs] == [b"cog", *([picture] if picture else [])]
    assert [(output.size, output.version) for output in outputs] == [
        (storage.stat(output.url).size, storage.stat(output.url).version) for output in outputs
    ]
    assert [output.checksum for output in outputs] == [FILE.checksum, *([multihash(picture)] if picture else [])]
    assert file.thumbnail_checksum == (multihash(picture) if picture else "")
    assert Path(beside).exists() == (picture is not None)
