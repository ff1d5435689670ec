"""Objects on local disks. What is published appears whole or not at all, whenever the process or the machine dies.

Content goes to a hidden temporary file in the target's folder, is flushed to the disk, and then takes the target's
name in one step. What a writer that died leaves behind never shows in listings.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence

import attrs

from rastercollection.core.disks import Disk
from rastercollection.core.guard import Guard
from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import is_part, part_name, sweep
from rastercollection.errors import BackendError, NoSpaceError, ObjectNotFoundError
from rastercollection.ports.addresses import join, local_path
from rastercollection.ports.storage import ObjectInfo

__all__ = ["LocalObject", "fetch", "publish"]

Fill = Callable[[int, str], None]
"""Writes the content of a temporary file, given its descriptor and its path."""

CHUNK = 8 * 1024 * 1024
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NO_FAST_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@attrs.frozen
class LocalObject:
    """One address on a local disk; ``path`` is absolute. Raises plain ``OSError``s.

    ``guard`` is asked before each change.
    """

    url: str
    guard: Guard | None = attrs.field(default=None, eq=False, repr=False)
    path: str = attrs.field(init=False)

    @path.default
    def _path(self) -> str:
        return local_path(self.url)

    def exists(self) -> bool:
        try:
            os.stat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
                raise
            return False
        return True

    def stat(self) -> ObjectInfo:
        try:
            return _describe(self.url, os.stat(self.path))
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise FileNotFoundError(errno.ENOENT, "no file can have so long a name", self.path) from error

    def list(self, *, deep: bool) -> Iterator[ObjectInfo]:
        if not stat.S_ISDIR(os.stat(self.path).st_mode):
            raise ObjectNotFoundError(f"{self.url} is not a folder.", "Give the folder it is in.", self.url)
        return _walk(self.url, self.path, deep)

    def read(self, start: int, end: int | None) -> bytes:
        _check_regular(self.path)
        with open(self.path, "rb") as file:
            file.seek(start)
            return file.read(-1 if end is None else max(end - start, 0))

    def write(self, data: bytes, *, overwrite: bool) -> ObjectInfo:
        return self._publish(lambda descriptor, _: _write_all(descriptor, data), overwrite=overwrite)

    def put(self, local_path: str, *, overwrite: bool) -> ObjectInfo:
        _check_regular(local_path)
        _check_room(self.path, os.stat(local_path).st_size)
        return self._publish(lambda descriptor, _: _copy(local_path, descriptor), overwrite=overwrite)

    def fill(self, fill: Fill) -> ObjectInfo:
        """Like :meth:`put`, with what ``fill`` writes."""
        return self._publish(fill, overwrite=True)

    def _publish(self, fill: Fill, *, overwrite: bool) -> ObjectInfo:
        return _describe(self.url, publish(self.path, fill, overwrite=overwrite, guard=self.guard))

    def get(self, local_path: str) -> None:
        _check_regular(self.path)
        fetch(local_path, lambda descriptor, _: _copy(self.path, descriptor), self.guard)

    def sweep(self, is_over: Callable[[Mark], bool], *, deep: bool) -> Sequence[str]:
        """Remove temporary files of owners that are gone from a folder; return their paths."""
        return sweep(self.path, is_over, deep=deep)

    def delete(self) -> None:
        if self.guard is not None:
            self.guard.check()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(self.path)


def publish(target: str, fill: Fill, *, overwrite: bool = True, guard: Guard | None = None) -> os.stat_result:
    """Make a file appear under the name ``target`` with what ``fill`` writes, at once; it survives a loss of power.

    The guard is asked once all of the content is on the disk, when one call is left that makes it visible.

    Args:
        target: Its path; missing folders are made.
        fill: Writes the content.
        overwrite: Whether it may replace a file; otherwise exactly one of several writers wins.
        guard: Asked whether it may appear; its mark is part of the temporary file's name.

    Raises:
        FileExistsError: It exists and ``overwrite`` is False.
    """
    folder, name = os.path.split(os.path.abspath(target))
    _make_folders(folder, durable=True)
    with _temporary(folder, name, guard) as temporary:
        written = _write_temporary(temporary, fill, durable=True)
        if guard is not None:
            guard.check()
        try:
            (os.replace if overwrite else _link)(temporary, target)
        except FileNotFoundError:
            if guard is not None:  # whoever took the job over has removed it
                guard.check()
            raise
    _flush_folder(folder)
    return written


def fetch(target: str, fill: Fill, guard: Guard | None = None) -> None:
    """Like :func:`publish`, for a file that is of use to this process only: nothing is flushed, nobody is asked."""
    folder, name = os.path.split(os.path.abspath(target))
    _make_folders(folder, durable=False)
    with _temporary(folder, name, guard) as temporary:
        _write_temporary(temporary, fill, durable=False)
        os.replace(temporary, target)


@contextlib.contextmanager
def _temporary(folder: str, name: str, guard: Guard | None) -> Iterator[str]:
    """A path in the folder; a file that is there when the block fails is removed."""
    path = os.path.join(folder, part_name(name, guard.mark if guard is not None else Mark()))
    try:
        yield path
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise


def _write_temporary(path: str, fill: Fill, durable: bool) -> os.stat_result:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        fill(descriptor, path)
        if durable:
            os.fsync(descriptor)
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def _link(temporary: str, target: str) -> None:
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise BackendError(
            f"{target} cannot be created exclusively: its file system has no hard links.",
            "Write with overwrite=True, or to another disk.",
            target,
        ) from error
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)


def _make_folders(folder: str, durable: bool) -> None:
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    if parent != folder:
        _make_folders(parent, durable)
    try:
        os.mkdir(folder)
    except FileExistsError as error:
        if not os.path.isdir(folder):
            raise BackendError(f"{folder} is a file: no folder can be made there.", "", folder) from error
    else:
        if durable:
            _flush_folder(parent)


def _flush_folder(folder: str) -> None:
    """Make names in a folder survive a loss of power, where folders can be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data).cast("B")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _copy(source: str, descriptor: int) -> None:
    """Append a file's content: inside the kernel where it can, which shares blocks on some file systems."""
    with open(source, "rb", buffering=0) as file:
        if hasattr(os, "copy_file_range"):
            try:
                while os.copy_file_range(file.fileno(), descriptor, 16 * CHUNK):
                    pass
            except OSError as error:
                if error.errno not in _NO_FAST_COPY:
                    raise
        while chunk := file.read(CHUNK):
            _write_all(descriptor, chunk)


