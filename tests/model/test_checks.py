"""Checks let pass what is allowed, to its limits, and say what is allowed when a value is not."""

from __future__ import annotations

import math
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Protocol

import attrs
import pytest

from rastercollection.model import checks, converters
from rastercollection.model.tiers import LEVELS, Tier


class Lock(Protocol):
    """What a lock does."""

    def acquire(self) -> bool: ...

    def release(self) -> None: ...


class Delegating:
    """Has the members of another object."""

    def __init__(self, other: Any) -> None:
        self.other = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self.other, name)


class Half:
    """Can be locked for good."""

    def acquire(self) -> bool:
        return True


GOOD: list[tuple[checks.Check, list[Any]]] = [
    (checks.text, ["x", " x "]),
    (checks.identifier, ["a", "A-Z_0", "-"]),
    (checks.boolean, [True, False]),
    (checks.integer(0, 30), [0, 30, 7]),
    (checks.integer(1), [1, 10**12]),
    (checks.level, ["auto", 0, 22]),
    (checks.one_of(("a", "b")), ["a", "b"]),
    (checks.is_container, ["/data", "s3://bucket/x"]),
    (checks.is_folder, ["a", "a/b"]),
    (checks.blobs, [("a.tif",), ("a/*.tif", "b")]),
    (checks.crs, ["EPSG:32642", "+proj=utm +zone=42"]),
    (checks.positive, [1e-9, 5.0]),
    (
        checks.is_datetime,
        [
            "2019-07-14T06:00:00Z",
            "2019-07-14",
            "2019-07-14T06:00:00Z/2019-07-14T06:00:00Z",
            "2019-07-14/2019-07-15T00:00:00+02:00",
            "2019-07-14T01:00:00+02:00/2019-07-13T23:30:00Z",
            "1886",
            "2019-07/2020",
            "../2020-12-31",
            "2019-01-01T00:00:00Z/..",
        ],
    ),
    (checks.pattern, [r"(\d{8})", r"(?P<date>\d+)x(y)"]),
    (checks.is_tiers, [(), (Tier(name="x", compression="ZSTD", level=22, needs="rgb_byte"),)]),
    (checks.is_providers, [(), ({"name": "x"},)]),
    (checks.is_texts, [(), ("a", "b")]),
    (checks.http, ["http://localhost:8000", "https://host/path"]),
    (checks.is_a(dict, "a dict"), [{}, Counter()]),
    (checks.callables, [(), [print], (print, len)]),
    (checks.has_members_of(Lock, "a lock"), [threading.Lock(), Delegating(threading.Lock())]),
    (checks.text_or(checks.boolean), ["x", True]),
]

