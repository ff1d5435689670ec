"""Who runs a job: processes, the leases they hold on jobs, and the marks by which their temporary files are known."""

from __future__ import annotations

import contextlib
import enum
import functools
import hashlib
import os
import re
import socket
import uuid
from pathlib import Path
from typing import Self

import attrs

__all__ = ["Lease", "Mark", "Owner", "Wish"]

_OWNER = re.compile(r"(?P<machine>[0-9a-f]{16})\.(?P<process>\d+)\.(?P<started>\d+)")
_MARK = re.compile(rf"(?P<job>[0-9a-f]{{0,12}})\.(?P<token>\d+)\.(?P<owner>{_OWNER.pattern})")


@attrs.frozen(kw_only=True)
class Owner:
    """A process of some machine.

    Attributes:
        machine: 16 hexadecimal digits, different for machines, and for containers on one, that do not see each other's
            processes.
        process: Its id.
        started: When it started, in the system's clock ticks since the machine did; 0 where the system does not tell.
            It tells a process from a later one with the same id.
        host: Name of the machine, for people.
    """

    machine: str
    process: int
    started: int = 0
    host: str = attrs.field(default="", eq=False)

    @classmethod
    def current(cls) -> Self:
        """This process."""
        return cls(machine=_machine(), process=os.getpid(), started=_own_start(), host=socket.gethostname())

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What :attr:`text` was made of; None where it is none."""
        found = _OWNER.fullmatch(text)
        if found is None:
            return None
        return cls(machine=found["machine"], process=int(found["process"]), started=int(found["started"]))

    @property
    def text(self) -> str:
        """Machine, process and start as text that file names can hold."""
        return f"{self.machine}.{self.process}.{self.started}"

    @property
    def is_dead(self) -> bool:
        """Whether it is known to have ended; never of a process of another machine, which cannot be asked."""
        if self.machine != _machine() or os.name != "posix":
            return False
        if not _is_running(self.process):
            return True
        return self.started > 0 and _started(self.process) not in (self.started, None)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host or 'machine ' + self.machine}"


class Wish(enum.StrEnum):
    """What somebody else wants of the runner of a job, which hears of it when it renews its lease."""

    NONE = ""
    CANCEL = "cancel"
    HAND_OVER = "hand_over"


@attrs.frozen(kw_only=True)
class Lease:
    """The right to run a job and to write for it, as a job store knows it.

    Attributes:
        job_id: The job.
        token: Larger than that of any lease before it: what was written under an older one is refused.
        owner: Who holds it.
        wish: What somebody else wants of the owner.
        age: Seconds since it was acquired or last renewed, by the store's clock.
        left: Seconds until another may acquire it; not positive once that is so.
        claims: How often workers have taken the job from the queue since it last ended, or was handed back.
    """

    job_id: str
    token: int
    owner: Owner
    wish: Wish = Wish.NONE
    age: float = 0.0
    left: float = 0.0
    claims: int = 0

    @property
    def is_dead(self) -> bool:
        """Whether nobody goes by it any more: its time is over, or its owner is known to have ended."""
        return self.left <= 0 or self.owner.is_dead


def _beginning(job_id: str) -> str:
    return job_id[:12] if re.fullmatch("[0-9a-f]+", job_id) else ""


@attrs.frozen(kw_only=True)
class Mark:
    """Whose a temporary file or folder is; part of its name.

    Attributes:
        job: The beginning of the job's id; empty outside of jobs.
        token: Of the lease under which it was made; 0 outside of jobs.
        owner: The process that made it.
    """

    job: str = attrs.field(default="", converter=_beginning)
    token: int = 0
    owner: Owner = attrs.field(factory=Owner.current)

    @property
    def text(self) -> str:
        """As it stands in names."""
        return f"{self.job}.{self.token}.{self.owner.text}"

    @classmethod
    def read(cls, text: str) -> Self | None:
        """What :attr:`text` was made of; None where it is none."""
        found = _MARK.fullmatch(text)
        owner = Owner.read(found["owner"]) if found else None
        if found is None or owner is None:
            return None
        return cls(job=found["job"], token=int(found["token"]), owner=owner)

    def is_over(self, job_id: str, token: int) -> bool:
        """Whether nobody will go on with what it marks, as far as the holder of a lease on a job can tell.

        Args:
            job_id, token: Of the lease that is held.
        """
        is_older = self.job != "" and job_id.startswith(self.job) and self.token < token
        return is_older or self.owner.is_dead


def _is_running(process: int) -> bool:
    """One that has ended and that its parent has not asked about yet is there, and does nothing any more."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return _stat(process)[:1] not in (["Z"], ["X"])


def _started(process: int) -> int | None:
    """Clock ticks from the machine's start to the process's; None where that cannot be told."""
    with contextlib.suppress(ValueError, IndexError):
        return int(_stat(process)[19])
    return None


@functools.cache
def _own_start() -> int:
    return _started(os.getpid()) or 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_own_start.cache_clear)


def _stat(process: int) -> list[str]:
    """What Linux tells of a process, from its state on; empty elsewhere."""
    with contextlib.suppress(OSError):
        # the name in parentheses may hold anything
        return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return []


@functools.cache
def _machine() -> str:
    names = [socket.gethostname(), str(uuid.getnode())]
    with contextlib.suppress(OSError):
        names += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
