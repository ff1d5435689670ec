"""Objects in memory, in object stores and on web servers, through fsspec."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import functools
import os
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import fsspec

from rastercollection.backends.storage.local import fetch
from rastercollection.backends.storage.protocols import file_system
from rastercollection.backends.storage.uploads import Content, is_hidden, upload
from rastercollection.backends.storage.vendor import kind_of
from rastercollection.core.forks import ForkSafeLock
from rastercollection.core.guard import Guard
from rastercollection.errors import BackendError, MissingExtraError, ObjectNotFoundError, UnavailableError
from rastercollection.ports.addresses import AZURE_SCHEMES, HTTP_SCHEMES, SCHEMES, join, public_form, split_scheme
from rastercollection.ports.storage import ObjectInfo

__all__ = ["RemoteObject"]

_EXTRAS = {
    **dict.fromkeys(AZURE_SCHEMES, "azure"),
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
}
_ETAGS = ("etag", "ETag", "sha", "checksum", "CRC")
_TIMES = ("last_modified", "LastModified", "Last-Modified", "updated", "mtime")

_COPY_AT_ONCE = ("memory", "s3", "s3a", "gs", "gcs")
"""Where a copy appears whole. Azure copies in the background and meanwhile shows a target without content."""

_MEMORY = ForkSafeLock()
"""Held while an object is written to ``memory://``, so that of several exclusive writers one wins."""