BAD: list[tuple[checks.Check, list[Any], str]] = [
    (checks.text, ["", "  ", None, 5], "not empty"),
    (checks.identifier, ["", "a b", "a.b", "ä", "a\n", None], "letters, digits"),
    (checks.boolean, [0, 1, "true", None], "True or False"),
    (checks.integer(0, 30), [-1, 31, 1.0, "5", True, None], "a whole number from 0 to 30"),
    (checks.integer(1), [0, False, 1.5], "a whole number from 1"),
    (checks.level, [-1, 23, "best", 2.5, True, None], "from 0 to 22, or auto"),
    (checks.one_of(("a", "b")), ["c", "", None, ["a"], "ab"], "one of a, b"),
    (checks.is_container, ["", "ftp://", "sftp://user:pw@host", None, 5], "must"),
    (checks.is_folder, ["../x", "/x", None, 5], "must"),
    (checks.blobs, [(), ["a.tif"], "a.tif", ("a.tif", "../b"), (3,)], "must"),
    (checks.crs, ["EPSG:0", "nonsense", 4326], "must be a CRS"),
    (checks.positive, [0.0, -1.0, math.inf, math.nan, 5, "5.0"], "above 0"),
    (
        checks.is_datetime,
        ["yesterday", "2020-02-30", "2020/2021/2022", "2020-01-01/", None, 2020],
        "RFC 3339",
    ),
    (checks.is_datetime, ["2021-01-01/2020-01-01", "2019-07-14T01:00:00+02:00/2019-07-13T22:30:00Z"], "before it ends"),
    (checks.pattern, ["(", None, 5], "a regular expression"),
    (
        checks.pattern,
        [r"(\d+)+$", r"((a|a)*)b", r"(?:(\w+)_?)+\.tif", "([0-9]*)*x"],
        "must not repeat what is repeated",
    ),
    (checks.pattern, ["no group", "(?:x)"], "must have a group"),
    (checks.is_providers, [({},), ({"name": ""},), ("me",), [{"name": "x"}], None], "at least a name"),
    (checks.is_texts, [("",), (5,), ["a"], "a"], "list of texts"),
    (checks.is_a(dict, "a dict"), [(), None], "must be a dict"),
    (checks.callables, [print], "put a single one into a list"),
    (checks.callables, ["print", [print, "x"], None, 5], "must be a list of callables"),
    (checks.has_members_of(Lock, "a lock"), [5, None, object()], "must be a lock"),
    (checks.has_members_of(Lock, "a lock"), [Half, Lock], "must be a lock, not a class"),
    (checks.has_members_of(Lock, "a lock"), [Half()], "must be a lock; it has no release"),
    (checks.text_or(checks.boolean), ["", " "], "not empty"),
    (checks.text_or(checks.boolean), [5], "True or False"),
    (
        checks.http,
        ["host", "ftp://host", "http://user:pw@host", "http://", "http://a b", "http://h/?x=1", None],
        "without credentials",
    ),
]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("my dem", "my-dem"),
        ("Feld 7 Süd", "Feld-7-Sud"),
        ("a.b", "a-b"),
        ("Ναμ", ""),
        ("s3://key:secret@x", ""),
        (5, ""),
    ],
)
def test_an_id_that_cannot_be_one_is_put_right(value: Any, meant: str) -> None:
    told = checks.identifier(value)
    assert told.endswith(f"; did you mean {meant}?" if meant else "names of files are made of it")


@pytest.mark.parametrize(("check", "value"), [(check, value) for check, values in GOOD for value in values])
def test_what_is_allowed_passes(check: checks.Check, value: Any) -> None:
    assert check(value) == ""


@pytest.mark.parametrize(
    ("check", "value", "told"), [(check, value, told) for check, values, told in BAD for value in values]
)
def test_what_is_not_says_what_is(check: checks.Check, value: Any, told: str) -> None:
    assert told in check(value)


def test_every_wrong_name_of_a_list_is_told() -> None:
    told = checks.blobs(("../a", "fine.tif", 5))
    assert told.startswith("'../a' must ")
    assert told.endswith("; 5 must be a text")
    assert "fine" not in told


def test_names_of_rasters_and_folders_hold_no_secrets() -> None:
    """They are recorded, published and made into names of items."""
    signed = "x.tif?sv=2020&sig=Zq9SECRET"
    for told in (checks.blobs((signed,)), checks.is_folder(signed)):
        assert "signature or password" in told
    assert checks.blobs(("x.tif?page=1", "what?.tif")) == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"compression": "GZIP"}, "compression must be one of NONE, DEFLATE"),
        ({"needs": "luck"}, "needs must be anything or rgb_byte"),
        ({"level": 23}, "level 23 does not go with ZSTD"),
        ({"level": 0}, "level 0 does not go with ZSTD"),
        ({"compression": "LZW", "level": 1}, "level 1 does not go with LZW"),
    ],
)
def test_a_tier_says_what_is_wrong_with_it(changes: dict[str, Any], told: str) -> None:
    good = Tier(name="web", compression="ZSTD", level=3)
    problem = checks.is_tiers((good, attrs.evolve(good, **changes)))
    assert problem.startswith("tier 'web': ")
    assert told in problem


def test_mappings_that_are_no_tiers_say_what_they_lack_and_what_is_no_field() -> None:
    told = checks.is_tiers(({"name": "x", "compresion": "ZSTD"}, {"compression": "LZW", "zzz": 1}))
    first, second = told.split("; tier ")
    assert first.startswith("tier 'x': compression is required, compresion is no field of a tier")
    assert first.endswith("; did you mean compression?")
    assert second == "without a name: name is required, zzz is no field of a tier"


