"""Whole jobs into pgSTAC, shown by a real titiler-pgstac: what the result says is what is there."""

from __future__ import annotations

import json
import math
import os
import pickle
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import rasterio
from pyproj import Transformer

from job_scenes import NAMES, make_tiles, write_tile
from rastercollection import JobFailedError, JobResult, process_collection
from rastercollection.cli.main import main
from rastercollection.errors import BackendError

psycopg = pytest.importorskip("psycopg", reason="pip install 'rastercollection[pgstac]'")

SECRET = "only-for-tests"


@pytest.fixture
def bronze(tmp_path: Path) -> Path:
    make_tiles(tmp_path / "bronze")
    return tmp_path / "bronze"


def run(bronze: Path, dsn: str, name: str = "test", **parameters: Any) -> JobResult:
    defaults = {"container_name": bronze, "blob_list": ["**/*.tif"], "collection_id": name, "catalog": dsn}
    defaults["executor"] = "serial"
    return process_collection(**{**defaults, **parameters})


def ask(dsn: str, query: str, *parameters: Any) -> Any:
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=pgstac,public") as connection:
        cursor = connection.execute(query, parameters)
        return (cursor.fetchone() or (None,))[0] if cursor.description else None


def get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


def test_a_job_is_served_and_says_only_what_is_true(
    bronze: Path, served_dsn: str, titiler_pgstac: tuple[str, int]
) -> None:
    name = f"job-{uuid.uuid4().hex[:8]}"
    result = run(bronze, served_dsn, name, titiler_url=titiler_pgstac[0])
    summary = result.to_dict()
    stac = summary["stac"]
    assert stac["ready_for_titiler"] is True, stac["ready_reason"]
    assert stac["pgstac_id"] == name
    assert stac["inserted_to_pgstac"] == ask(served_dsn, "SELECT count(*) FROM items WHERE collection = %s", name) == 4
    assert ask(served_dsn, "SELECT count(*) FROM searches WHERE hash = %s", stac["search_id"]) == 1
    assert result.share_url == summary["titiler_urls"]["viewer"]
    assert stac["search_id"] in result.share_url
    with urllib.request.urlopen(result.share_url, timeout=30) as page:
        assert "text/html" in page.headers["Content-Type"]

    with rasterio.open(bronze / NAMES[1]) as source:
        x, y = source.xy(100, 150)
        expected = next(source.sample([(x, y)])).tolist()
        longitude, latitude = Transformer.from_crs(source.crs, 4326, always_xy=True).transform(x, y)
    address = summary["titiler_urls"]["point"].replace("{lon}", str(longitude)).replace("{lat}", str(latitude))
    answer = get_json(address)
    values = answer["assets"][0]["values"] if "assets" in answer else answer["values"][0][1]
    assert values == pytest.approx(expected, abs=8)  # resampled to another CRS

    again = run(bronze, served_dsn, name, titiler_url=titiler_pgstac[0])
    assert again.reused
    assert again.to_dict() == summary


def test_the_password_is_in_no_record_and_no_document(bronze: Path, pgstac_dsn: str, tmp_path: Path) -> None:
    result = run(bronze, pgstac_dsn, jobs=f"sqlite:///{tmp_path / 'jobs.db'}")
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(texts) > 10
    assert not any(SECRET.encode() in text for text in texts)
    documents = ask(
        pgstac_dsn,
        "SELECT string_agg(content::text, '') FROM (SELECT content FROM items UNION ALL "
        "SELECT content FROM collections) every",
    )
    assert SECRET not in f"{documents}{result!r}{result.to_dict()}{result._repr_html_()}"
    assert SECRET not in f"{result.backends!r}{[item.to_dict() for item in result.items]}"
    assert SECRET.encode() not in pickle.dumps(result)
    assert {item.assets["data"].href for item in result.items} == {tile.output for tile in result.tiles if tile.output}


