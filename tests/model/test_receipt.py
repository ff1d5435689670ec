"""Checks of figures pass to their limits and no further."""

from __future__ import annotations

import math

import attrs
import pytest

from rastercollection.model.receipt import FidelityCheck, Receipt


@pytest.mark.parametrize(
    ("expected", "found", "tolerance", "passed"),
    [
        (10, 10, 0, True),
        (10, 12, 2, True),
        (10, 8, 2, True),
        (10, 12.1, 2, False),
        (10, 7.9, 2, False),
        (10, 11, 0, False),
    ],
)
def test_figures_within_a_tolerance(expected: float, found: float, tolerance: float, passed: bool) -> None:
    check = FidelityCheck.within("mean_b1", expected, found, tolerance)
    assert attrs.astuple(check) == ("mean_b1", expected, found, tolerance, passed)


def test_a_figure_that_is_none_does_not_pass() -> None:
    assert not FidelityCheck.within("mean_b1", 10, math.nan, 5).passed
    assert not FidelityCheck.at_least("psnr_db", 10, math.nan).passed


@pytest.mark.parametrize(("found", "passed"), [(30, True), (31, True), (29.9, False)])
def test_figures_that_may_be_larger(found: float, passed: bool) -> None:
    assert attrs.astuple(FidelityCheck.at_least("psnr_db", 30, found)) == ("psnr_db", 30, found, None, passed)


def test_a_receipt_passes_if_all_its_checks_do() -> None:
    good, bad = FidelityCheck.within("a", 1, 1, 0), FidelityCheck.within("b", 1, 2, 0)
    receipt = Receipt(compared_to="source", lossless=True, pixels=1, checks=(good, good), seconds=0.1)
    assert receipt.passed
    assert not attrs.evolve(receipt, checks=(good, bad)).passed