def _check_room(target: str, size: int) -> None:
    """Raise before the disk is filled with what will not fit, for others' sake."""
    disk = Disk.of(os.path.dirname(target))
    if disk is not None and size > disk.free:
        free, needed = f"{disk.free / 2**20:,.1f} MiB", f"{size / 2**20:,.1f} MiB"
        raise NoSpaceError(f"{target} takes {needed}, and {free} are free on its disk.", "", target)


def _check_regular(path: str) -> None:
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise BackendError(f"{path} is not a regular file.", "", path)


def _walk(url: str, folder: str, deep: bool) -> Iterator[ObjectInfo]:
    """Files below a folder, in the order of their URLs. Links to files count, links to folders are not followed."""
    with os.scandir(folder) as entries:
        found = {join(url, entry.name) + "/" * entry.is_dir(follow_symlinks=False): entry for entry in entries}
    for address in sorted(found):
        entry = found[address]
        if address.endswith("/"):
            yield from _walk(address[:-1], entry.path, deep) if deep else ()
        elif not is_part(entry.name):
            yield from _seen(address, entry.path)


def _seen(url: str, path: str) -> Iterator[ObjectInfo]:
    """The file, unless it has gone meanwhile or is a pipe, a device or a link that leads to no file."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return
    if stat.S_ISREG(found.st_mode):
        yield _describe(url, found)


def _describe(url: str, found: os.stat_result) -> ObjectInfo:
    """A replaced file has another inode even where its time and size are those of the one before."""
    is_folder = stat.S_ISDIR(found.st_mode)
    return ObjectInfo(
        url=url,
        size=0 if is_folder else found.st_size,
        version=f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}",
        modified=_moment(found.st_mtime_ns),
        is_folder=is_folder,
    )


def _moment(nanoseconds: int) -> str:
    """RFC 3339, UTC; empty for a time that no calendar has, as a file can have it."""
    try:
        moment = _EPOCH + dt.timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return ""
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
