"""A parameter is told once, with its field; names, options, help and checks follow from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import pytest

from rastercollection.model import checks
from rastercollection.model.parameters import (
    MISSING,
    Parameter,
    documented,
    explained,
    parameter,
    parameters,
    problems,
    shown,
)


@pytest.fixture
def walk() -> type[Any]:
    """A class of parameters that nobody has asked for anything yet."""

    @documented
    @attrs.frozen(kw_only=True)
    class Walk:
        """A walk."""

        to_place: str = attrs.field(metadata=parameter("where to", checks.text, option="PLACE"))
        how_fast: Literal["slow", "fast"] = attrs.field(default="slow", metadata=parameter("the pace"))
        in_rain: bool | None = attrs.field(
            default=None, metadata=parameter("also when it rains", otherwise="ask the sky")
        )
        steps: int = attrs.field(
            default=10_000,
            metadata=parameter("how many", checks.integer(1), option="-s --steps", metavar="N", group="fine"),
        )
        with_whom: tuple[str, ...] = attrs.field(
            default=(), metadata=parameter("who comes along", option=None, group="run")
        )
        foods: tuple[str, ...] = attrs.field(default=("bread", "cheese"), metadata=parameter("what to eat"))
        shoes: bool = attrs.field(default=True, metadata=parameter("`slow` in shoes"))

    return Walk


@pytest.fixture
def every(walk: type[Any]) -> Mapping[str, Parameter]:
    return parameters(walk)


def test_names_and_options_follow_from_fields(every: Mapping[str, Parameter], walk: type[Any]) -> None:
    assert list(every) == [field.name for field in attrs.fields(walk)] == [each.name for each in every.values()]
    assert {name: each.option for name, each in every.items()} == {
        "to_place": ("PLACE",),
        "how_fast": ("--how-fast",),
        "in_rain": ("--in-rain",),
        "steps": ("-s", "--steps"),
        "with_whom": None,
        "foods": ("--foods",),
        "shoes": ("--shoes",),
    }
    assert [each.group for each in every.values()] == ["main", "main", "main", "fine", "run", "main", "main"]
    assert [each.metavar for each in every.values()] == ["", "", "", "N", "", "", ""]


def test_types_and_choices(every: Mapping[str, Parameter]) -> None:
    assert (every["in_rain"].hint, every["to_place"].hint) == (bool, str)
    assert every["how_fast"].choices == ("slow", "fast")
    assert every["steps"].choices == every["foods"].choices == ()
    assert [name for name, each in every.items() if each.is_required] == ["to_place"]


def test_choices_are_told_where_the_help_does_not(every: Mapping[str, Parameter]) -> None:
    assert every["how_fast"].meaning == "the pace: `slow`, `fast`"
    assert every["shoes"].meaning == "`slow` in shoes"


def test_what_holds_otherwise(every: Mapping[str, Parameter]) -> None:
    assert {name: each.fallback for name, each in every.items()} == {
        "to_place": "required",
        "how_fast": "`slow`",
        "in_rain": "ask the sky",
        "steps": "10,000",
        "with_whom": "none",
        "foods": "bread, cheese",
        "shoes": "`true`",
    }


def test_help_lists_them(walk: type[Any]) -> None:
    lines = explained(walk).splitlines()
    assert lines[0] == "        to_place: where to. Required."
    assert lines[1] == "        how_fast: the pace: `slow`, `fast`. Unless given: `slow`."
    assert walk.__doc__ is not None
    assert walk.__doc__.startswith("A walk.\n\n    Attributes:\n        to_place:")
    assert all(len(line) <= 120 for line in lines)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, {}),
        ({"in_rain": None, "with_whom": object()}, {}),
        ({"to_place": ""}, {"to_place": "''"}),
        ({"to_place": MISSING}, {"to_place": "nothing"}),
        ({"how_fast": "mad", "in_rain": 1, "steps": 0}, {"how_fast": "'mad'", "in_rain": "1", "steps": "0"}),
        ({"steps": None}, {"steps": "None"}),
    ],
)
def test_every_wrong_value_is_told(walk: type[Any], changes: dict[str, Any], wrong: dict[str, str]) -> None:
    found = problems(walk(**{"to_place": "home", **changes}))
    assert {problem.parameter: problem.value for problem in found} == wrong
    if "how_fast" in wrong:
        assert [problem.allowed for problem in found] == [
            "must be one of slow, fast",
            "must be True or False",
            "must be a whole number from 1",
        ]


def test_long_values_are_cut() -> None:
    assert shown("x" * 198) == repr("x" * 198)
    cut = shown("x" * 199)
    assert len(cut) == 198
    assert cut.endswith("xx…")


def test_of_what_a_representation_leaves_out_problems_show_the_type_alone() -> None:
    @attrs.frozen(kw_only=True)
    class Login:
        name: str = attrs.field(metadata=parameter("who", checks.identifier))
        word: str = attrs.field(repr=False, metadata=parameter("secret", checks.identifier))

    found = problems(Login(name="a b", word="open sesame"))
    assert [(each.parameter, each.value) for each in found] == [("name", "'a b'"), ("word", "<str>")]
