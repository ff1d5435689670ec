"""Commands about recorded jobs and the queue: status, jobs, cancel, prune, worker. No rasters are opened here."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rastercollection.cli import options
from rastercollection.cli.telling import Output, print_json

if TYPE_CHECKING:
    from rastercollection.job.handle import JobHandle
    from rastercollection.job.reporting import JobReport

__all__ = ["COMMANDS", "arguments_again", "show_queued"]


def show_queued(handle: JobHandle, output: Output) -> int:
    """Tell which job was recorded, and where it stands."""
    report = handle.status()
    if output.json:
        print_json(report.to_dict())
    else:
        sys.stdout.write(f"{handle.job_id}\n")
        if report.is_waiting:
            sys.stderr.write("The job waits for a worker: rastercollection worker.\n")
        else:
            sys.stderr.write(f"The job is {report.job.status}.\n")
    return 0


def arguments_again(job_id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of ``process_collection`` for a recorded job, with what is given over what was submitted."""
    from rastercollection.job.managing import recorded_job
    from rastercollection.job.runtime_options import RuntimeOptions

    job, request = recorded_job(job_id, RuntimeOptions(jobs=given.get("jobs")))
    submitted = job.submission.options if job.submission else {}
    return {**request.to_parameters(), **submitted, **given}


def _status(output: Output, *, job: str, jobs: str | None = None) -> int:
    from rastercollection.cli.terminal import print_status
    from rastercollection.job.managing import status

    report = status(job, jobs=jobs)
    if output.json:
        print_json(report.to_dict())
    else:
        print_status(report, sys.stdout)
    return 0


def _jobs(output: Output, *, statuses: tuple[str, ...] = (), jobs: str | None = None) -> int:
    from rastercollection.cli.terminal import print_jobs
    from rastercollection.job.managing import list_jobs

    reports = list_jobs(statuses=statuses, jobs=jobs)
    if output.json:
        print_json({"jobs": [_in_brief(report) for report in reports]})
    else:
        print_jobs(reports, sys.stdout)
    return 0


def _in_brief(report: JobReport) -> dict[str, Any]:
    """What a list tells of a job; by its id, ``status`` tells the rest."""
    job = report.job
    return {
        "job_id": job.id,
        "job_type": job.job_type,
        "collection_id": job.metadata.get("collection_id"),
        "status": job.status,
        "current_stage": job.current_stage,
        "total_stages": job.total_stages,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "owner": report.owner,
        "waits": report.is_waiting and not report.lost,
        "lost": report.lost,
        "share_url": (job.result or {}).get("share_url"),
    }


def _cancel(output: Output, *, job: str, wait: float = 0.0, jobs: str | None = None) -> int:
    from rastercollection.job.managing import cancel

    report = cancel(job, wait=wait, jobs=jobs)
    if output.json:
        print_json(report.to_dict())
    elif report.job.status.is_final:
        sys.stdout.write(f"{report.job.id} {report.job.status}\n")
    else:
        sys.stdout.write(f"{report.job.id} {report.job.status}: {report.owner or 'its runner'} was asked to end it\n")
    return 0


def _prune(output: Output, *, older_than: float = 0.0, statuses: tuple[str, ...] = (), jobs: str | None = None) -> int:
    from rastercollection.job.managing import prune

    deleted = prune(older_than=older_than, jobs=jobs, **({"statuses": statuses} if statuses else {}))
    if output.json:
        print_json({"deleted": list(deleted)})
    else:
        sys.stdout.write("".join(f"{job_id}\n" for job_id in deleted))
        sys.stderr.write(f"{len(deleted)} jobs were deleted.\n")
    return 0


def _worker(output: Output, *, once: bool = False, drain: bool = False, **given: Any) -> int:
    from rastercollection.cli.worker_log import WorkerLog
    from rastercollection.job.queueing import run_worker
    from rastercollection.job.signals import signals_asking

    stop = threading.Event()
    shown = WorkerLog(sys.stdout if output.json else sys.stderr, json=output.json)
    with signals_asking(stop):
        run_worker(
            **{"executor": "process", **given}, observers=[shown], stop=stop, drain=drain, most=1 if once else None
        )
    return 0


_OF_WORKERS = (
    *("executor", "max_workers", "memory_budget", "worker_memory", "scratch", "storage_options", "allow_private_hosts"),
    *("catalog", "jobs", "verify", "on_tile_error", "task_timeout", "stop_timeout"),
)

COMMANDS = (
    (_status, "Show where a job stands.", options.STATUS, ("jobs",)),
    (_jobs, "List the jobs that are recorded, the latest first.", options.LIST, ("jobs",)),
    (_cancel, "Have a job end, whoever runs it.", options.CANCEL, ("jobs",)),
    (_prune, "Delete records of jobs that have ended; what they published stays.", options.PRUNE, ("jobs",)),
    (_worker, "Take jobs that were submitted for a worker, and run them.", options.WORKER, _OF_WORKERS),
)
"""Each command with what it is about, its own parameters, and the names of those that all commands have alike."""
