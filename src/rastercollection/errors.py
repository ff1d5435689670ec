"""Every error the library raises.

::

    RasterCollectionError
    ├── RequestError                 the request is wrong; lists all problems at once
    │   ├── OutputTakenError         what it would write belongs to another collection, or to somebody else
    │   └── OtherSourceError         its tiles would take the place of tiles that were made of other sources
    ├── WorkflowDefinitionError      a workflow, stage or task is declared wrongly
    ├── TaskError                    one attempt at one task failed
    │   ├── TileError                the tile itself is at fault, as its own bytes prove; trying again cannot help
    │   ├── MachineError             the machine has no memory, no disk or no threads left, or lacks what it takes
    │   └── WorkerDiedError          the process that ran the task is gone
    ├── JobFailedError               the job as a whole failed; carries the result
    ├── JobCancelledError            the job was cancelled; carries the result
    ├── JobBusyError                 another process is running the same job
    │   ├── JobHandedOverError       another process asked for the job, and goes on with it
    │   └── LeaseLostError           another process has taken the job over while it ran here
    ├── ExecutorError
    │   ├── ExecutorBrokenError      the executor can run nothing more
    │   └── ForkedProcessError       this process was forked from one that had done a job, and lacks its threads
    ├── UnknownNameError             a name that no registry knows; lists the known ones
    ├── MainThreadError              it can be done in the main thread only
    ├── MissingExtraError            an optional dependency is not installed
    ├── ViewError                    the viewer cannot show a collection, or cannot be started
    └── BackendError                 storage, catalog or job store
        ├── RecordUnreadableError    a record of a job is damaged, or of a newer release
        ├── NoSpaceError             the disk, the quota or the store is full
        ├── ObjectNotFoundError
        ├── ObjectExistsError
        ├── PreconditionError        the object or record changed in the meantime
        ├── PermissionDeniedError
        ├── PrivateAddressError      a web address leads into this machine's own networks
        ├── UnavailableError         may work again later
        ├── CatalogIncompleteError   the catalog does not hold what it was sent
        └── CatalogSetupError        the catalog's database is not set up for it; adapters say in what respect

``JobInterrupted`` stands beside the tree: it is a KeyboardInterrupt. Every error has a stable ``code``, a ``hint`` that
says what to do, ``retryable`` and ``settled``. All of them pickle: each passes its arguments positionally to
``super().__init__``. What only one vendor's system can lack is a class beside its adapter, below one of these.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from rastercollection.disclosure.escaping import safe_text
from rastercollection.disclosure.redaction import redacted, redacted_values

__all__ = [
    "BackendError",
    "CatalogIncompleteError",
    "CatalogSetupError",
    "ExecutorBrokenError",
    "ExecutorError",
    "ForkedProcessError",
    "JobBusyError",
    "JobCancelledError",
    "JobFailedError",
    "JobHandedOverError",
    "JobInterrupted",
    "LeaseLostError",
    "MachineError",
    "MainThreadError",
    "MissingExtraError",
    "NoSpaceError",
    "ObjectExistsError",
    "ObjectNotFoundError",
    "OtherSourceError",
    "OutputTakenError",
    "PermissionDeniedError",
    "PreconditionError",
    "PrivateAddressError",
    "RasterCollectionError",
    "RecordUnreadableError",
    "RequestError",
    "RequestProblem",
    "TaskError",
    "TileError",
    "UnavailableError",
    "UnknownNameError",
    "ViewError",
    "WorkerDiedError",
    "WorkflowDefinitionError",
]


class RasterCollectionError(Exception):
    """Root of the tree: ``except RasterCollectionError`` catches all that the library raises on purpose.

    Attributes:
        message: What happened, to what.
        hint: What the reader can do about it; may be empty.
        code: Stable identifier, listed in the documentation's error page.
        retryable: Whether the same call may succeed later with nothing changed.
        settled: Whether it was proven that the fault lies in the input, so that a job that meets it again would only
            fail again. False of everything else: what may be otherwise next time is tried again next time.

    Message and hint hold no secrets and no control characters, whatever they were made of; line feeds only in errors
    that list several things.
    """

    code: str = "RASTERCOLLECTION_ERROR"
    retryable: bool = False
    settled: ClassVar[bool] = False
    has_lines: ClassVar[bool] = False

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = safe_text(message, lines=self.has_lines)
        self.hint = safe_text(hint, lines=self.has_lines)
        super().__init__(self.message, self.hint)

    def __str__(self) -> str:
        text = f"[{self.code}] {self.message}"
        return f"{text} {self.hint}" if self.hint else text


class RequestProblem(NamedTuple):
    """One thing wrong with a request. ``value`` is shown as Python would, ``allowed`` says what is expected."""

    parameter: str
    value: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.parameter}={self.value}: {self.allowed}"

    @property
    def suggestion(self) -> str:
        """What was probably meant; empty where nothing is close."""
        meant = re.search(r"did you mean (.+)\?", self.allowed)
        return meant[1] if meant else ""


class RequestError(RasterCollectionError):
    """The request cannot be run as it stands. ``problems`` holds every one found, not just the first."""

    code = "INVALID_REQUEST"
    has_lines = True

    def __init__(self, problems: Sequence[RequestProblem]) -> None:
        self.problems = tuple(RequestProblem(*map(safe_text, problem)) for problem in problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''}"
        super().__init__(f"{count} with the request:\n{lines}")
        self.args = (self.problems,)


class OutputTakenError(RequestError):
    """What the job would write is there, or reserved, and is another collection's or somebody else's."""

    code = "OUTPUT_TAKEN"


class OtherSourceError(RequestError):
    """Tiles of the job would take the place of tiles of the same names that were made of other sources."""

    code = "OTHER_SOURCE"


class WorkflowDefinitionError(RasterCollectionError):
    code = "INVALID_WORKFLOW"


class TaskError(RasterCollectionError):
    """One attempt at one task failed.

    Handlers raise it with a code of their own; the engine fills in where it happened.

    Args:
        message: What happened.
        hint: What to do about it.
        code: Stable code; the class's own when empty.
        retryable: Whether another attempt may succeed.
        details: JSON-able facts for machines.
    """

    code = "TASK_FAILED"

    def __init__(
        self,
        message: str,
        hint: str = "",
        code: str = "",
        retryable: bool | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.code = code or type(self).code
        self.retryable = type(self).retryable if retryable is None else retryable
        self.details = dict(redacted_values(details or {}))
        self.args = (self.message, self.hint, self.code, self.retryable, self.details)


class TileError(TaskError):
    """The tile itself is at fault (``FILE_UNREADABLE``, ``NO_RASTER_BAND`` …): it is skipped, the rest goes on.

    It is raised where the bytes of the input prove that the same task can only fail again, and nowhere else: the next
    call does not try it again as long as input and parameters are the same.
    """

    code = "TILE_FAILED"
    settled = True


class MachineError(TaskError):
    """The machine has no memory left, no disk (``NO_SPACE``), no threads (``NO_THREADS``): elsewhere, or later, it may.

    So it is with a library on it that lacks what the task takes (``CODEC_MISSING``).
    """

    code = "OUT_OF_MEMORY"


class WorkerDiedError(TaskError):
    """The worker that ran the task is gone (killed, out of memory, crashed in native code)."""

    code = "WORKER_DIED"
    retryable = True


class JobFailedError(RasterCollectionError):
    """The job failed. ``result`` is the :class:`~rastercollection.JobResult` as far as the job came."""

    code = "JOB_FAILED"
    has_lines = True

    def __init__(self, message: str, hint: str = "", result: Any = None) -> None:
        super().__init__(message, hint)
        self.result = result
        self.args = (self.message, self.hint, result)


class JobCancelledError(JobFailedError):
    """The job was cancelled; what had finished is recorded and the same call resumes there."""

    code = "JOB_CANCELLED"


class JobInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a job: what had finished is recorded, and the same call resumes there.

    Attributes:
        result: The :class:`~rastercollection.JobResult` as far as the job came.
    """

    def __init__(self, message: str, result: Any = None) -> None:
        super().__init__(message, result)
        self.result = result

    def __str__(self) -> str:
        return str(self.args[0])


