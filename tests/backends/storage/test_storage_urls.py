"""Addresses: what is accepted, how they are joined, and how GDAL and other programs are told of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import Affine

from rastercollection.backends.storage.fsspec import FsspecStorage
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


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://host/x",
        "github://x/y",
        "zip://x.zip",
        "filecache::s3://bucket/x",
        "zip://inner::/data/x.zip",
        "/vsicurl/http://host/x.tif",
        "/vsizip//data/x.zip/x.tif",
        "//vsis3/bucket/x.tif",
        "/data/../vsimem/x.tif",
        "file:///vsimem/x.tif",
        "file:///%76simem/x.tif",
        "file://host/share/x.tif",
        "file://relative.tif",
        "s3://",
        "s3:///key",
        "s3://key:secret@bucket/x",
        "https://user:secret@host/x",
        "az://bronze/x.tif?sv=1&sig=secret",
        "/data/a\0b",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    storage = FsspecStorage()
    assert addresses.url_problem(url).startswith("must ")
    assert addresses.container_problem(url).startswith("must ")
    assert addresses.normalise(url) == url
    for attempt in (storage.read, storage.gdal_source, storage.public_url, storage.exists, addresses.local_path):
        with pytest.raises(BackendError) as caught:
            attempt(url)
        assert "secret" not in str(caught.value)


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


def test_public_addresses() -> None:
    storage = FsspecStorage({"account_key": "secret"})
    assert storage.public_url("file:///data/a%20b.tif") == "/data/a b.tif"
    assert storage.public_url("/data/a%20b.tif") == "/data/a%20b.tif"
    assert storage.public_url("s3://bucket/a b#%.tif") == "s3://bucket/a b#%.tif"
    assert storage.public_url("https://host/x.tif?sig=secret#part") == "https://host/x.tif"
    assert storage.public_url("memory://b/what?.tif") == "memory://b/what?.tif"


def test_gdal_opens_every_local_name(tmp_path: Path) -> None:
    folder = tmp_path / "a folder #1 100%"
    folder.mkdir()
    storage = FsspecStorage()
    for name in ("plain.tif", "a b#1?.tif", "a%20b.tif", "Наманган,x=1.tif", "{x}.tif", "<x>.tif", "nfd-e\u0301|y.tif"):
        path = folder / name
        with rasterio.open(
            path, "w", driver="GTiff", width=3, height=2, count=1, dtype="uint8", crs="EPSG:4326",
            transform=Affine(1, 0, 60, 0, -1, 40),
        ) as dataset:  # fmt: skip
            dataset.write(np.full((1, 2, 3), 7, "uint8"))
        for url in (str(path), path.as_uri()):
            source = storage.gdal_source(url)
            assert source is not None
            with rasterio.open(source.path) as dataset:
                assert int(dataset.read(1).sum()) == 42


AZURE = "DefaultEndpointsProtocol=https;AccountName=someone;AccountKey=a2V5;EndpointSuffix=core.windows.net"


@pytest.mark.parametrize(
    ("url", "options", "path", "config"),
    [
        ("s3://b/k 1.tif", {}, "/vsis3/b/k 1.tif", {}),
        ("s3a://b/k", {"anon": True}, "/vsis3/b/k", {"AWS_NO_SIGN_REQUEST": "YES"}),
        (
            "s3://b/k",
            {"key": "K", "secret": "S", "token": "T", "client_kwargs": {"region_name": "eu-central-1"}},
            "/vsis3/b/k",
            {
                "AWS_ACCESS_KEY_ID": "K",
                "AWS_SECRET_ACCESS_KEY": "S",
                "AWS_SESSION_TOKEN": "T",
                "AWS_REGION": "eu-central-1",
            },
        ),
        (
            "s3://b/k",
            {"endpoint_url": "http://127.0.0.1:9000"},
            "/vsis3/b/k",
            {"AWS_S3_ENDPOINT": "127.0.0.1:9000", "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"},
        ),
        ("gs://b/k", {"token": "anon"}, "/vsigs/b/k", {"GS_NO_SIGN_REQUEST": "YES"}),
        ("gcs://b/k", {"token": "/k.json"}, "/vsigs/b/k", {"GOOGLE_APPLICATION_CREDENTIALS": "/k.json"}),
        ("az://c/k", {"connection_string": AZURE}, "/vsiaz/c/k", {"AZURE_STORAGE_CONNECTION_STRING": AZURE}),
        (
            "az://c/k",
            {"account_name": "someone", "account_key": "a2V5"},
            "/vsiaz/c/k",
            {"AZURE_STORAGE_ACCOUNT": "someone", "AZURE_STORAGE_ACCESS_KEY": "a2V5"},
        ),
        (
            "abfss://c@someone.dfs.core.windows.net/k",
            {"sas_token": "?sv=1&sig=x"},
            "/vsiaz/c/k",
            {"AZURE_STORAGE_ACCOUNT": "someone", "AZURE_STORAGE_SAS_TOKEN": "sv=1&sig=x"},
        ),
        (
            "az://c/k",
            {"account_name": "someone", "anon": True},
            "/vsiaz/c/k",
            {"AZURE_STORAGE_ACCOUNT": "someone", "AZURE_NO_SIGN_REQUEST": "YES"},
        ),
        ("https://host/a b.tif?x=1", {}, "/vsicurl/https://host/a%20b.tif?x=1", {}),
    ],
)
def test_gdal_is_told_how_to_open(
    monkeypatch: pytest.MonkeyPatch, url: str, options: dict[str, object], path: str, config: dict[str, str]
) -> None:
    for variable in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(variable)
    source = FsspecStorage(options).gdal_source(url)
    assert source is not None
    assert (source.path, source.config) == (path, config)


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("memory://b/k", {}),
        ("s3://b/k", {"session": object()}),
        ("s3://b/k", {"client_kwargs": {"verify": False}}),
        ("gs://b/k", {"token": "cloud"}),
        ("gs://b/k", {}),
        ("az://c/k", {"connection_string": "UseDevelopmentStorage=true"}),
        ("az://c/k", {"account_name": "someone"}),
        ("az://c/k", {"account_name": "someone", "client_secret": "x"}),
        ("az://c/k", {}),
        ("https://host/x.tif", {"client_kwargs": {"headers": {}}}),
    ],
)
def test_what_gdal_cannot_open_is_fetched(
    monkeypatch: pytest.MonkeyPatch, url: str, options: dict[str, object]
) -> None:
    for variable in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(variable)
    assert FsspecStorage(options).gdal_source(url) is None


def test_only_memory_is_process_local() -> None:
    storage = FsspecStorage()
    assert storage.is_process_local("memory://b/k")
    assert not any(storage.is_process_local(url) for url in ("/d/x", "file:///d/x", "s3://b/k", "az://c/k"))


def test_addresses_are_checked_without_vendors() -> None:
    script = (
        "import sys; from rastercollection.ports import addresses; addresses.sibling('/data/bronze', 'cogs');"
        "print(sorted({'fsspec', 'rasterio', 'numpy', 'attrs'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
