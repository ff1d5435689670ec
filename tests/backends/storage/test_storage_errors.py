"""Vendor errors become the library's own, wherever they come up, and carry no secrets."""

from __future__ import annotations

import errno
import importlib.util
import inspect
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.backends.storage.vendor import kind_of, translated
from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import part_name, probe_name
from rastercollection.errors import (
    BackendError,
    MissingExtraError,
    NoSpaceError,
    ObjectExistsError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnavailableError,
)

PYPROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))


def named(name: str, **attributes: Any) -> Exception:
    """An error as a vendor's library raises it, known by its class name and attributes only."""
    error = type(name, (Exception,), {})("the vendor's words")
    for attribute, value in attributes.items():
        setattr(error, attribute, value)
    return error


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def during(error: Exception, earlier: Exception) -> Exception:
    error.__context__ = earlier
    return error


ERRORS = [
    (FileNotFoundError("a/b"), ObjectNotFoundError),
    (NotADirectoryError(errno.ENOTDIR, "no folder"), ObjectNotFoundError),
    (FileExistsError(), ObjectExistsError),
    (PermissionError("AccessDenied"), PermissionDeniedError),
    (OSError(errno.EROFS, "read-only"), PermissionDeniedError),
    (OSError(errno.ENOSPC, "full"), NoSpaceError),
    (OSError(errno.EDQUOT, "quota"), NoSpaceError),
    (OSError(errno.EIO, "broken disk"), UnavailableError),
    (OSError(errno.ESTALE, "stale handle"), UnavailableError),
    (ConnectionResetError(), UnavailableError),
    (TimeoutError(), UnavailableError),
    (OSError(errno.EINVAL, "odd"), BackendError),
    (ValueError("odd"), BackendError),
    (named("ResourceNotFoundError"), ObjectNotFoundError),
    (named("ResourceExistsError", status_code=409), ObjectExistsError),
    (named("ResourceModifiedError"), PreconditionError),
    (named("ClientAuthenticationError"), PermissionDeniedError),
    (named("HttpResponseError", status_code=403), PermissionDeniedError),
    (named("HttpResponseError", status_code=503), UnavailableError),
    (named("HttpResponseError", status_code=412), PreconditionError),
    (named("HttpResponseError", status_code=None), BackendError),
    (named("ServiceRequestError"), UnavailableError),
    (named("NoCredentialsError"), PermissionDeniedError),
    (named("ClientError", response={"ResponseMetadata": {"HTTPStatusCode": 404}}), ObjectNotFoundError),
    (named("ClientError", response={"ResponseMetadata": {"HTTPStatusCode": 500}}), UnavailableError),
    (named("ClientError", response={"Error": {}}), BackendError),
    (named("ClientResponseError", status=429), UnavailableError),
    (named("HttpError", code="401"), PermissionDeniedError),
    (named("TransportError"), UnavailableError),
    (named("FlexibleChecksumError"), UnavailableError),
    (named("AuthenticationException"), PermissionDeniedError),
    (named("SSHException"), UnavailableError),
    (named("NoValidConnectionsError"), UnavailableError),
    (caused(ValueError("unable to connect"), named("ServiceRequestError")), UnavailableError),
    (during(RuntimeError("failed to remove"), PermissionError()), PermissionDeniedError),
]

OPERATIONS: dict[str, Callable[[FsspecStorage, str, str], object]] = {
    "exists": lambda storage, url, local: storage.exists(url),
    "stat": lambda storage, url, local: storage.stat(url),
    "list": lambda storage, url, local: list(storage.list(url)),
    "read": lambda storage, url, local: storage.read(url),
    "read a range": lambda storage, url, local: storage.read(url, 2, 5),
    "write": lambda storage, url, local: storage.write(url, b"x"),
    "put": lambda storage, url, local: storage.put(local, url),
    "get": lambda storage, url, local: storage.get(url, local),
    "copy": lambda storage, url, local: storage.copy(url, "memory://bronze/y"),
    "delete": lambda storage, url, local: storage.delete(url),
}


@pytest.mark.parametrize("operation", list(OPERATIONS))
@pytest.mark.parametrize(("error", "expected"), ERRORS, ids=[repr(error) for error, _ in ERRORS])
def test_every_vendor_error_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[BackendError], operation: str
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise error

    for method in ("info", "exists", "find", "cat_file", "pipe_file", "put_file", "get_file", "rm_file", "modified"):
        monkeypatch.setattr(MemoryFileSystem, method, fail)
    (tmp_path / "local").write_bytes(b"x")
    if operation == "delete" and isinstance(error, FileNotFoundError):
        assert OPERATIONS[operation](FsspecStorage(), "memory://bronze/x", str(tmp_path / "local")) is None
        return
    if operation == "exists" and expected is ObjectNotFoundError:
        assert OPERATIONS[operation](FsspecStorage(), "memory://bronze/x", str(tmp_path / "local")) is False
        return
    with pytest.raises(BackendError) as caught:
        OPERATIONS[operation](FsspecStorage(), "memory://bronze/x", str(tmp_path / "local"))
    assert type(caught.value) is expected
    assert caught.value.__cause__ is error
    assert caught.value.target == "memory://bronze/x"
    assert "memory://bronze/x" in str(caught.value)


