"""Names of things that can be plugged in: built in, registered, or announced by installed packages."""

from __future__ import annotations

import collections
import importlib.metadata
from typing import Any

import pytest

from rastercollection.core.registry import Registry
from rastercollection.errors import RasterCollectionError, UnknownNameError


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    def entry_points(*, group: str) -> list[Any]:
        point = importlib.metadata.EntryPoint(name="far", value="collections:ChainMap", group=group)
        own = importlib.metadata.EntryPoint(name="near", value="collections:Wrong", group=group)
        return [point, own] if group == "test.things" else []

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    return Registry("thing", "test.things", {"near": "collections:Counter"})


def test_names_of_both_kinds_are_known_sorted(registry: Registry) -> None:
    registry.register("a", "collections:deque")
    assert registry.names() == ("a", "far", "near")


def test_what_is_built_in_wins_over_what_is_installed_and_what_is_registered_over_both(registry: Registry) -> None:
    assert registry.load("near") is collections.Counter
    assert registry.load("far") is collections.ChainMap
    assert registry.target("far") == "collections:ChainMap"
    registry.register("near", "collections:deque")
    registry.register("far", "collections:OrderedDict")
    assert registry.load("near") is collections.deque
    assert registry.load("far") is collections.OrderedDict


def test_a_name_that_nobody_knows(registry: Registry) -> None:
    with pytest.raises(UnknownNameError) as caught:
        registry.load("elsewhere")
    for word in ("thing", "elsewhere", "far", "near"):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "target"), [("", "m:a"), ("x", ""), ("x", "m"), ("x", "m:"), ("x", ":a"), ("x", "m.a")]
)
def test_what_cannot_be_registered(registry: Registry, name: str, target: str) -> None:
    with pytest.raises(RasterCollectionError) as caught:
        registry.register(name, target)
    assert f"thing {name!r} as {target!r}" in caught.value.message
    assert "module:attribute" in caught.value.hint
    assert registry.names() == ("far", "near")


@pytest.mark.parametrize("target", ["no.such.module:x", "collections:NoSuchThing"])
def test_what_cannot_be_imported(registry: Registry, target: str) -> None:
    registry.register("broken", target)
    with pytest.raises(RasterCollectionError, match="cannot be imported") as caught:
        registry.load("broken")
    assert target in caught.value.message
    assert caught.value.__cause__ is not None
