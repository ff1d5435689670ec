"""Clusters of Dask: one of our own on this machine, one at an address, or one behind a given client."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.core.lease import Mark
from rastercollection.core.temporaries import temporary_folder
from rastercollection.errors import ExecutorError, MissingExtraError
from rastercollection.executors.lifecycle import check_workers

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Connection", "connect", "load_distributed"]


@attrs.frozen(kw_only=True)
class Connection:
    """A client, what of it is ours to close, and what may be assumed of the cluster behind it."""

    client: Any
    owns_client: bool = False
    own_cluster: Any = None
    own_workers: int = 0
    shares_memory: bool = False
    shares_filesystem: bool = False


def load_distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise MissingExtraError("The Dask executor", "dask") from error


def connect(cluster: Client | str | None, max_workers: int | None) -> Connection:
    """A client of the cluster that was meant, which is started where none was.

    Raises:
        MissingExtraError: ``distributed`` is not installed.
        ExecutorError: The cluster cannot be reached or started, or is none.
    """
    distributed = load_distributed()
    if cluster is None:
        return _start_cluster(check_workers(max_workers))
    if isinstance(cluster, str):
        return _reach(cluster)
    if not isinstance(cluster, distributed.Client):
        raise ExecutorError(f"{cluster!r} is no Dask cluster.", "Give a scheduler's address, or a distributed.Client.")
    if cluster.asynchronous:
        raise ExecutorError(
            "An asynchronous Dask client cannot run tasks.", "Make the Client without asynchronous=True."
        )
    return Connection(
        client=cluster,
        shares_memory=cluster.scheduler_info()["address"].startswith("inproc://"),
        shares_filesystem=isinstance(cluster.cluster, distributed.LocalCluster) or _sees_our_files(cluster),
    )


def _start_cluster(workers: int) -> Connection:
    distributed = load_distributed()
    _check_semaphores()
    try:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            # without an address the scheduler takes port 8787, and warns where another one has it
            scheduler_kwargs={"allowed_failures": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
        )
    except (OSError, RuntimeError) as error:
        raise ExecutorError(
            f"A local Dask cluster cannot be started: {error}.",
            "In a script, start jobs under `if __name__ == '__main__':`.",
        ) from error
    client = distributed.Client(cluster, set_as_default=False)
    return Connection(client=client, owns_client=True, own_cluster=cluster, own_workers=workers, shares_filesystem=True)


def _check_semaphores() -> None:
    """Workers and their nannies take turns by semaphores, which some containers have no place for."""
    try:
        multiprocessing.get_context("spawn").Lock()
    except (OSError, ImportError) as error:
        raise ExecutorError(
            f"A local Dask cluster cannot be started: there is no usable /dev/shm, where it has semaphores ({error}).",
            "Mount it (`docker run --shm-size=64m`), or take executor='process', which needs none.",
        ) from error


def _reach(address: str) -> Connection:
    distributed = load_distributed()
    try:
        client = distributed.Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ExecutorError(
            f"No Dask scheduler answers at {address!r}: {error}.", "Check the address, and that it runs."
        ) from error
    return Connection(client=client, owns_client=True, shares_filesystem=_sees_our_files(client))


def _sees_our_files(client: Any) -> bool:
    """Whether there are workers, and all of them read a file that was just written here."""
    token = uuid.uuid4().hex
    with temporary_folder(Mark()) as folder:
        (folder / "token").write_text(token)
        answers = client.run(_reads, str(folder / "token"), token, on_error="return")
    return bool(answers) and all(answer is True for answer in answers.values())


def _reads(path: str, content: str) -> bool:
    try:
        return Path(path).read_text() == content
    except OSError:
        return False