def test_every_wrong_tier_is_told() -> None:
    told = checks.is_tiers((Tier(name="x", compression="GZIP"), Tier(name=5, compression="LZW")))  # type: ignore[arg-type]
    assert "tier 'x': compression must be" in told
    assert "; tier 5: name must be a text" in told


@pytest.mark.parametrize("value", ["x", [Tier(name="x", compression="LZW")], ("x",), None])
def test_what_is_no_tier_says_what_one_has(value: Any) -> None:
    assert checks.is_tiers(value) == "must be tiers, each with name, compression, level, storage_class, needs"


@pytest.mark.parametrize("codec", LEVELS)
def test_levels_go_with_their_codec_to_its_limits(codec: str) -> None:
    low, high = LEVELS[codec]
    for level in (None, "auto", low, high):
        assert checks.goes_with(level, LEVELS[codec])
    for level in (low - 1, high + 1, "best"):
        assert not checks.goes_with(level, LEVELS[codec])
    assert checks.goes_with(None, None)
    assert not checks.goes_with("auto", None)
    assert not checks.goes_with(5, None)


class TestNormalForms:
    def test_lists_of_texts(self) -> None:
        assert converters.texts("a") == ("a",)
        assert converters.texts(["a", "b"]) == converters.texts(("a", "b")) == ("a", "b")
        assert set(converters.texts({"a", "b"})) == {"a", "b"}
        assert converters.texts(5) == 5  # type: ignore[arg-type]

    def test_blob_names(self) -> None:
        assert converters.blob_names(["./a.tif", "b.tif", "a.tif", "././c"]) == ("a.tif", "b.tif", "./c")
        assert converters.blob_names("./a.tif") == ("a.tif",)
        assert converters.blob_names([3]) == (3,)  # type: ignore[list-item]
        assert converters.blob_names(None) is None  # type: ignore[arg-type]

    def test_containers(self, tmp_path: Path) -> None:
        assert converters.container(tmp_path) == converters.container(f"{tmp_path}/") == str(tmp_path)
        assert converters.container("S3://Bucket/x/") == "s3://Bucket/x"
        assert converters.container("ftp://") == "ftp://", "left for the check"
        assert converters.container(5) == 5  # type: ignore[arg-type]
        assert converters.container_or_none(None) is None
        assert converters.container_or_none(tmp_path) == str(tmp_path)

    def test_folders(self) -> None:
        assert converters.folder("a/b/") == "a/b"
        assert converters.folder("") is converters.folder("/") is converters.folder(None) is None
        assert converters.folder(5) == 5  # type: ignore[arg-type]

    def test_numbers(self) -> None:
        assert type(converters.whole_as_float(5)) is float
        assert converters.whole_as_float(True) is True
        assert converters.whole_as_float(None) is None

    def test_sizes(self) -> None:
        assert converters.size("8G") == 8 * 2**30
        assert converters.size("500") == 500
        assert converters.size("lots") == "lots", "left for the check"
        assert converters.size("inf") == "inf"
        assert converters.size(5) == 5
        assert converters.size(None) is None

    def test_paths(self, tmp_path: Path) -> None:
        assert converters.path_or_none(tmp_path) == str(tmp_path)
        assert converters.path_or_none("a/") == "a/"
        assert converters.path_or_none(None) is None

    def test_tiers(self) -> None:
        tier = Tier(name="x", compression="LZW")
        fields = {"name": "x", "compression": "LZW"}
        assert converters.tiers([fields, tier]) == (tier, tier)
        assert converters.tiers(fields) == converters.tiers(tier) == (tier,)  # type: ignore[arg-type]
        assert converters.tiers([{"name": "x"}, fields]) == ({"name": "x"}, tier), "left for the check"
        assert converters.public_mappings([fields]) == converters.public_mappings((fields,)) == (fields,)
        assert converters.public_mappings("me") == "me"  # type: ignore[arg-type]
