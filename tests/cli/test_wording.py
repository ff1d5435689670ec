"""Parameters in the library's texts stand as options on the command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import rastercollection
from rastercollection.cli.options import SECTIONS
from rastercollection.cli.rio_plugin import collection as main
from rastercollection.cli.wording import in_options
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.parameters import parameters
from rastercollection.model.request import CollectionRequest


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
        ("as in bands=['blue', 'green', 'red', 'nir'].", "as in --bands blue,green,red,nir."),
        ("Set `datetime` or `datetime_pattern`.", "Set --datetime or --datetime-pattern."),
        ("call run_worker()", "call rastercollection worker"),
        ("the mode of a grid of bands", "the mode of a grid of bands"),
        ("/data/output_folder/a.tif is there", "/data/output_folder/a.tif is there"),
        ("output_folder.tif is there", "output_folder.tif is there"),
        ("container_name is not there", "container_name is not there"),
        ("one of create_cogs, create_mosaicjson, create_stac_collection", None),
        ("create_overview ended", None),
        ("`create_mosaicjson` is off", "--create-mosaicjson is off"),
        ("all with every_tile=True", "all with --all"),
        ("Mend it with fix=True.", "Mend it with --fix."),
        ("name that with titiler_url", "name that with --titiler-url"),
    ],
)
def test_what_names_a_parameter_names_its_option(text: str, shown: str | None) -> None:
    assert in_options(text) == (text if shown is None else shown)


def test_texts_mark_parameters_whose_names_are_common_words() -> None:
    known = {**parameters(CollectionRequest), **parameters(RuntimeOptions)}
    words = "|".join(name for name, one in known.items() if "_" not in name and one.option)
    bare = re.compile(rf"\b(?:[Ss]et|or set|them with|driver in|so in|crs or) (?:{words})\b(?!=)")
    sources = [path.read_text().splitlines() for path in Path(rastercollection.__file__).parent.rglob("*.py")]
    assert [line.strip() for lines in sources for line in lines if bare.search(line)] == []


def test_every_option_that_texts_are_given_is_there() -> None:
    options = {spelling for command in main.commands.values() for one in command.params for spelling in one.opts}
    named = [
        name for name, one in {**parameters(CollectionRequest), **parameters(RuntimeOptions)}.items() if one.option
    ]
    told = {in_options(f"`{name}`") for name in [*named, "every_tile", "fix"]}
    assert {one for one in told if one.startswith("-")} <= options


def test_help_is_whole_and_in_one_order_and_tells_what_each_exit_status_means() -> None:
    shown = {name: CliRunner().invoke(main, [name, "--help"]).output for name in main.commands}
    every = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    assert [name for name, command in main.commands.items() if str(command.help) not in every] == []
    for name, text in shown.items():
        titles = [line.rstrip(":") for line in text.splitlines() if re.fullmatch(r"[A-Z][\w ]+:", line)]
        assert titles == sorted(titles, key=SECTIONS.index), name
        assert "in Python" not in text
        assert ("every tile is a COG" in text) == (name in ("run", "rerun", "retry-failed"))
    assert "3 something is wrong" in " ".join(shown["check"].split())


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_is_plain_text(command: str) -> None:
    told = CliRunner().invoke(main, [command, "--help"])
    assert told.exit_code == 0
    assert not re.search(r"\]\(|`", told.output)
