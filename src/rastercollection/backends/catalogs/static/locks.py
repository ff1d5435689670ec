"""Publishers of one collection take turns: who may write is told by an object in storage that only one can create.

Storage has no compare-and-swap, but it can create an object exclusively. The owner of the object renews it while it
works. One that is no longer renewed is taken away: its owner died. On the machine where it died that is seen at once.
"""

from __future__ import annotations

import contextlib
import json
import random
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

import attrs

from rastercollection.core.lease import Owner
from rastercollection.core.patience import Patience
from rastercollection.errors import BackendError, ObjectExistsError, ObjectNotFoundError, UnavailableError
from rastercollection.ports.storage import StorageBackend

__all__ = ["PublishingLock", "publishing_lock"]

RENEWED_EVERY = 5.0
ABANDONED_AFTER = 30.0
PATIENCE = 900.0
LONGEST_PAUSE = 0.5
GIVEN_BACK_WITHIN = 10.0

_held: set[str] = set()
"""Locks of this process, to tell those of its own that were never ended from those under way."""


@attrs.define
class PublishingLock:
    """The right to write, while it lasts.

    Attributes:
        storage, url: The object that stands for it.
        owner: Random, of this lock alone.
        exclusive: False where the store cannot create exclusively: others may then write, too.
    """

    storage: StorageBackend
    url: str
    owner: str = attrs.field(factory=lambda: secrets.token_hex(8))
    exclusive: bool = True
    _ended: threading.Event = attrs.field(factory=threading.Event)

    def check(self) -> None:
        """Raise unless the lock is still this one's.

        Raises:
            UnavailableError: Another publisher took it for abandoned, as after a long standstill of the machine.
        """
        if self.exclusive and _owner(_read(self.storage, self.url)) != self.owner:
            raise UnavailableError(
                "Another program took over while this one published to the collection.", "Run the job again.", self.url
            )

    def keep(self) -> None:
        """Renew the object until the lock is ended or lost; runs in a thread."""
        number = 0
        while not self._ended.wait(RENEWED_EVERY):
            number += 1
            with contextlib.suppress(BackendError):
                if _owner(_read(self.storage, self.url)) != self.owner:
                    return
                self.storage.write(self.url, self.content(number))

    def end(self) -> None:
        """Let the next one in."""
        self._ended.set()

    def content(self, number: int = 0) -> bytes:
        return json.dumps({"owner": self.owner, "process": Owner.current().text, "n": number}).encode()


@contextlib.contextmanager
def publishing_lock(storage: StorageBackend, url: str) -> Iterator[PublishingLock]:
    """Wait until no one else publishes, and keep others waiting until the block is left.

    Raises:
        UnavailableError: Others have been publishing for a quarter of an hour.
    """
    lock = PublishingLock(storage, url)
    _held.add(lock.owner)
    try:
        _wait_for(lock)
        keeper = threading.Thread(target=lock.keep, name="rastercollection-lock", daemon=True)
        try:
            keeper.start()
            yield lock
        finally:
            lock.end()
            if keeper.ident is not None:  # the system may have no thread left to start it in
                keeper.join()
            _give_back(lock)
    finally:
        _held.discard(lock.owner)


def _wait_for(lock: PublishingLock) -> None:
    began = time.monotonic()
    seen, since, pause = b"", began, 0.01
    while not _created(lock):
        content = _read(lock.storage, lock.url)
        if content != seen:
            seen, since = content, time.monotonic()
        if content and (time.monotonic() - since > ABANDONED_AFTER or _is_dead(content)):
            _take_away(lock, content)
            continue
        if time.monotonic() - began > PATIENCE:
            raise UnavailableError(
                "Another program has been publishing to this collection all the time.", "Try again later.", lock.url
            )
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(LONGEST_PAUSE, 1.5 * pause)


def _created(lock: PublishingLock) -> bool:
    try:
        lock.storage.write(lock.url, lock.content(), overwrite=False)
    except ObjectExistsError:
        return False
    except BackendError as error:
        if type(error) is not BackendError:
            raise
        lock.exclusive = False  # the disk has no way to create a file exclusively
    return True


def _take_away(lock: PublishingLock, content: bytes) -> None:
    if _read(lock.storage, lock.url) == content:
        lock.storage.delete(lock.url)


def _give_back(lock: PublishingLock) -> None:
    """What fails here, for longer than a moment, fails nothing: others see that the lock is no longer renewed."""

    def remove() -> None:
        if lock.exclusive and _owner(_read(lock.storage, lock.url)) == lock.owner:
            lock.storage.delete(lock.url)

    with contextlib.suppress(BackendError):
        Patience(seconds=GIVEN_BACK_WITHIN).call(remove, "giving back a lock")


def _read(storage: StorageBackend, url: str) -> bytes:
    try:
        return storage.read(url)
    except ObjectNotFoundError:
        return b""


def _fields(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _owner(content: bytes) -> Any:
    return _fields(content).get("owner")


def _is_dead(content: bytes) -> bool:
    """Whether the owner is known to be gone: a process of this machine that has ended, or a lock that it gave up."""
    fields = _fields(content)
    process = Owner.read(str(fields.get("process")))
    if process is None:
        return False
    return fields.get("owner") not in _held if process == Owner.current() else process.is_dead
