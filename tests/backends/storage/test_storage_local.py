"""Local disks: nobody sees half a file, whenever the writer dies or the disk fails."""

from __future__ import annotations

import errno
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rastercollection.backends.storage.fsspec import FsspecStorage
from rastercollection.errors import (
    BackendError,
    NoSpaceError,
    ObjectExistsError,
    ObjectNotFoundError,
    PermissionDeniedError,
    UnavailableError,
)

OLD, NEW = b"old" * 1000, b"the new content" * 1000

WRITER = """
import sys
from rastercollection.backends.storage.fsspec import FsspecStorage
folder, source = sys.argv[1:]
storage = FsspecStorage()
print("ready", flush=True)
for turn in range(100_000):
    letter = b"abcdefgh"[turn % 8 : turn % 8 + 1]
    storage.write(f"{folder}/written-{turn % 3}", letter * (200_000 + turn % 8))
    storage.put(source, f"{folder}/put-{turn % 3}")
    storage.copy(source, f"{folder}/copied-{turn % 3}")
"""


@pytest.fixture
def storage() -> FsspecStorage:
    return FsspecStorage()


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def is_whole(data: bytes, source: bytes) -> bool:
    return data == source or (len(data) == 200_000 + b"abcdefgh".index(data[:1]) and data.count(data[:1]) == len(data))


def test_killed_writers_leave_whole_objects_only(storage: FsspecStorage, tmp_path: Path) -> None:
    folder, source = tmp_path / "out", tmp_path / "source"
    folder.mkdir()
    data = random.Random(7).randbytes(300_000)
    source.write_bytes(data)
    reads = 0
    for turn in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITER, folder, source], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            end = time.monotonic() + 0.1 + 0.037 * turn
            try:
                while time.monotonic() < end:
                    for info in storage.list(str(folder)):
                        assert is_whole(storage.read(info.url), data), info
                        reads += 1
            finally:
                writer.send_signal(signal.SIGKILL)
    assert reads > 50
    left = list(storage.list(str(folder)))
    kinds = ("written", "put", "copied")
    assert {Path(info.url).name for info in left} <= {f"{kind}-{n}" for kind in kinds for n in range(3)}
    assert all(is_whole(storage.read(info.url), data) for info in left)


class NthCallFails:
    """Wraps a function of ``os``: its n-th call raises."""

    def __init__(self, function: Callable[..., Any], nth: int, number: int) -> None:
        self.function, self.nth, self.number, self.calls = function, nth, number, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == self.nth:
            raise OSError(self.number, os.strerror(self.number))
        return self.function(*args, **kwargs)


def short_write(descriptor: int, data: memoryview) -> int:
    return REAL_WRITE(descriptor, bytes(data[:4096]))


REAL_WRITE = os.write
FAULTS = {
    "write": (short_write, errno.ENOSPC, NoSpaceError),
    "copy_file_range": (os.copy_file_range, errno.ENOSPC, NoSpaceError),
    "open": (os.open, errno.EMFILE, UnavailableError),
    "fsync": (os.fsync, errno.EIO, UnavailableError),
    "replace": (os.replace, errno.EACCES, PermissionDeniedError),
    "link": (os.link, errno.EIO, UnavailableError),
    "mkdir": (os.mkdir, errno.EROFS, PermissionDeniedError),
}


@pytest.mark.parametrize("operation", ["write", "put", "write exclusively"])
@pytest.mark.parametrize("name", list(FAULTS))
def test_every_failing_step_leaves_old_or_new(
    storage: FsspecStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, operation: str
) -> None:
    """Fail the first call, then the second, and so on, until the operation succeeds."""
    function, number, expected = FAULTS[name]
    source = tmp_path / "source"
    source.write_bytes(NEW)
    exclusive = operation == "write exclusively"
    for nth in range(1, 50):
        target = tmp_path / f"{nth}" / "folder" / "target"
        if not exclusive and name != "mkdir":
            target.parent.mkdir(parents=True)
            target.write_bytes(OLD)
        before = {OLD} if target.exists() else {None}
        fault = NthCallFails(function, nth, number)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fault)
            try:
                if operation == "put":
                    storage.put(str(source), str(target))
                else:
                    storage.write(str(target), NEW, overwrite=not exclusive)
                failed = False
            except expected as error:
                failed, about = True, error.target
        found = target.read_bytes() if target.exists() else None
        assert found in before | {NEW}
        assert failed or found == NEW
        assert not failed or about.startswith(str(tmp_path))
        assert not target.parent.exists() or names(target.parent) in ([], ["target"])
        if not failed:
            assert fault.calls < nth
            return
    pytest.fail("it never succeeded")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc to look into")