VENDORS = {
    "adlfs": ("azure.core.exceptions", "azure.identity"),
    "aiohttp": ("aiohttp.client_exceptions",),
    "botocore": ("botocore.exceptions",),
    "fsspec": ("fsspec.exceptions",),
    "gcsfs": ("gcsfs.retry", "google.auth.exceptions"),
}
INSTALLED = [module for package, modules in VENDORS.items() if importlib.util.find_spec(package) for module in modules]
TELLING = re.compile("Connect|Timeout|Credential|Auth|NotFound|Exists|Token|Payload|Disconnect|Refresh")
NOT_TELLING = {  # wrong calls and wrong settings, which no class of ours says better
    "ApiVersionNotFoundError",
    "ConfigNotFound",
    "DataNotFoundError",
    "UnknownCredentialError",
    "UnknownTokenProviderError",
    "RefreshWithMFAUnsupportedError",
}


@pytest.mark.parametrize("module_name", INSTALLED)
def test_no_vendor_error_is_forgotten(module_name: str) -> None:
    """Each class of the installed vendor's library whose name tells what happened is mapped."""
    module = importlib.import_module(module_name)
    found = inspect.getmembers(module, lambda member: inspect.isclass(member) and issubclass(member, Exception))
    telling = {name: kind for name, kind in found if TELLING.search(name) and name not in NOT_TELLING}
    unmapped = [name for name, kind in telling.items() if kind_of(kind.__new__(kind)) is BackendError]
    assert unmapped == []
    assert found


def test_every_number_of_the_operating_system_has_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in errno.errorcode:

        def fail(*args: object, number: int = number, **kwargs: object) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", fail)
            with pytest.raises(BackendError) as caught:
                FsspecStorage().write(str(tmp_path / "x"), b"x")
        assert os.strerror(number) in caught.value.message
        assert list(tmp_path.iterdir()) == []


SECRETS = {
    "connection_string": "DefaultEndpointsProtocol=https;AccountName=someone;AccountKey=c2VjcmV0IGtleQ==;",
    "client_kwargs": {"headers": [("Authorization", "Bearer verysecret")]},
    "secret": "another-secret",
}
TOLD = ("c2VjcmV0IGtleQ==", "verysecret", "another-secret", "signed-with-this")


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FsspecStorage(SECRETS)

    def fail(*args: object, **kwargs: object) -> None:
        raise ValueError(
            "cannot use AccountKey=c2VjcmV0IGtleQ== with Bearer verysecret and another-secret at "
            "https://host/c/x?sv=1&sig=signed-with-this"
        )

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    with pytest.raises(BackendError, match="cannot use") as caught:
        storage.read("memory://bronze/x")
    with pytest.raises(BackendError) as refused:
        storage.read("ftp://user:another-secret@host/c/x?sig=signed-with-this")
    shown = [repr(storage), str(storage), *(repr(e.value) + str(e.value) + e.value.target for e in (caught, refused))]
    shown.append(repr(storage.gdal_source("s3://bucket/x")))
    for secret in TOLD:
        assert not any(secret in text for text in shown)
    assert "user:" not in str(refused.value)


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(protocol: str, **options: object) -> None:
        raise ImportError("Install it")

    monkeypatch.setattr("fsspec.filesystem", missing)
    for url, extra in (
        ("az://bronze/x", "azure"),
        ("abfss://bronze@someone.dfs.core.windows.net/x", "azure"),
        ("s3://bronze/x", "s3"),
        ("gs://bronze/x", "gcs"),
    ):
        with pytest.raises(MissingExtraError, match=re.escape(f"rastercollection[{extra}]")):
            FsspecStorage().read(url)
        assert extra in PYPROJECT["project"]["optional-dependencies"]
    with pytest.raises(BackendError, match=re.escape("fsspec[http]")):
        FsspecStorage().read("https://host/x")


def test_web_servers_are_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    storage = FsspecStorage(allow_private_hosts=True)
    for attempt in (
        lambda: storage.write("https://127.0.0.1:1/x", b"x"),
        lambda: storage.put(__file__, "https://127.0.0.1:1/x"),
        lambda: storage.copy(__file__, "https://127.0.0.1:1/x"),
        lambda: storage.delete("https://127.0.0.1:1/x"),
        lambda: storage.list("https://127.0.0.1:1/x"),
    ):
        with pytest.raises(BackendError, match="web server"):
            attempt()


@pytest.mark.parametrize(
    ("address", "refused", "told"),
    [
        ("/data/a", "/data/a/shut", "Cannot list /data/a: Permission denied (/data/a/shut)."),
        ("/data/a", "/data/a", "Cannot list /data/a: Permission denied."),
        ("/data/a.tif", f"/data/{part_name('a.tif', Mark())}", "Cannot list /data/a.tif: Permission denied."),
        (f"/data/{probe_name(Mark())}", "/data", "Cannot list /data: Permission denied."),
    ],
    ids=["inside it", "itself", "a part of it", "a probe"],
)
def test_on_a_disk_it_is_told_what_was_refused_and_no_name_that_nobody_gave(
    address: str, refused: str, told: str
) -> None:
    with pytest.raises(PermissionDeniedError) as caught, translated("list", address):
        raise PermissionError(errno.EACCES, "Permission denied", refused)
    assert caught.value.message == told
    with (
        pytest.raises(PermissionDeniedError, match=r"Cannot write s3://b/stac: "),
        translated("write", f"s3://b/stac/{probe_name(Mark())}"),
    ):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert "storage_options" not in caught.value.hint
    assert caught.value.target == address
