"""Addresses: what is accepted, how they are joined, and what their normal form is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rastercollection.disclosure.redaction import redacted
from rastercollection.errors import BackendError
from rastercollection.ports import addresses

name_parts = st.text(st.characters(exclude_characters="/\0\\", exclude_categories=["Cs"]), min_size=1, max_size=20)
blob_names = st.lists(name_parts.filter(lambda part: part not in (".", "..")), min_size=1, max_size=4).map("/".join)
containers = st.sampled_from(
    [
        "/data/bronze",
        "/",
        "file:///data/bronze",
        "file:///d/a%20b",
        "memory://bronze",
        "s3://bucket/prefix",
        "az://bronze",
    ]
)


@given(containers, blob_names.filter(lambda name: not addresses.blob_problem(name)))
def test_a_name_joined_to_a_container_comes_back(container: str, name: str) -> None:
    if addresses.split_scheme(container)[0] not in addresses.LOCAL_SCHEMES and "?" in name:
        name = name.replace("?", "!")
    url = addresses.join(container, name)
    assert addresses.url_problem(url) == ""
    assert addresses.relative(container, url) == name
    if addresses.is_local(container):
        base = Path(addresses.local_path(container))
        assert Path(addresses.local_path(url)) == base / name
        assert f"{addresses.normalise(container).rstrip('/')}/{name}" == os.path.join(
            addresses.local_path(container), name
        )


@given(st.text(max_size=30))
def test_names_that_are_accepted_stay_inside(name: str) -> None:
    if not addresses.blob_problem(name):
        assert os.path.normpath(os.path.join("/container", name)).startswith("/container")
        name.encode()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "/etc/passwd",
        "../x.tif",
        "a/../../x.tif",
        "a/..",
        "..",
        "a\\..\\x.tif",
        "C:/x.tif",
        "c:x.tif",
        "s3://bucket/x.tif",
        "file:///x.tif",
        "simplecache::x.tif",
        "a\0b",
        "lone-\udcff.tif",
    ],
)
def test_names_that_could_lead_out_are_refused(name: str) -> None:
    assert addresses.blob_problem(name).startswith("must ")


@pytest.mark.parametrize(
    "name", ["a..b/c...tif", "2019-07-14T06:00:00.tif", "a b#%20?.tif", "ж/é.tif", ".hidden", "~x"]
)
def test_odd_names_are_fine(name: str) -> None:
    assert addresses.blob_problem(name) == ""


def test_containers_on_the_web_have_no_query() -> None:
    assert addresses.url_problem("https://host/x.tif?sig=1") == ""
    assert addresses.container_problem("https://host/tiles?sig=1") != ""


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ("/data/bronze", "/data/cogs"),
        ("/data/bronze/", "/data/cogs"),
        ("/bronze", "/cogs"),
        ("/", "/cogs"),
        ("file:///d/x", "file:///d/cogs"),
        ("file:///x", "file:///cogs"),
        ("az://bronze", "az://cogs"),
        ("az://bronze/2019/", "az://bronze/cogs"),
        ("abfs://bronze@someone.dfs.core.windows.net", "abfs://cogs@someone.dfs.core.windows.net"),
        ("abfs://bronze@someone.dfs.core.windows.net/in", "abfs://bronze@someone.dfs.core.windows.net/cogs"),
        ("s3://bucket/prefix", "s3://bucket/cogs"),
        ("s3://bronze", "s3://cogs"),
        ("memory://bronze", "memory://cogs"),
        ("https://host/tiles", "https://host/cogs"),
        ("https://host", "https://host/cogs"),
    ],
)
def test_siblings(container: str, expected: str) -> None:
    assert addresses.sibling(container, "cogs") == expected
    assert addresses.url_problem(expected) == ""


def test_normal_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a folder #1 100%"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    local = [".", str(folder), f"{folder}/", folder.as_uri(), f"../{folder.name}", f"~/{folder.name}", f"{folder}/x/.."]
    local.append(folder.as_uri().replace("file:///", "FILE://localhost/"))
    assert {addresses.normalise(url) for url in local} == {str(folder)}
    assert addresses.sibling(".", "cogs") == str(tmp_path / "cogs")
    assert addresses.normalise("S3://Bucket/Prefix/") == "s3://Bucket/Prefix"
    assert addresses.normalise("memory://bronze/") == "memory://bronze"


def test_objects_elsewhere_have_no_name_in_a_container() -> None:
    for container, url in (
        ("/data/bronze", "/data/bronze-2/x"),
        ("/data/bronze", "/data/bronze/../x"),
        ("/data/bronze", "/data/bronze"),
        ("s3://bronze", "s3://bronze-2/x"),
        ("s3://bronze", "az://bronze/x"),
    ):
        with pytest.raises(BackendError):
            addresses.relative(container, url)


def test_addresses_are_checked_without_vendors() -> None:
    script = (
        "import sys; from rastercollection.ports import addresses; addresses.sibling('/data/bronze', 'cogs');"
        "print(sorted({'fsspec', 'rasterio', 'numpy', 'attrs'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("url", ["https://[2606:4700::1111]/data", "http://[::1]:9000/bucket"])
def test_addresses_of_ipv6_chain_no_file_systems(url: str) -> None:
    assert addresses.url_problem(url) == ""
    assert "chain" in addresses.url_problem("simplecache::https://host/data")
    assert "chain" in addresses.url_problem("https://[2606::1]/a::b")


@pytest.mark.parametrize(
    "url",
    ["github://owner:repo@main/data", "sftp://me@host/data", "ssh://me@host:22/data", "az://container@account/data"],
)
def test_what_stands_before_the_at_and_is_no_secret_is_kept(url: str) -> None:
    assert addresses.url_problem(url) == ""
    assert addresses.public_form(url) == url
    assert redacted(url) == url


@pytest.mark.parametrize("url", ["sftp://me:secret@host/data", "https://secret@host/data", "s3://secret@bucket/data"])
def test_what_may_be_a_secret_is_refused_and_never_shown(url: str) -> None:
    assert "must not contain a password" in addresses.url_problem(url)
    assert "secret" not in addresses.public_form(url)