def test_content_reaches_the_disk_before_its_name_does(
    storage: FsspecStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        steps.append(("flush", os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))))
        fsync(descriptor)

    def rename(source: str, target: str) -> None:
        steps.append(("rename", os.path.basename(source)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    storage.write(str(tmp_path / "new" / "target"), b"x")
    temporary = steps[1][1]
    assert temporary.endswith(".part")
    assert steps == [("flush", tmp_path.name), ("flush", temporary), ("rename", temporary), ("flush", "new")]


def test_a_file_moved_in_with_equal_time_and_size_has_another_version(storage: FsspecStorage, tmp_path: Path) -> None:
    """As archives do, which carry the times of what is in them."""
    tile, update = tmp_path / "tile.tif", tmp_path / "update.tif"
    for path, content in ((tile, b"old"), (update, b"new")):
        path.write_bytes(content)
        os.utime(path, ns=(1_500_000_000_000_000_000, 1_500_000_000_000_000_000))
    before = storage.stat(str(tile))
    update.replace(tile)
    after = storage.stat(str(tile))
    assert (before.modified, before.size) == (after.modified, after.size)
    assert after.modified == "2017-07-14T02:40:00.000000Z"
    assert before.version != after.version


def test_interrupts_clean_up_too(storage: FsspecStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        storage.write(str(tmp_path / "target"), b"x")
    assert names(tmp_path) == []


def test_kernels_that_cannot_copy_are_helped(
    storage: FsspecStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.copy_file_range, []

    def across_disks(source: int, target: int, count: int) -> int:
        calls.append(count)
        if len(calls) > 1:
            raise OSError(errno.EXDEV, "not here")
        return real(source, target, 5000)

    monkeypatch.setattr(os, "copy_file_range", across_disks)
    (tmp_path / "source").write_bytes(NEW)
    storage.put(str(tmp_path / "source"), str(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == NEW
    assert len(calls) == 2


def test_disks_without_links_refuse_exclusive_writes(
    storage: FsspecStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", NthCallFails(os.link, 1, errno.EOPNOTSUPP))
    with pytest.raises(BackendError, match="hard links"):
        storage.write(str(tmp_path / "target"), b"x", overwrite=False)
    assert names(tmp_path) == []


def test_leftovers_of_dead_writers_do_not_show(
    storage: FsspecStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", NthCallFails(os.replace, 1, errno.EIO))
    monkeypatch.setattr(os, "unlink", NthCallFails(os.unlink, 1, errno.EIO))
    with pytest.raises(UnavailableError):
        storage.write(str(tmp_path / "a tile.tif"), b"x")
    left = names(tmp_path)
    assert len(left) == 1
    assert left[0].startswith(".a tile.tif.")
    assert list(storage.list(str(tmp_path))) == []


def test_the_longest_names_can_be_written(storage: FsspecStorage, tmp_path: Path) -> None:
    for name in ("x" * 251 + ".tif", "ж" * 125 + ".tif"):
        storage.write(str(tmp_path / name), b"x")
    too_long = str(tmp_path / ("x" * 300))
    assert not storage.exists(too_long)
    with pytest.raises(BackendError, match="name too long"):
        storage.write(too_long, b"x")


def test_other_users_may_read_what_is_written(storage: FsspecStorage, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        storage.write(str(tmp_path / "new" / "target"), b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "target").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o755


def test_links(storage: FsspecStorage, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    (outside / "more").mkdir(parents=True)
    (outside / "tile.tif").write_bytes(b"tile")
    (outside / "more" / "secret.tif").write_bytes(b"secret")
    (inside / "folder").mkdir(parents=True)
    (inside / "linked.tif").symlink_to(outside / "tile.tif")
    (inside / "folder" / "up").symlink_to(inside)
    (inside / "out").symlink_to(outside)
    (inside / "dangling.tif").symlink_to(outside / "nothing")
    (inside / "circle.tif").symlink_to(inside / "circle.tif")
    assert [(info.url, info.size) for info in storage.list(str(inside))] == [(f"{inside}/linked.tif", 4)]
    assert not storage.exists(str(inside / "dangling.tif"))
    assert not storage.exists(str(inside / "circle.tif"))
    with pytest.raises(ObjectNotFoundError):
        storage.read(str(inside / "circle.tif"))
    assert [info.url for info in storage.list(str(inside / "out"))] == [
        f"{inside}/out/more/secret.tif",
        f"{inside}/out/tile.tif",
    ]
    storage.write(str(inside / "linked.tif"), b"replaced")
    assert (outside / "tile.tif").read_bytes() == b"tile"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_hang_nobody(storage: FsspecStorage, tmp_path: Path) -> None:
    pipe = str(tmp_path / "pipe.tif")
    os.mkfifo(pipe)
    assert list(storage.list(str(tmp_path))) == []
    with pytest.raises(BackendError, match="regular file"):
        storage.read(pipe)
    with pytest.raises(BackendError, match="regular file"):
        storage.put(pipe, str(tmp_path / "copy"))


def test_wrong_places_are_named(storage: FsspecStorage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BackendError, match="file is a file"):
        storage.write(str(tmp_path / "file" / "below" / "target"), b"x")
    for overwrite in (True, False):
        with pytest.raises(BackendError) as caught:
            storage.write(str(tmp_path / "folder"), b"x", overwrite=overwrite)
        assert isinstance(caught.value, ObjectExistsError) is not overwrite
    with pytest.raises(BackendError):
        storage.delete(str(tmp_path / "folder"))
    assert names(tmp_path) == ["file", "folder"]


AS_NOBODY = """
import os
from rastercollection.errors import PermissionDeniedError
from rastercollection.backends.storage.fsspec import FsspecStorage
os.setuid(65534)
storage = FsspecStorage()
for attempt in (
    lambda: list(storage.list("{folder}")),
    lambda: storage.exists("{folder}/shut/tile.tif"),
    lambda: storage.write("{folder}/new.tif", b"x"),
):
    try:
        attempt()
    except PermissionDeniedError as error:
        print(error.code)
"""


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes another user")
def test_folders_that_cannot_be_read_are_not_passed_over() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "shut").mkdir(mode=0o700)
        (Path(folder) / "shut" / "tile.tif").write_bytes(b"x")
        Path(folder).chmod(0o755)
        script = AS_NOBODY.format(folder=folder)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["PERMISSION_DENIED"] * 3


def test_local_use_loads_no_fsspec(tmp_path: Path) -> None:
    script = f"""
import sys
from rastercollection.backends.storage.fsspec import FsspecStorage
storage = FsspecStorage()
storage.write({str(tmp_path / "x")!r}, b"x")
list(storage.list({str(tmp_path)!r}))
print(sorted({{"fsspec", "rasterio", "numpy"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_relative_paths_are_as_given(storage: FsspecStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    storage.write("folder/x.tif", b"x")
    assert [info.url for info in storage.list("folder")] == ["folder/x.tif"]
    assert storage.public_url("folder/x.tif") == str(tmp_path / "folder" / "x.tif")
    source = storage.gdal_source("folder/x.tif")
    assert source is not None
    assert source.path == str(tmp_path / "folder" / "x.tif")
    assert pickle.loads(pickle.dumps(storage)) == storage


@pytest.mark.parametrize(
    ("seconds", "modified"),
    [(-86400, "1969-12-31T00:00:00.000000Z"), (0, "1970-01-01T00:00:00.000000Z"), (2**40, ""), (-(2**40), "")],
)
def test_file_times_are_told_as_far_as_calendars_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, modified: str
) -> None:
    (tmp_path / "x").write_bytes(b"x")
    found = os.stat(tmp_path / "x")

    class Odd:
        st_mtime_ns = seconds * 10**9

        def __getattr__(self, name: str) -> object:
            return getattr(found, name)

    monkeypatch.setattr("rastercollection.backends.storage.local.os.stat", lambda *_, **__: Odd())
    assert FsspecStorage().stat(str(tmp_path / "x")).modified == modified
