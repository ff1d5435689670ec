"""Requests: everything wrong is said at once, the normal form is stable, names cannot collide or escape."""

from __future__ import annotations

import inspect
import json
import pickle
import pydoc
import sys
from typing import Any, get_type_hints

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection import CollectionRequest, RequestError, plan_collection, process_collection, submit
from rastercollection.job.arguments import CollectionArguments, JobArguments
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model import converters
from rastercollection.model.names import tile_names
from rastercollection.model.parameters import parameters
from rastercollection.model.tile import SourceFile, Sources

GOOD: dict[str, Any] = {"container_name": "/data/bronze", "blob_list": ["a.tif"], "collection_id": "c-1_x"}

WRONG = {
    "sparse_ok": "yes",
    "container_name": ["", "ftp://", "s3://b::file:///x", "/vsicurl/x", "s3://user:secret@bucket", 3],
    "blob_list": [[], ["../x.tif"], ["/etc/passwd"], ["a\\b.tif"], ["s3://b/x.tif"], ["a\0b"], [3], None],
    "collection_id": ["", "a b", "ä", "a/b", None],
    "collection_description": ["", 5],
    "collection_title": ["", 5],
    "input_crs": ["", "EPSG:0", "http://example.com/crs", "LOCAL_CS[]", 0],
    "raster_type": ["photo", None, 1],
    "bands": [[""], ["red", "red"], ["rededge1", "rededge071"], [3], 4, ["red,,blue"], [], ""],
    "output_tier": ["gold", ""],
    "output_container": ["gopher://"],
    "output_folder": ["../up", "a/../../b", "a\\b"],
    "mosaicjson_container": ["file://relative"],
    "target_crs": ["EPSG:99999999", True],
    "in_memory": ["yes", 1],
    "maxzoom": [-1, 31, 2.5, True],
    "jpeg_quality": [0, 101, "85"],
    "stac_item_id": ["a b"],
    "create_mosaicjson": ["true"],
    "create_overview": [0],
    "create_stac_collection": [1],
    "mode": ["append", None],
    "grid": ["tiles", None],
    "resolution": [0, -1.0, float("inf"), float("nan"), "10", True],
    "zoom_strategy": ["nearest", None, "upper"],
    "compression": ["GZIP"],
    "compression_level": [99, -1, "best", True, 2.5],
    "warp_resampling": ["best", "CUBIC", 2],
    "overview_resampling": ["gauss", 1],
    "tiers": [[{"name": "x"}], [{"name": "x", "compression": "GZIP"}], "x"],
    "strict": ["no"],
    "on_mismatch": ["ignore"],
    "datetime": ["yesterday", "2020-02-30", "2021-01-01/2020-01-01", "2020/2021/2022"],
    "datetime_pattern": ["(", "no group"],
    "require_datetime": ["yes", None],
    "license": [""],
    "providers": [[{}], "me"],
    "keywords": [[""], 3],
    "asset_key": ["a b"],
    "renders": [
        [],
        5,
        [5],
        ["a b"],
        ["ndvi", "ndvi"],
        [max],
        [{"bands": 1}],
        [{"title": "x", "band": 1}],
        [{"title": "x", "bands": [1, 2]}],
        [{"title": "x", "expression": "b1 + nir"}],
        [{"title": "x", "bands": 1, "rescale": [5, 1]}],
        ["{not json"],
    ],
    "titiler_url": ["titiler", "http://user:pw@host"],
    "titiler_profile": ["geoserver"],
    "subdatasets": ["", 2],
    "max_pixels": [0],
    "max_bands": [0],
    "max_block_bytes": [1.5],
    "drivers": [[5]],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_by_its_parameters_name(name: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        CollectionRequest.from_parameters({**GOOD, name: value})
    assert [problem.parameter for problem in caught.value.problems] == [name]


def test_all_problems_come_in_one_error() -> None:
    with pytest.raises(RequestError) as caught:
        process_collection(blob_list=[], colection_id="x", jpeg_quality=0, in_memory="no", on_tile_error="panic")
    named = {problem.parameter for problem in caught.value.problems}
    assert named == {
        "blob_list",
        "colection_id",
        "collection_id",
        "container_name",
        "jpeg_quality",
        "in_memory",
        "on_tile_error",
    }
    assert "did you mean collection_id?" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems


def test_every_parameter_has_a_check_and_a_help_text_that_ends_open() -> None:
    every = parameters(CollectionRequest)
    assert set(WRONG) == set(every) == set(attrs.fields_dict(CollectionRequest))
    assert [name for name, each in every.items() if each.check is None or not each.check(object())] == []
    for each in [*every.values(), *parameters(RuntimeOptions).values()]:
        assert each.help.strip() == each.help != ""
        assert not each.help.endswith(".")


@pytest.mark.parametrize("function", [process_collection, plan_collection, submit])
def test_signature_and_help_name_what_a_user_came_with(function: Any) -> None:
    signature = inspect.signature(function).parameters
    required = [name for name, each in parameters(CollectionRequest).items() if each.is_required]
    assert required == ["container_name", "blob_list", "collection_id"]
    assert [name for name in signature if name in required] == required
    assert all(signature[name].default is inspect.Parameter.empty for name in required)
    shown = pydoc.plain(pydoc.render_doc(function))
    assert all(f"{each.name}: {each.help[:20]}" in shown for each in parameters(CollectionRequest).values())


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [(CollectionArguments, [CollectionRequest]), (JobArguments, [CollectionRequest, RuntimeOptions])],
)
def test_editors_see_the_names_and_types_that_the_fields_take(arguments: Any, kinds: list[type]) -> None:
    taken: dict[str, Any] = {}
    for kind in kinds:
        hints = get_type_hints(kind.__init__, vars(sys.modules[kind.__module__]) | vars(converters))
        taken |= {name: hints[name] for name, each in parameters(kind).items() if not each.is_required}
    assert get_type_hints(arguments) == taken


def test_a_wrong_policy_is_told_by_submit_before_it_returns(tmp_path: Any) -> None:
    wrong: dict[str, Any] = {"on_tile_error": "panic", "colour": "red"}
    with pytest.raises(RequestError) as caught:
        submit(**{**GOOD, "container_name": tmp_path}, **wrong)
    assert {problem.parameter for problem in caught.value.problems} == {"colour", "on_tile_error"}


def test_defaults_are_those_of_the_specification() -> None:
    request = CollectionRequest(**GOOD)
    assert request.collection_description == "Raster collection: c-1_x"
    assert request.output_container == request.mosaicjson_container == "/data/cogs"
    assert request.stac_item_id == "c-1_x"
    assert (request.raster_type, request.output_tier, request.jpeg_quality) == ("auto", "analysis", 85)


def test_the_same_request_is_the_same_job_however_it_is_written(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    spellings: list[dict[str, Any]] = [
        {"container_name": "in", "blob_list": ["a.tif", "b.tif"]},
        {"container_name": str(tmp_path / "in") + "/", "blob_list": ("./a.tif", "b.tif", "a.tif")},
        {"container_name": tmp_path / "in", "blob_list": ["a.tif", "b.tif"], "jpeg_quality": 85},
        {"container_name": (tmp_path / "in").as_uri(), "blob_list": ["a.tif", "b.tif"], "output_folder": ""},
    ]
    assert len({CollectionRequest(**spelling, collection_id="c").job_id for spelling in spellings}) == 1
    assert (
        CollectionRequest(**spellings[0], collection_id="d").job_id
        != CollectionRequest(**spellings[0], collection_id="c").job_id
    )


@given(
    st.fixed_dictionaries(
        {
            "container_name": st.sampled_from(["/data/in", "s3://bucket/p", "az://bronze", "memory://m"]),
            "blob_list": st.lists(st.from_regex(r"[a-zé ]{1,8}(/[a-z0-9#%]{1,8})?\.tif", fullmatch=True), min_size=1),
            "collection_id": st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
        },
        optional={
            "jpeg_quality": st.integers(1, 100),
            "in_memory": st.booleans(),
            "maxzoom": st.integers(0, 30),
            "keywords": st.lists(
                st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
            ),
            "output_tier": st.sampled_from(["visualization", "analysis", "archive"]),
        },
    ).filter(lambda parameters: all(name.strip() for name in parameters["blob_list"]))
)
def test_the_normal_form_survives_json_and_gives_the_same_job(parameters: dict[str, Any]) -> None:
    request = CollectionRequest(**parameters)
    again = CollectionRequest.from_parameters(json.loads(json.dumps(request.to_parameters(), allow_nan=False)))
    assert again == request
    assert again.job_id == request.job_id
    assert len(request.job_id) == 64


def test_tiers_of_ones_own_and_overrides() -> None:
    tier = {"name": "fast", "compression": "ZSTD", "level": 1}
    request = CollectionRequest(**GOOD, tiers=[tier], output_tier="fast", compression_level=3)
    assert request.tier.compression == "ZSTD"
    with pytest.raises(RequestError, match="from 1 to 9 with DEFLATE"):
        CollectionRequest(**GOOD, compression_level=22)
    with pytest.raises(RequestError, match="has no meaning with LZW"):
        CollectionRequest(**GOOD, output_tier="archive", compression_level=3)


BLOBS = st.lists(
    st.from_regex(r"([a-cA-Cé ._]{1,3}/){0,2}[a-cA-C_]{1,3}\.(tif|TIF|png)", fullmatch=True), unique=True, min_size=1
)


@given(BLOBS)
def test_names_of_outputs_and_items_never_collide(blobs: list[str]) -> None:
    names = tile_names(blobs)
    outputs = [name.output_blob("analysis", "out") for name in names.values()]
    assert len({output.casefold() for output in outputs}) == len(blobs)
    assert len({name.item_id.casefold() for name in names.values()}) == len(blobs)
    assert all(output.count("/") == 1 and output.startswith("out/") for output in outputs)
    assert tile_names(list(reversed(blobs))) == names


def test_an_output_is_named_after_its_source() -> None:
    (name,) = tile_names(["north/2019/a.b.tif"]).values()
    assert name.output_blob("archive", "maps/x") == "maps/x/north_2019_a.b_cog_archive.tif"
    assert name.output_blob("archive", None) == "north_2019_a.b_cog_archive.tif"
    assert name.item_id == "north_2019_a.b"


def test_a_level_may_be_left_to_the_image() -> None:
    tier = {"name": "fast", "compression": "ZSTD", "level": "auto"}
    request = CollectionRequest(**GOOD, tiers=[tier], output_tier="fast")
    assert request.tier.level == "auto"
    request = CollectionRequest(**GOOD, compression_level="auto")
    assert CollectionRequest.from_parameters(json.loads(json.dumps(request.to_parameters()))) == request
    assert request.job_id != CollectionRequest(**GOOD).job_id
    with pytest.raises(RequestError, match="has no meaning with LZW"):
        CollectionRequest(**GOOD, output_tier="archive", compression_level="auto")
    with pytest.raises(RequestError, match="level auto does not go with LZW"):
        CollectionRequest(**GOOD, tiers=[{"name": "x", "compression": "LZW", "level": "auto"}])


@pytest.mark.parametrize(
    ("changes", "parameter", "told"),
    [
        ({"collection_id": None, "blob_list": None}, "collection_id", "must be letters"),
        ({"output_tier": "gold", "tiers": [{"name": "own", "compression": "LZW"}]}, "output_tier", "archive, own"),
        ({"compression": "ZSTD", "compression_level": 0}, "compression_level", "must be from 1 to 22 with ZSTD"),
        ({"compression_level": 10}, "compression_level", "must be from 1 to 9 with DEFLATE"),
        ({"compression": "LZW", "compression_level": 5}, "compression_level", "has no meaning with LZW"),
        ({"grid": "WebMercatorQuad", "target_crs": "EPSG:4326"}, "target_crs", "must be EPSG:3857, or left out"),
        ({"grid": "WebMercatorQuad", "resolution": 5}, "resolution", "has no meaning with grid='WebMercatorQuad'"),
        ({"zoom_strategy": "upper"}, "zoom_strategy", "grid='WebMercatorQuad' only"),
        ({"colection_id": 5}, "colection_id", "is no parameter; did you mean collection_id?"),
        ({"zzz": 5}, "zzz", "is no parameter"),
    ],
)
def test_problems_say_what_is_allowed(changes: dict[str, Any], parameter: str, told: str) -> None:
    with pytest.raises(RequestError) as caught:
        CollectionRequest.from_parameters({**GOOD, **changes})
    (allowed,) = (problem.allowed for problem in caught.value.problems if problem.parameter == parameter)
    assert told in allowed


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("executer", "; did you mean executor?"),
        ("colection_id", "; did you mean collection_id?"),
        ("predict", ""),  # as close to strict as many words are
    ],
)
def test_names_that_are_close_are_suggested_and_no_others(name: str, told: str) -> None:
    with pytest.raises(RequestError) as caught:
        CollectionRequest.from_parameters({**GOOD, name: 5}, besides=("executor",))
    assert [problem.allowed for problem in caught.value.problems] == [f"is no parameter{told}"]


def test_what_is_missing_is_said_to_be_required() -> None:
    with pytest.raises(RequestError) as caught:
        CollectionRequest.from_parameters({"blob_list": ["a.tif"], "collection_id": "x", "output_tier": "gold"})
    found = [(problem.parameter, problem.value, problem.allowed) for problem in caught.value.problems]
    assert ("container_name", "nothing", "is required") in found
    assert [name for name, *_ in found] == ["container_name", "output_tier"]


def test_sources_can_be_left_out_and_keep_the_names_of_all() -> None:
    files = tuple(SourceFile(blob=name, url=f"/x/{name}", size=1, version="1") for name in ("a", "b", "c"))
    sources = Sources(files=files, blobs=("a", "b", "c"), notices=())
    fewer = sources.only({"c", "a", "z"})
    assert [file.blob for file in fewer.files] == ["a", "c"]
    assert fewer.blobs == ("a", "b", "c")