def test_items_lost_or_changed_in_the_database_are_published_again_without_new_cogs(
    bronze: Path, pgstac_dsn: str
) -> None:
    run(bronze, pgstac_dsn)
    cogs = {path: path.stat().st_mtime_ns for path in (bronze.parent / "cogs").glob("**/*.tif")}
    harms = (
        "DELETE FROM items WHERE id IN (SELECT id FROM items LIMIT 1)",
        "UPDATE items SET content = jsonb_set(content, '{properties,title}', '\"x\"') WHERE id LIKE 'b%%'",
        "DELETE FROM collections",
    )
    for harm in harms:
        ask(pgstac_dsn, harm)
        result = run(bronze, pgstac_dsn)
        assert not result.reused
        assert result.summary["stac"]["inserted_to_pgstac"] == 4
        assert ask(pgstac_dsn, "SELECT count(*) FROM items") == 4
        assert ask(pgstac_dsn, "SELECT count(*) FROM items WHERE content->'properties'->>'title' = 'x'") == 0
        assert run(bronze, pgstac_dsn).reused
    assert {path: path.stat().st_mtime_ns for path in (bronze.parent / "cogs").glob("**/*.tif")} == cogs


def test_an_unfit_catalog_ends_the_job_before_any_cog(bronze: Path, pgstac_dsn: str) -> None:
    ask(pgstac_dsn, "DROP SCHEMA pgstac CASCADE")
    with pytest.raises(BackendError) as caught:
        run(bronze, pgstac_dsn)
    assert caught.value.code == "PGSTAC_MISSING"
    assert not (bronze.parent / "cogs").exists()


def test_a_catalog_that_stores_less_fails_the_job_and_is_left_as_it_was(bronze: Path, pgstac_dsn: str) -> None:
    ask(pgstac_dsn, "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$")
    ask(
        pgstac_dsn,
        "CREATE TRIGGER trap BEFORE INSERT ON items FOR EACH ROW WHEN (NEW.id LIKE 'b%%') EXECUTE FUNCTION trap()",
    )
    with pytest.raises(JobFailedError) as caught:
        run(bronze, pgstac_dsn)
    assert "[CATALOG_INCOMPLETE]" in str(caught.value)
    assert "missing: b" in str(caught.value)
    assert ask(pgstac_dsn, "SELECT count(*) FROM collections") == 0
    ask(pgstac_dsn, "DROP TRIGGER trap ON items")
    assert run(bronze, pgstac_dsn).summary["stac"]["inserted_to_pgstac"] == 4


def test_a_later_job_extends_what_is_served_and_replacing_drops_the_rest(
    bronze: Path, served_dsn: str, titiler_pgstac: tuple[str, int]
) -> None:
    name = f"job-{uuid.uuid4().hex[:8]}"
    first = run(bronze, served_dsn, name, blob_list=NAMES[:2], titiler_url=titiler_pgstac[0]).summary
    second = run(bronze, served_dsn, name, blob_list=NAMES[2:], titiler_url=titiler_pgstac[0]).summary
    assert second["stac"]["items_in_collection"] == 4
    assert second["stac"]["ready_for_titiler"], second["stac"]["ready_reason"]
    assert second["mosaicjson"]["tile_count"] == 4
    bounds = get_json(second["titiler_urls"]["tilejson"])["bounds"]
    assert bounds == pytest.approx(ask(served_dsn, "SELECT get_collection(%s)", name)["extent"]["spatial"]["bbox"][0])
    south = get_json(first["titiler_urls"]["tilejson"])["bounds"][1]
    assert bounds[1] < south
    last = run(bronze, served_dsn, name, blob_list=NAMES[:1], mode="replace").summary
    assert last["stac"]["inserted_to_pgstac"] == last["stac"]["items_in_collection"] == 1
    assert ask(served_dsn, "SELECT count(*) FROM items WHERE collection = %s", name) == 1


