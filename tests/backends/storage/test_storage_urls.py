"""How storage, GDAL and other programs are told of addresses, and which are refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import BackendError
from rastercollection.ports import addresses


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sftp://",
        "sftp://user:secret@host/x",
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
