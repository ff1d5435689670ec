"""A whole published collection, compared with its files and mended."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job_scenes import make_tiles
from rastercollection import CollectionReport, RequestError, check_collection, process_collection
from rastercollection.cli.demo import make_scene
from rastercollection.cli.main import main
from rastercollection.core.lease import Mark, Owner
from rastercollection.core.temporaries import part_name

WEST_HALF, EAST_HALF = ["a.tif", "sub/c.tif"], ["b.tif", "sub/d ü.tif"]


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    make_tiles(tmp_path / "bronze")
    return tmp_path / "bronze"


def publish(bronze: Path, **parameters: Any) -> None:
    """By two jobs, one after the other."""
    settings = {"container_name": bronze, "collection_id": "test", "executor": "serial", "jobs": jobs_of(bronze)}
    for blobs in (WEST_HALF, EAST_HALF):
        process_collection(**{**settings, "blob_list": blobs, **parameters})


def jobs_of(bronze: Path) -> str:
    return f"sqlite:///{bronze.parent / 'jobs.db'}"


def check(bronze: Path, **settings: Any) -> CollectionReport:
    settings.setdefault("jobs", f"sqlite:///{bronze.parent / 'none.db'}")
    return check_collection(bronze.parent / "cogs/stac/test", **settings)


def found(report: CollectionReport) -> set[str]:
    return {finding.code for finding in report.findings if not finding.is_mended}


def flip(path: Path) -> None:
    """Change a byte in the middle; size and time stay."""
    times, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def edit(**changes: Any) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return apply


def one_tile_less(path: Path) -> None:
    document = json.loads(path.read_text())
    document["tiles"].popitem()
    path.write_text(json.dumps(document))


def old(path: Path) -> None:
    path.write_bytes(b"left over")
    os.utime(path, (1e9, 1e9))


EXTENT = {"spatial": {"bbox": [[0, 0, 1, 1]]}, "temporal": {"interval": [[None, None]]}}
DOCUMENTS: dict[str, tuple[str, Callable[[Path], Any], set[str]]] = {
    "no mosaic": ("test/test.json", Path.unlink, {"MOSAIC_MISSING"}),
    "false bounds": ("test/test.json", edit(bounds=[0, 0, 1, 1]), {"MOSAIC_WRONG"}),
    "false zooms": ("test/test.json", edit(minzoom=0), {"MOSAIC_WRONG"}),
    "a tile less": ("test/test.json", one_tile_less, {"MOSAIC_WRONG"}),
    "no page": ("test/test.html", Path.unlink, {"PREVIEW_MISSING"}),
    "another page": ("test/test.html", flip, {"PREVIEW_WRONG"}),
    "extent": ("stac/test/collection.json", edit(extent=EXTENT), {"COLLECTION_ALTERED", "COLLECTION_OUTDATED"}),
    "summaries": ("stac/test/collection.json", edit(summaries={}), {"COLLECTION_ALTERED", "COLLECTION_OUTDATED"}),
    "no link": ("stac/catalog.json", edit(links=[]), {"COLLECTION_NOT_LINKED"}),
    "an item more": ("stac/test/items/more.json", old, {"LEFTOVER"}),
    "an overview": ("test/test_overview-0123456789ab.tif", old, {"LEFTOVER"}),
    "a COG of a tile that has another": ("test/a_cog_analysis.east.tif", old, {"LEFTOVER"}),
    "mirror": ("stac/test/items.parquet", flip, {"MIRROR_ALTERED"}),
    "no mirror": ("stac/test/items.parquet", Path.unlink, {"MIRROR_MISSING"}),
}


def test_what_jobs_have_published_is_sound(bronze: Path) -> None:
    publish(bronze)
    for verify in ("quick", "checksum"):
        report = check(bronze, verify=verify)
        assert report.findings == ()
        assert (report.items, report.cogs, report.is_sound) == (4, 4, True)
    assert check(bronze, jobs=jobs_of(bronze)).findings == ()


@pytest.mark.parametrize("what", DOCUMENTS)
def test_what_is_wrong_with_documents_is_found_and_mended_without_sources(bronze: Path, what: str) -> None:
    name, alter, codes = DOCUMENTS[what]
    if "mirror" in what:
        pytest.importorskip("rustac")
    publish(bronze)
    folder = bronze.parent / "cogs"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    alter(folder / name)
    wrong = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    report = check(bronze)
    assert found(report) == codes
    assert all(finding.remedy for finding in report.findings)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == wrong, "looking changes nothing"
    for path in bronze.rglob("*.tif"):
        path.rename(path.with_suffix(".away"))
    mended = check(bronze, fix=True)
    assert found(mended) == set()
    assert {finding.code for finding in mended.findings} == codes
    assert check(bronze).findings == ()
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    assert {path for path in before if after[path] != before[path]} <= {folder / "stac/test/items.parquet"} | {
        folder / "stac/test/collection.json",
        folder / "test/test.html",
        folder / "stac/catalog.json",
    }


FILES: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "no COG": ("test/b_cog_analysis.tif", Path.unlink, "COG_MISSING"),
    "a short COG": ("test/b_cog_analysis.tif", lambda path: os.truncate(path, 1000), "COG_DAMAGED"),
    "rot": ("test/b_cog_analysis.tif", flip, "COG_DAMAGED"),
    "no thumbnail": ("test/b_cog_analysis_thumbnail.png", Path.unlink, "THUMBNAIL_MISSING"),
    "a damaged thumbnail": ("test/b_cog_analysis_thumbnail.png", flip, "THUMBNAIL_DAMAGED"),
    "no item": ("stac/test/items/b.json", Path.unlink, "ITEM_MISSING"),
    "an altered item": ("stac/test/items/b.json", edit(bbox=[0, 0, 1, 1]), "ITEM_ALTERED"),
}


@pytest.mark.parametrize("what", FILES)
def test_what_is_made_of_sources_is_made_again_by_its_job(bronze: Path, what: str) -> None:
    name, alter, code = FILES[what]
    publish(bronze)
    cogs = {path: path.read_bytes() for path in (bronze.parent / "cogs").rglob("*_cog_*")}
    alter(bronze.parent / "cogs" / name)
    unknown = check(bronze)
    (finding,) = [finding for finding in unknown.findings if finding.code == code]
    assert "rastercollection run FOLDER --id test" in finding.remedy
    report = check(bronze, jobs=jobs_of(bronze), fix=True)
    assert found(report) == set()
    assert code in {finding.code for finding in report.findings}
    assert {path: path.read_bytes() for path in (bronze.parent / "cogs").rglob("*_cog_*")} == cogs
    assert check(bronze).findings == ()


def test_rot_in_large_cogs_is_found_where_all_content_is_read(bronze: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rastercollection.model.output.SMALL", 1000)
    publish(bronze)
    flip(bronze.parent / "cogs/test/b_cog_analysis.tif")
    assert found(check(bronze)) == set()
    assert found(check(bronze, verify="checksum")) == {"COG_DAMAGED"}


def test_a_cog_that_is_another_than_its_item_says_is_told(bronze: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same size, and not read: by its header."""
    monkeypatch.setattr("rastercollection.model.output.SMALL", 1)
    publish(bronze)
    one, other = (bronze.parent / "cogs/test" / f"{name}_cog_analysis.tif" for name in ("b", "a"))
    size, data = one.stat().st_size, other.read_bytes()
    one.write_bytes(data[:size].ljust(size, b"\0"))
    (finding,) = [finding for finding in check(bronze).findings if finding.code in ("COG_DIFFERS", "COG_DAMAGED")]
    assert finding.code == "COG_DIFFERS"
    assert "place" in finding.reason