def test_jobs_at_once_on_one_collection_and_on_others_lose_nothing(tmp_path: Path, pgstac_dsn: str) -> None:
    folders = []
    for number in range(4):
        folder = tmp_path / f"in-{number}"
        write_tile(folder / f"tile-{number}.tif", 240 * number, 0)
        folders.append(folder)
    names = ["shared", "shared", "one", "two"]

    def job(number: int) -> JobResult:
        output = tmp_path / f"out-{names[number]}"
        store = f"sqlite:///{tmp_path / f'jobs-{number}.db'}"
        return run(folders[number], pgstac_dsn, names[number], output_container=output, jobs=store)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(job, range(4)))
    assert [result.status for result in results] == ["completed"] * 4
    found = ask(
        pgstac_dsn,
        "SELECT jsonb_object_agg(collection, n) FROM "
        "(SELECT collection, count(*) AS n FROM items GROUP BY collection) every",
    )
    assert found == {"shared": 2, "one": 1, "two": 1}
    shared = ask(pgstac_dsn, "SELECT get_collection('shared')")
    west, _, east, _ = shared["extent"]["spatial"]["bbox"][0]
    assert math.isclose(east - west, 2 * 0.0295, rel_tol=0.1)


def test_the_command_line_takes_the_address(bronze: Path, pgstac_dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(bronze), "--id", "test", "--catalog", pgstac_dsn, "--json", "--executor", "serial"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["stac"]["inserted_to_pgstac"] == 4
    assert SECRET not in shown.out + shown.err
    wrong = pgstac_dsn.replace("/test_", "/missing_")
    assert main(["run", str(bronze), "--id", "other", "--catalog", wrong, "--executor", "serial"]) != 0
    shown = capsys.readouterr()
    assert "DATABASE_NOT_FOUND" in shown.err
    assert SECRET not in shown.out + shown.err


def test_days_are_found_by_any_of_their_hours_and_wrong_file_times_stop_nothing(
    tmp_path: Path, pgstac_dsn: str
) -> None:
    bronze = tmp_path / "bronze"
    make_tiles(bronze)
    day, undated, lost, future = sorted(bronze.rglob("*.tif"))
    day.rename(day.with_name("day_20190714.tif"))
    for path, written in ((undated, 1_714_980_489), (lost, -86400 * 3650), (future, 4102444800)):
        os.utime(path.rename(path.with_name(f"{len(path.stem)}_{written % 7}.tif")), (written, written))
    name = f"job-{uuid.uuid4().hex[:8]}"
    assert run(bronze, pgstac_dsn, name).status == "completed"
    query = "SELECT count(*) FROM items WHERE collection = %s AND datetime <= end_datetime AND end_datetime = %s"
    assert ask(pgstac_dsn, query, name, "2019-07-14T23:59:59Z") == 1
    assert ask(pgstac_dsn, query, name, "1678-01-01T00:00:00Z") == 3
    hour = {"collections": [name], "datetime": "2019-07-14T10:00:00Z/2019-07-14T11:00:00Z"}
    found = ask(pgstac_dsn, "SELECT search(%s)", json.dumps(hour))
    assert len(found["features"]) == 1, "none of which nothing is known"
    assert "day_20190714" in " ".join(item["id"] for item in found["features"])


ALTERATIONS = {
    "the search": "DELETE FROM searches WHERE hash = %(search)s",
    "an item": "UPDATE items SET content = jsonb_set(content, '{properties,title}', '\"x\"') "
    "WHERE id = 'a' AND collection = %(id)s",
    "the collection": "UPDATE collections SET content = jsonb_set(content, '{description}', '\"x\"') WHERE id = %(id)s",
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_what_was_altered_in_the_database_is_found_and_mended(bronze: Path, served_dsn: str, what: str) -> None:
    name = f"job-{uuid.uuid4().hex[:8]}"
    search = run(bronze, served_dsn, name).summary["stac"]["search_id"]
    assert run(bronze, served_dsn, name).reused
    with psycopg.connect(served_dsn, options="-c search_path=pgstac,public") as connection:
        cursor = connection.execute(ALTERATIONS[what], {"search": search, "id": name})
        assert cursor.rowcount == 1
    again = run(bronze, served_dsn, name)
    assert not again.reused
    assert again.summary["stac"]["search_id"] == search
    assert ask(served_dsn, "SELECT count(*) FROM searches WHERE hash = %s", search) == 1
    titles = "SELECT content->'properties'->>'title' FROM items WHERE id = 'a' AND collection = %s"
    assert ask(served_dsn, titles, name) == "a.tif"
    assert ask(served_dsn, "SELECT content->>'description' FROM collections WHERE id = %s", name) != "x"
    assert run(bronze, served_dsn, name).reused
