"""What an earlier run left where a job writes is removed before it begins, and told; all else stays."""

from __future__ import annotations

from pathlib import Path

import attrs
import fsspec
import pytest

from rastercollection.backends.catalogs.static.static_catalog import StaticCatalog
from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.core.lease import Lease, Mark, Owner
from rastercollection.core.temporaries import folder_for, part_name, probe_name
from rastercollection.errors import PermissionDeniedError
from rastercollection.job.sweeping import sweep_leftovers
from rastercollection.model.request import CollectionRequest
from rastercollection.rasters.limits import Limits


@pytest.fixture
def request_(tmp_path: Path) -> CollectionRequest:
    return CollectionRequest(
        container_name=str(tmp_path / "bronze"),
        blob_list=["*.tif"],
        collection_id="c",
        output_container=str(tmp_path / "out"),
        output_folder="of/c",
        mosaicjson_container=str(tmp_path / "maps"),
    )


def lease_of(request: CollectionRequest) -> Lease:
    return Lease(job_id=request.job_id, token=3, owner=Owner.current())


def written(folder: Path, mark: Mark) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / part_name("x", mark)
    path.write_bytes(b"x")
    return path


def test_every_place_that_the_job_writes_to_is_cleared_and_no_other(
    request_: CollectionRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    old, mine = Mark(job=request_.job_id, token=2), Mark(job=request_.job_id, token=3)
    catalog = tmp_path / "out" / "stac"
    places = [tmp_path / "out/of/c", tmp_path / "maps/of/c", catalog, catalog / "c", catalog / "c/items"]
    gone = [written(place, old) for place in places]
    gone += [Path(folder_for(old, str(tmp_path / name))) for name in ("scratch", "tmp")]
    (catalog / probe_name(old)).write_bytes(b"x")
    stays = [written(place, mine) for place in places]
    foreign = [tmp_path / "out/of", tmp_path / "out/of/c/d", tmp_path / "bronze", catalog / "d"]
    stays += [written(place, old) for place in foreign]
    notices = sweep_leftovers(
        request_,
        FsspecStorage(),
        StaticCatalog(str(catalog)),
        Limits(scratch=str(tmp_path / "scratch")),
        lease_of(request_),
    )
    assert [path for path in gone if path.exists()] == []
    assert [path for path in stays if not path.exists()] == []
    assert list(catalog.glob(".rastercollection-*")) == []
    assert [notice.code for notice in notices] == ["LEFTOVERS_REMOVED"]
    assert "8 temporary files or folders" in notices[0].message


def test_where_there_is_nothing_nothing_is_told(
    request_: CollectionRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    catalog = StaticCatalog(str(tmp_path / "stac"))
    assert sweep_leftovers(request_, FsspecStorage(), catalog, Limits(), lease_of(request_)) == ()
    assert not (tmp_path / "stac").exists()


def test_probes_in_stores_are_removed_too(request_: CollectionRequest) -> None:
    fs = fsspec.filesystem("memory")
    old = probe_name(Mark(job=request_.job_id, token=2))
    fs.pipe_file(f"/swept/stac/{old}", b"x")
    fs.pipe_file(f"/swept/stac/{probe_name(Mark())}", b"x")
    catalog = StaticCatalog("memory://swept/stac")
    assert catalog.sweep("c", lambda mark: mark.is_over(request_.job_id, 3)) == [f"memory://swept/stac/{old}"]
    assert len(fs.ls("/swept/stac")) == 1


def test_a_place_that_cannot_be_looked_at_is_told(request_: CollectionRequest, tmp_path: Path) -> None:
    @attrs.frozen
    class Locked(FsspecStorage):
        def sweep(self, url: str, *_: object, **__: object) -> list[str]:
            raise PermissionDeniedError(f"No right to look into {url}.")

    catalog = StaticCatalog(str(tmp_path / "stac"))
    notices = sweep_leftovers(request_, Locked(), catalog, Limits(), lease_of(request_))
    assert {notice.code for notice in notices} == {"LEFTOVERS_NOT_LOOKED_FOR"}
