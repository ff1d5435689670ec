"""Errors of the operating system and of vendors' libraries, turned into the library's own: the one place that does."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rastercollection.core.temporaries import is_part, mark_of
from rastercollection.disclosure.redaction import Hidden, redacted
from rastercollection.errors import (
    BackendError,
    NoSpaceError,
    ObjectExistsError,
    ObjectNotFoundError,
    PermissionDeniedError,
    PreconditionError,
    RasterCollectionError,
    UnavailableError,
)
from rastercollection.ports.addresses import is_local, public_form

__all__ = ["kind_of", "reason_for", "secrets_in", "translated"]

Kind = type[BackendError]

_ON_DISK = "Check the permissions of the folder and of what is in it."

_BUILTIN: tuple[tuple[type[OSError], Kind], ...] = (
    (FileNotFoundError, ObjectNotFoundError),
    (NotADirectoryError, ObjectNotFoundError),
    (FileExistsError, ObjectExistsError),
    (PermissionError, PermissionDeniedError),
    (IsADirectoryError, BackendError),
    (TimeoutError, UnavailableError),
    (ConnectionError, UnavailableError),
    (BlockingIOError, UnavailableError),
    (InterruptedError, UnavailableError),
)

_NUMBERS: Mapping[str, Kind] = {
    "ENOSPC": NoSpaceError,
    "EDQUOT": NoSpaceError,
    "EFBIG": NoSpaceError,
    "ELOOP": ObjectNotFoundError,
    "EROFS": PermissionDeniedError,
    "EIO": UnavailableError,
    "EBUSY": UnavailableError,
    "ESTALE": UnavailableError,
    "EMFILE": UnavailableError,
    "ENFILE": UnavailableError,
    "EHOSTUNREACH": UnavailableError,
    "EHOSTDOWN": UnavailableError,
    "ENETUNREACH": UnavailableError,
    "ENETDOWN": UnavailableError,
}
_BY_NUMBER = {getattr(errno, name): kind for name, kind in _NUMBERS.items() if hasattr(errno, name)}

_STATUS: Mapping[int, Kind] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: ObjectNotFoundError,
    408: UnavailableError,
    410: ObjectNotFoundError,
    412: PreconditionError,
    429: UnavailableError,
    507: NoSpaceError,
}

_BY_NAME: Mapping[str, Kind] = {
    # azure.core, azure.identity
    "ResourceNotFoundError": ObjectNotFoundError,
    "ResourceExistsError": ObjectExistsError,
    "ResourceModifiedError": PreconditionError,
    "ClientAuthenticationError": PermissionDeniedError,
    "CredentialUnavailableError": PermissionDeniedError,
    "ServiceRequestError": UnavailableError,
    "ServiceResponseError": UnavailableError,
    "IncompleteReadError": UnavailableError,
    # botocore
    "NoCredentialsError": PermissionDeniedError,
    "PartialCredentialsError": PermissionDeniedError,
    "CredentialRetrievalError": PermissionDeniedError,
    "TokenRetrievalError": PermissionDeniedError,
    "NoAuthTokenError": PermissionDeniedError,
    "LoginError": PermissionDeniedError,
    "SSOError": PermissionDeniedError,
    "ProfileNotFound": PermissionDeniedError,
    "HTTPClientError": UnavailableError,
    "FlexibleChecksumError": UnavailableError,
    "ConnectionError": UnavailableError,
    # google.auth, gcsfs
    "TransportError": UnavailableError,
    "TimeoutError": UnavailableError,
    "GoogleAuthError": PermissionDeniedError,
    "ChecksumError": UnavailableError,
    # paramiko, of the more special ones first
    "AuthenticationException": PermissionDeniedError,
    "SSHException": UnavailableError,
    "NoValidConnectionsError": UnavailableError,
    # aiohttp, fsspec
    "ClientConnectionError": UnavailableError,
    "ClientPayloadError": UnavailableError,
    "FSTimeoutError": UnavailableError,
}


@contextlib.contextmanager
def translated(doing: str, url: str, secrets: Hidden | None = None) -> Iterator[None]:
    """Raise whatever goes wrong inside as a BackendError about ``url``; the original is its cause.

    Args:
        doing: The verb of the message: "Cannot {doing} {url}".
        url: What it is about.
        secrets: A sequence of texts that must not be shown.
    """
    try:
        yield
    except RasterCollectionError:
        raise
    except Exception as error:  # whatever a vendor's library raises ends here
        shown = public_form(url)
        reason = reason_for(error, secrets.value if secrets else ())
        traceback.clear_frames(error.__traceback__)  # locals of the vendor's functions hold credentials
        kind = kind_of(error)
        about = shown.rpartition("/")[0] if _is_temporary(shown.rpartition("/")[2]) else shown
        if not is_local(url):
            raise kind(f"Cannot {doing} {about}: {reason}.", "", shown) from error
        hint = _ON_DISK if kind is PermissionDeniedError else ""
        raise kind(f"Cannot {doing} {_on_disk(about, error, reason)}.", hint, shown) from error


def _on_disk(path: str, error: BaseException, reason: str) -> str:
    """What could not be done to which file, and what the system refused where that is something else."""
    refused = getattr(error, "filename", None)
    if not isinstance(refused, str) or _is_temporary(os.path.basename(refused)) or refused == path:
        return f"{path}: {reason}"
    return f"{path}: {reason} ({public_form(refused)})"


def _is_temporary(name: str) -> bool:
    return is_part(name) or mark_of(name) is not None


def kind_of(error: BaseException) -> Kind:
    """The class of ours that says the same; plain BackendError when nothing more is known."""
    link: BaseException | None = error
    while link is not None:
        kind = _kind_of_one(link)
        if kind is not None:
            return kind
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return BackendError


def _kind_of_one(error: BaseException) -> Kind | None:
    for name in (base.__name__ for base in type(error).__mro__):
        if name in _BY_NAME:
            return _BY_NAME[name]
    status = _status(error)
    if status in _STATUS:
        return _STATUS[status]
    if 500 <= status < 600:
        return UnavailableError
    for builtin, kind in _BUILTIN:
        if isinstance(error, builtin):
            return kind
    return _BY_NUMBER.get(error.errno or 0) if isinstance(error, OSError) else None


def _status(error: BaseException) -> int:
    """The HTTP status a vendor's error carries, 0 without one."""
    for name in ("status_code", "status", "code"):
        value = getattr(error, name, None)
        if isinstance(value, int | str) and str(value).isdecimal():
            return int(value)
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, Mapping) else {}
    return int(metadata.get("HTTPStatusCode", 0))


def reason_for(error: BaseException, secrets: Sequence[str] = ()) -> str:
    """What went wrong, in one line, without query strings and without ``secrets``."""
    if isinstance(error, OSError) and error.strerror:
        text = str(error.strerror)
    elif isinstance(error, FileNotFoundError):
        text = "it is not there"
    elif isinstance(error, FileExistsError):
        text = "it exists"
    else:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        text = text.splitlines()[0]
    text = re.sub(r"\?[^\s'\"<>]+", "?…", redacted(text, secrets))
    return " ".join(text.split())[:300].rstrip(". ")


def secrets_in(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Every text in ``options`` that is long enough to tell something, parts of connection strings included."""
    found: set[str] = set()
    waiting: list[Any] = [options]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, str):
            found.add(value)
            found.update(part.partition("=")[2] for part in re.split(r"[;&]", value) if "=" in part)
    return tuple(text for text in found if len(text) >= 4)
