"""Parameters in the library's texts stand as options on the command line."""

from __future__ import annotations

import pytest

from rastercollection.cli.wording import in_options


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Set input_crs.", "Set --input-crs."),
        ("Set input_crs='EPSG:32642'.", "Set --input-crs EPSG:32642."),
        ('set `mode="delsert"` for it', "set --mode delsert for it"),
        ("set `create_overview=False`, and report it", "set --no-create-overview, and report it"),
        ("a lower `memory_budget`", "a lower --memory-budget"),
        ("Correct blob_list.", "Correct --blob."),
        ("pass credentials in storage_options", "pass credentials in --storage-option"),
        ("set `grid`", "set --grid"),
        ("call run_worker()", "call rastercollection worker"),
        ("the mode of a grid of bands", "the mode of a grid of bands"),
        ("/data/output_folder/a.tif is there", "/data/output_folder/a.tif is there"),
        ("output_folder.tif is there", "output_folder.tif is there"),
        ("container_name is not there", "container_name is not there"),
    ],
)
def test_what_names_a_parameter_names_its_option(text: str, shown: str) -> None:
    assert in_options(text) == shown
