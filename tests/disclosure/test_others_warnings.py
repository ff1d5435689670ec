"""Warnings raise where the program wants it, but for those of the libraries that it has no hand in."""

from __future__ import annotations

import warnings

import pytest

from rastercollection.disclosure.others_warnings import bear_with_others


def warn(module: str, category: type[Warning] = DeprecationWarning, message: str = "old") -> None:
    warnings.warn_explicit(message, category, "file.py", 1, module=module)


@pytest.mark.parametrize("module", ["rasterio.transform", "affine", "rio_tiler.io", "numpy._core"])
def test_libraries_raise_nothing(module: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = len(warnings.filters)
        with pytest.raises(DeprecationWarning):
            warn(module)
        for _ in range(2):
            bear_with_others()
            warn(module)
            warn(module, RuntimeWarning)
        assert len(warnings.filters) == before + 1


@pytest.mark.parametrize("module", ["__main__", "rasterize", "my.rasterio", "rastercollection.rasters.cost"])
def test_the_programs_own_and_this_librarys_go_on_doing_so(module: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bear_with_others()
        with pytest.raises(RuntimeWarning):
            warn(module, RuntimeWarning)


def test_nothing_is_changed_where_none_are_raised() -> None:
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.filterwarnings("error", module="mine")
        before = list(warnings.filters)
        bear_with_others()
        assert list(warnings.filters) == before