def test_what_was_not_finished_is_told_and_goes_when_its_owner_is_gone(bronze: Path) -> None:
    publish(bronze)
    dead = Owner(machine=Owner.current().machine, process=2**22 + 1)
    names = [part_name("a_cog_analysis.tif", Mark(owner=owner)) for owner in (dead, Owner.current())]
    for name in names:
        (bronze.parent / "cogs/test" / name).write_bytes(b"half")
    report = check(bronze)
    assert [finding.code for finding in report.findings] == ["LEFTOVER"] * 2
    assert [finding.what for finding in check(bronze, fix=True).findings if not finding.is_mended] == names[1:]


def test_the_command_that_is_printed_works(bronze: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(bronze, blob_list="**/*.tif", keywords=["two words"], output_tier="visualization", maxzoom=13)
    cog = next((bronze.parent / "cogs/test").glob("b_cog_*.tif"))
    whole = cog.read_bytes()
    flip(cog)
    report = check(bronze, jobs=jobs_of(bronze))
    command = report.findings[0].remedy.partition(": ")[2]
    assert main([*shlex.split(command)[1:], "--jobs", jobs_of(bronze), "--executor", "serial", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["job_id"] == job_ids(bronze)[0]
    assert cog.read_bytes() == whole
    assert check(bronze).findings == ()


def job_ids(bronze: Path) -> list[str]:
    from rastercollection.backends.jobs.sqlite import SqliteJobStore

    store = SqliteJobStore(bronze.parent / "jobs.db")
    try:
        return [job.id for job in store.list_jobs()]
    finally:
        store.close()


def test_the_command_line_tells_it_by_its_exit_status(bronze: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(bronze)
    address = [str(bronze.parent / "cogs/stac"), "--jobs", f"sqlite:///{bronze.parent}/none.db"]
    assert main(["check", *address]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    (bronze.parent / "cogs/test/test.json").write_text("{}")
    assert main(["check", *address]) == 3
    assert "[MOSAIC_WRONG]" in capsys.readouterr().out
    assert main(["check", *address, "--fix", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["is_mended"]) for one in told["findings"]] == [("MOSAIC_WRONG", True)]
    assert main(["check", str(bronze.parent / "nothing")]) == 2


def test_a_store_that_does_not_answer_is_no_soundness(bronze: Path) -> None:
    from rastercollection.backends.storage.fsspec import FsspecStorage
    from rastercollection.errors import PermissionDeniedError
    from rastercollection.ports.storage import ObjectInfo

    publish(bronze)

    class Silent(FsspecStorage):
        def stat(self, url: str) -> ObjectInfo:
            if url.endswith("b_cog_analysis.tif"):
                raise PermissionDeniedError("Not now.", "", url)
            return super().stat(url)

    report = check(bronze, storage=Silent())
    assert found(report) == {"CHECK_UNASKED"}
    assert not report.was_asked
    assert not report.is_sound


ALTERATIONS = {
    "the search": (
        "DELETE FROM searches WHERE search->'collections' = jsonb_build_array(%(id)s::text)",
        "SEARCH_MISSING",
    ),
    "the collection": (
        "UPDATE collections SET content = jsonb_set(content, '{description}', '\"x\"') WHERE id = %(id)s",
        "COLLECTION_ALTERED",
    ),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_a_collection_in_pgstac(bronze: Path, pgstac_dsn: str, what: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    name = f"job-{uuid.uuid4().hex[:8]}"
    publish(bronze, catalog=pgstac_dsn, collection_id=name)
    none = f"sqlite:///{bronze.parent / 'none.db'}"
    assert check_collection(pgstac_dsn, collection_id=name, jobs=none).findings == ()
    with pytest.raises(RequestError, match="collection_id"):
        check_collection(pgstac_dsn)
    statement, code = ALTERATIONS[what]
    with psycopg.connect(pgstac_dsn, options="-c search_path=pgstac,public") as connection:
        assert connection.execute(statement, {"id": name}).rowcount >= 1
    assert found(check_collection(pgstac_dsn, collection_id=name, jobs=none)) >= {code}
    assert found(check_collection(pgstac_dsn, collection_id=name, jobs=none, fix=True)) == set()
    assert check_collection(pgstac_dsn, collection_id=name, jobs=none).findings == ()


def test_a_collection_that_was_moved_is_said_to_be_moved_and_nothing_else(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "bronze", size=96)
    shutil.copy(scene.tiles[0], scene.folder / "fifth.tif")
    process_collection(
        container_name=scene.folder,
        blob_list=["*_[ab][12].tif", "fifth.tif"],
        collection_id="test",
        output_container=tmp_path / "out",
        executor="serial",
        jobs="memory",
    )
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    assert list(moved.glob("test_overview-*.tif"))
    report = check_collection(moved, jobs="memory")
    assert [finding.code for finding in report.findings] == ["COLLECTION_ALTERED", "MOSAIC_WRONG"]
    assert {finding.reason for finding in report.findings} == {
        f"it was moved here, and tells of addresses in {tmp_path / 'out'}/"
    }
    edit(title="Another")(moved / "stac/test/collection.json")
    assert "not as this library wrote it" in check_collection(moved, jobs="memory").findings[0].reason
    assert check_collection(moved, jobs="memory", fix=True).is_sound
    assert check_collection(moved, jobs="memory").findings == ()