@attrs.frozen
class RemoteObject:
    """One address, with the options of its file system. Raises what the vendor's library raises.

    ``guard`` is asked before each change.
    """

    url: str
    options: Mapping[str, Any] = attrs.field(repr=False)
    guard: Guard | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def scheme(self) -> str:
        return split_scheme(self.url)[0]

    @property
    def is_foreign(self) -> bool:
        """Whether nothing is known of the protocol but what all file systems of fsspec have in common."""
        return self.scheme not in SCHEMES

    @functools.cached_property
    def _fs(self) -> Any:
        """fsspec keeps one instance for equal options; nothing is held here."""
        if self.scheme == "memory":
            return fsspec.filesystem("memory")
        if self.is_foreign:
            return file_system(self.url, self.options)
        fresh = {} if self.scheme in HTTP_SCHEMES else {"use_listings_cache": False}
        try:
            return fsspec.filesystem(self.scheme, **fresh, **self.options)
        except ImportError as error:
            feature = f"Storage at {self.scheme}://"
            if self.scheme in _EXTRAS:
                raise MissingExtraError(feature, _EXTRAS[self.scheme]) from error
            hint = "Install it: pip install 'fsspec[http]'"
            raise BackendError(f"{feature} needs the package aiohttp.", hint, public_form(self.url)) from error

    @functools.cached_property
    def _path(self) -> str:
        return str(self._fs._strip_protocol(self.url))

    def exists(self) -> bool:
        """Unlike file systems' own answers, which take every failure for absence."""
        try:
            self._info()
        except Exception as error:  # each vendor has its own for what is not there
            if kind_of(error) is not ObjectNotFoundError:
                raise
            return False
        return True

    def stat(self) -> ObjectInfo:
        return self._describe(self.url, self._path, self._info())

    def _info(self) -> Mapping[str, Any]:
        self._forget_listings()
        try:
            found: Mapping[str, Any] = self._fs.info(self._path)
        except FileNotFoundError as error:
            # fsspec says so of whatever goes wrong with a web server; what has gone wrong is the cause
            if self.scheme in HTTP_SCHEMES and error.__cause__ is not None:
                raise error.__cause__ from None
            raise
        return found

    def _forget_listings(self) -> None:
        """Of file systems that cannot be told beforehand to remember none."""
        if self.is_foreign:
            self._fs.invalidate_cache()

    def list(self, *, deep: bool) -> Iterator[ObjectInfo]:
        if self.scheme in HTTP_SCHEMES:
            shown = public_form(self.url)
            raise BackendError(f"{shown} cannot be listed: web servers have no folders.", "Name every blob.", shown)
        found = self._found(deep=deep)
        if found.get(self._path, {}).get("type") == "file" or (not found and not self.exists()):
            raise ObjectNotFoundError(f"There is no folder {self.url}.", "", self.url)
        return self._listed(found)

    def _found(self, *, deep: bool) -> dict[str, dict[str, Any]]:
        """What fsspec knows of the objects below, by path."""
        self._forget_listings()
        if deep:
            found = self._fs.find(self._path, detail=True)
            # adlfs gives the name alone where the path is that of an object
            return found if isinstance(found, dict) else {str(name): {"type": "file"} for name in found}
        # find(maxdepth=1) takes a folder that may not be looked into for an empty one, and adlfs ignores it
        return {str(info["name"]).rstrip("/"): info for info in self._fs.ls(self._path, detail=True)}

    def _listed(self, found: Mapping[str, dict[str, Any]]) -> Iterator[ObjectInfo]:
        for path in sorted(found):
            name = path[len(self._path) :].lstrip("/")
            if found[path]["type"] == "file" and not (self.is_foreign and is_hidden(name)):
                with contextlib.suppress(FileNotFoundError):
                    yield self._describe(join(self.url, name), path, found[path])

    def read(self, start: int, end: int | None) -> bytes:
        if end is not None and end <= start:
            return b""
        if start == 0 and end is None:
            return bytes(self._fs.cat_file(self._path))
        if self.scheme in HTTP_SCHEMES:
            return self._read_web(start, end)
        try:
            data = bytes(self._fs.cat_file(self._path, start=start, end=end))
        except Exception as error:  # each vendor has its own for a range behind the end
            if kind_of(error) is ObjectNotFoundError or start < self.stat().size:
                raise
            return b""
        if end is None or len(data) < end - start:
            size = self.stat().size
            self._check_length(len(data), max(0, min(size if end is None else end, size) - start))
        return data

    def _read_web(self, start: int, end: int | None) -> bytes:
        """A range of an object on a server that may not know ranges, and then sends the whole, or not tell sizes."""
        size = self.stat().size
        if not size:
            return bytes(self._fs.cat_file(self._path))[start:end]
        end = size if end is None else min(end, size)
        if start >= end:
            return b""
        data = bytes(self._fs.cat_file(self._path, start=start, end=end))
        if len(data) == size:
            return data[start:end]
        self._check_length(len(data), end - start)
        return data

    def _check_length(self, read: int, expected: int) -> None:
        """Raise where less was delivered than there is, under a status that says that all is well."""
        if read != expected:
            shown = public_form(self.url)
            raise UnavailableError(f"Of {shown}, {read:,} of {expected:,} bytes were delivered.", "", shown)

    def write(self, data: bytes, *, overwrite: bool) -> ObjectInfo:
        self._check_writable()
        if self.scheme != "memory":
            return self._upload(Content.of(data), overwrite=overwrite)
        with _MEMORY:
            self._ask()
            self._fs.pipe_file(self._path, data, mode="overwrite" if overwrite else "create")
            return self.stat()

    def put(self, local_path: str, *, overwrite: bool) -> ObjectInfo:
        self._check_writable()
        with open(local_path, "rb") as file:
            if self.scheme == "memory":
                return self.write(file.read(), overwrite=overwrite)
            return self._upload(Content.of_file(file), overwrite=overwrite)

    def _upload(self, content: Content, *, overwrite: bool) -> ObjectInfo:
        owned = self.guard is not None
        upload(self._fs, self.scheme, self._path, content, overwrite=overwrite, ask=self._ask, alone=owned)
        return self.stat()

    def _ask(self) -> None:
        if self.guard is not None:
            self.guard.check()

    def get(self, local_path: str) -> None:
        fetch(local_path, self.fetch, self.guard)

    def fetch(self, descriptor: int, temporary: str) -> None:
        """Write the content into a new local file, given its descriptor and its path."""
        if self.scheme == "memory":
            with open(descriptor, "wb", closefd=False) as file:
                file.write(self._fs.cat_file(self._path))
        else:
            expected = self.stat().size
            self._fs.get_file(self._path, temporary)
            if expected:  # not all web servers tell
                self._check_length(os.stat(temporary).st_size, expected)

    def copies_inside_store(self, source: RemoteObject) -> bool:
        """Whether the store itself copies ``source`` here, and shows the copy only when it is complete."""
        return source.scheme in _COPY_AT_ONCE and self.scheme in _COPY_AT_ONCE and source._fs is self._fs

    def copy_inside_store(self, source: RemoteObject) -> ObjectInfo:
        with _MEMORY if self.scheme == "memory" else contextlib.nullcontext():
            self._ask()
            self._fs.cp_file(source._path, self._path)
            return self.stat()

    def delete(self) -> None:
        self._check_writable()
        self._ask()
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path)

    def _check_writable(self) -> None:
        if self.scheme in HTTP_SCHEMES:
            shown = public_form(self.url)
            raise BackendError(f"{shown} is on a web server: it can only be read.", "Set output_container.", shown)

    def _describe(self, url: str, path: str, info: Mapping[str, Any]) -> ObjectInfo:
        is_folder = info.get("type") == "directory"
        size = 0 if is_folder else int(info.get("size") or 0)
        if self.scheme == "memory" and not is_folder:
            info = {**info, "mtime": self._fs.modified(path)}
        times = [_moment(info[name]) for name in _TIMES if info.get(name)]
        tags = [str(info[name]).strip('"') for name in _ETAGS if info.get(name)]
        version = tags[0] if tags else "-".join([*times[:1], str(size)])
        return ObjectInfo(url=url, size=size, version=version, modified=times[0] if times else "", is_folder=is_folder)


def _moment(value: Any) -> str:
    """RFC 3339, UTC, of a vendor's time; empty when it cannot be read."""
    try:
        if isinstance(value, int | float):
            value = dt.datetime.fromtimestamp(value, dt.UTC)
        elif isinstance(value, str) and "," in value:
            value = email.utils.parsedate_to_datetime(value)
        elif isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
        return str(value.astimezone(dt.UTC).isoformat(timespec="microseconds")).replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return ""