class JobBusyError(RasterCollectionError):
    code = "JOB_BUSY"
    retryable = True


class JobHandedOverError(JobBusyError):
    """Another process asked for the job, and goes on with it; what was done here is recorded."""

    code = "JOB_HANDED_OVER"
    retryable = False


class LeaseLostError(JobBusyError):
    """Another process has taken the job over while it ran here: nothing more is written here."""

    code = "LEASE_LOST"
    retryable = False

    @classmethod
    def of(cls, job_id: str, owner: str) -> LeaseLostError:
        """The error that tells of which job, and of who runs it now, where that is known."""
        by = f" by {owner}" if owner else ""
        return cls(
            f"Job {job_id} was taken over{by} while it ran here: nothing more is written here.",
            "Watch it with status(), or run it again: what is done is taken over.",
        )


class ExecutorError(RasterCollectionError):
    code = "EXECUTOR_ERROR"
    has_lines = True


class ExecutorBrokenError(ExecutorError):
    code = "EXECUTOR_BROKEN"


class ForkedProcessError(ExecutorError):
    """This process was forked from one that had done a job: threads of that one, which are needed, are not here."""

    code = "FORKED_PROCESS"
    settled = False


class UnknownNameError(RasterCollectionError):
    """A name that nobody registered."""

    code = "UNKNOWN_NAME"

    def __init__(self, kind: str, name: str, known: Sequence[str]) -> None:
        self.kind, self.name, self.known = kind, redacted(name), tuple(sorted(known))
        super().__init__(f"No {kind} is called {self.name!r}.", f"Known: {', '.join(self.known) or 'none'}.")
        self.args = (kind, self.name, self.known)


