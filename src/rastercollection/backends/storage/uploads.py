"""Uploads to object stores: in parts, of which nothing can be seen before one last request makes them an object.

Parts of an upload that was broken off never show in listings. On S3 they stay, and are paid for, until somebody aborts
the upload: whoever uploads the same object next does. Azure drops them with the next upload of the object, or after a
week; Google Cloud Storage after a week.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Self

import attrs

from rastercollection.ports.addresses import SCHEMES

__all__ = ["Content", "is_hidden", "upload"]

_PART = 16 * 2**20
_MOST_PARTS = 9_000
_AT_ONCE = 4
_S3 = ("s3", "s3a")
_GCS = ("gs", "gcs")


@attrs.frozen(kw_only=True)
class Content:
    """What is to be uploaded.

    Attributes:
        size: Bytes.
        read: The bytes from one number up to another, from several threads.
    """

    size: int
    read: Callable[[int, int], bytes]

    @classmethod
    def of(cls, data: bytes) -> Self:
        return cls(size=len(data), read=lambda start, end: data[start:end])

    @classmethod
    def of_file(cls, file: BinaryIO) -> Self:
        """Of a file that is open for reading as long as this is used."""
        turn = threading.Lock()

        def read(start: int, end: int) -> bytes:
            with turn:
                file.seek(start)
                return file.read(end - start)

        return cls(size=os.fstat(file.fileno()).st_size, read=read)

    def parts(self) -> list[tuple[int, int]]:
        """Beginnings and ends of pieces of equal length, but for the last."""
        length = max(_PART, -(-self.size // _MOST_PARTS))
        return [(start, min(start + length, self.size)) for start in range(0, self.size, length)]


def upload(
    fs: Any, scheme: str, path: str, content: Content, *, overwrite: bool, ask: Callable[[], None], alone: bool
) -> None:
    """Make an object of the content.

    Args:
        fs: The file system of fsspec's.
        scheme: Of the address.
        path: Of the object, as the file system knows it.
        content: What it is to hold.
        overwrite: Whether it may replace an object; otherwise exactly one of several writers wins.
        ask: Called when one request is left that makes it visible; what it raises is raised, and nothing has changed.
        alone: Whether whoever else uploads the same object is one that gave up, or has to.
    """
    if scheme not in SCHEMES:
        _write_by_name(fs, path, content, overwrite=overwrite, ask=ask)
        return
    kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
    if content.size <= _PART:
        data, extra = content.read(0, content.size), _kind_of_content(scheme, kind)
        ask()
        fs.pipe_file(path, data, mode="overwrite" if overwrite else "create", **extra)
    elif scheme in _S3:
        _upload_to_s3(fs, path, content, kind, overwrite=overwrite, ask=ask, alone=alone)
    else:
        _upload_in_blocks(fs, path, content, overwrite=overwrite, ask=ask)


def _write_by_name(fs: Any, path: str, content: Content, *, overwrite: bool, ask: Callable[[], None]) -> None:
    """On file systems of which only fsspec's common methods are known: under a hidden name, which is then changed.

    Where they cannot rename, and where one of several writers is to win, under the name itself.
    """
    folder = path.rpartition("/")[0]
    if folder:
        _make_folder(fs, folder)
    if not overwrite or not _renames(fs):
        ask()
        _write_parts(fs, path, content, "wb" if overwrite else "xb")
        return
    hidden = f"{folder}/.{uuid.uuid4().hex}.part" if folder else f".{uuid.uuid4().hex}.part"
    try:
        _write_parts(fs, hidden, content, "wb")
        ask()
        _rename(fs, hidden, path)
    except BaseException:
        with contextlib.suppress(Exception):  # the failure that is under way tells more
            fs.rm_file(hidden)
        raise


def _make_folder(fs: Any, folder: str) -> None:
    try:
        fs.makedirs(folder, exist_ok=True)
    except OSError:  # some look first and then make it: another thread, or program, may have come between
        if not fs.isdir(folder):
            raise


def is_hidden(name: str) -> bool:
    """Whether an object is one that was not finished, and not yet renamed."""
    return re.fullmatch(r"\.[0-9a-f]{32}\.part", name.rpartition("/")[2]) is not None


def _renames(fs: Any) -> bool:
    from fsspec import AbstractFileSystem

    return type(fs).mv is not AbstractFileSystem.mv


def _rename(fs: Any, old: str, new: str) -> None:
    try:
        fs.mv(old, new)
    except OSError:  # some do not replace what is there
        if not fs.exists(new):
            raise
        fs.rm_file(new)
        fs.mv(old, new)


def _write_parts(fs: Any, path: str, content: Content, mode: str) -> None:
    with fs.open(path, mode) as file:
        for start, end in content.parts():
            file.write(content.read(start, end))


def _kind_of_content(scheme: str, kind: str) -> dict[str, str]:
    if scheme in _S3:
        return {"ContentType": kind}
    return {"content_type": kind} if scheme in _GCS else {}


def _upload_in_blocks(fs: Any, path: str, content: Content, *, overwrite: bool, ask: Callable[[], None]) -> None:
    """Through a file that gathers blocks, and makes an object of them with the last one when it is closed."""
    parts = content.parts()
    file = fs.open(path, "wb" if overwrite else "xb", block_size=parts[0][1])
    try:
        for start, end in parts:
            file.write(content.read(start, end))
        ask()
        file.close()
    finally:
        file.closed = True  # one that was given up would be completed when it is no longer referred to


def _upload_to_s3(
    fs: Any, path: str, content: Content, kind: str, *, overwrite: bool, ask: Callable[[], None], alone: bool
) -> None:
    """Several parts at the same time."""
    bucket, key, _ = fs.split_path(path)
    place = {"Bucket": bucket, "Key": key}
    if alone:
        _abort_others(fs, place)
    place["UploadId"] = fs.call_s3("create_multipart_upload", ContentType=kind, **place)["UploadId"]

    def send(number: int, start: int, end: int) -> dict[str, Any]:
        sent = fs.call_s3("upload_part", PartNumber=number, Body=content.read(start, end), **place)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    try:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            waiting = [threads.submit(send, number, *part) for number, part in enumerate(content.parts(), 1)]
            try:
                sent = [future.result() for future in waiting]
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
        ask()
        only = {} if overwrite else {"IfNoneMatch": "*"}
        fs.call_s3("complete_multipart_upload", MultipartUpload={"Parts": sent}, **place, **only)
    except BaseException:
        with contextlib.suppress(Exception):  # the failure that is under way tells more
            fs.call_s3("abort_multipart_upload", **place)
        raise
    fs.invalidate_cache(path)


def _abort_others(fs: Any, place: dict[str, str]) -> None:
    """End uploads of the same object that nobody will complete, or that nobody may.

    They cost room, and are in no listing of objects. Where uploads may not be listed they stay.
    """
    with contextlib.suppress(PermissionError):
        found = fs.call_s3("list_multipart_uploads", Bucket=place["Bucket"], Prefix=place["Key"])
        for other in found.get("Uploads") or []:
            if other["Key"] == place["Key"]:
                with contextlib.suppress(FileNotFoundError):
                    fs.call_s3("abort_multipart_upload", UploadId=other["UploadId"], **place)