class MainThreadError(RasterCollectionError):
    """Something that Python allows in the main thread only."""

    code = "NOT_MAIN_THREAD"


class MissingExtraError(RasterCollectionError):
    """An optional dependency is not installed."""

    code = "MISSING_EXTRA"

    def __init__(self, feature: str, extra: str) -> None:
        self.feature, self.extra = feature, extra
        super().__init__(
            f"{feature} needs the extra {extra!r}.", f"Install it: pip install 'rastercollection[{extra}]'"
        )
        self.args = (feature, extra)


class ViewError(RasterCollectionError):
    """The viewer cannot show a collection, or cannot be started."""

    code = "VIEW_FAILED"


class BackendError(RasterCollectionError):
    """A storage, catalog or job store operation failed. ``target`` is what it was about, without credentials."""

    code = "BACKEND_ERROR"
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, hint: str = "", target: str = "") -> None:
        super().__init__(message, hint or self.default_hint)
        self.target = redacted(target)
        self.args = (self.message, self.hint, self.target)


class NoSpaceError(BackendError):
    code = "NO_SPACE"
    default_hint = "Free some space, or write somewhere else (output_container)."


class RecordUnreadableError(BackendError):
    """A job store's record of a job or of a task is damaged, or was written by a newer release."""

    code = "RECORD_UNREADABLE"


class ObjectNotFoundError(BackendError):
    code = "OBJECT_NOT_FOUND"


class ObjectExistsError(BackendError):
    code = "OBJECT_EXISTS"


class PreconditionError(BackendError):
    code = "PRECONDITION_FAILED"


class PermissionDeniedError(BackendError):
    code = "PERMISSION_DENIED"
    default_hint = "Check the permissions, or the credentials in storage_options."


class PrivateAddressError(BackendError):
    """A web address leads to this machine, its private network or a cloud's metadata server, which is not allowed."""

    code = "PRIVATE_ADDRESS"


class UnavailableError(BackendError):
    code = "UNAVAILABLE"
    retryable = True
    default_hint = "Try again later; if it stays so, check the address, the network and the state of the store."


class CatalogIncompleteError(BackendError):
    """The catalog did not store what it was sent; it was left as it was."""

    code = "CATALOG_INCOMPLETE"
    default_hint = "Look for triggers, rules or row security on the catalog's tables."


class CatalogSetupError(BackendError):
    """A catalog's database answers, but is not set up for it."""

    code = "CATALOG_SETUP"
