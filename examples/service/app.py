"""Jobs over HTTP: submitting one to a queue, and asking how it stands. Workers do them, in processes of their own.

The job store is named by the environment variable ``RASTERCOLLECTION_JOBS``: ``postgresql://user@host/database``, or
``sqlite:////folder/jobs.db`` for a single machine; by default a file in the user's state folder.
"""

from __future__ import annotations

import os
from typing import Any

import attrs
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from rastercollection import (
    CollectionRequest,
    JobReport,
    ObjectNotFoundError,
    RasterCollectionError,
    RequestError,
    status,
    submit,
)

app = FastAPI(title="Raster collections")

PARAMETERS = frozenset(attrs.fields_dict(CollectionRequest))
"""What a body may hold: what is asked for. How and where jobs run is decided here, not by who asks."""


def jobs() -> str | None:
    """The job store's address."""
    return os.environ.get("RASTERCOLLECTION_JOBS") or None


@app.post("/api/jobs/submit/process_raster_collection")
def submit_job(body: dict[str, Any]) -> JSONResponse:
    """Record a job; the same body is the same job, which is not done twice."""
    unknown = [
        {"parameter": name, "value": "…", "allowed": "is no parameter"} for name in body if name not in PARAMETERS
    ]
    if unknown:
        return _problem(422, "INVALID_REQUEST", "The request has parameters that there are not.", problems=unknown)
    handle = submit(**body, run="worker", jobs=jobs())
    report = handle.status()
    answer = {
        "job_id": handle.job_id,
        "status": str(report.job.status),
        "job_type": report.job.job_type,
        "message": "The job was done before." if report.job.status.is_final else "The job waits for a worker.",
        "status_url": f"/api/jobs/status/{handle.job_id}",
    }
    return JSONResponse(answer, status_code=200 if report.job.status.is_final else 202)


@app.get("/api/jobs/status/{job_id}")
def job_status(job_id: str) -> dict[str, Any]:
    """How a job stands, and what it made once it has ended."""
    return _told(status(job_id, jobs=jobs()))


def _told(report: JobReport) -> dict[str, Any]:
    inside = ("schema_version", "submission")
    return {name: value for name, value in report.to_dict().items() if name not in inside}


@app.exception_handler(RequestValidationError)
def tell_no_object(_: Request, error: RequestValidationError) -> JSONResponse:
    """A body that is no JSON object."""
    problems = [{"parameter": "body", "value": "…", "allowed": str(one["msg"])} for one in error.errors()]
    return _problem(422, "INVALID_REQUEST", "The body must be a JSON object.", problems=problems)


@app.exception_handler(RasterCollectionError)
def tell_problem(_: Request, error: RasterCollectionError) -> JSONResponse:
    """What is wrong with a request is the caller's; what a store cannot do may work later."""
    if isinstance(error, RequestError):
        problems = [problem._asdict() for problem in error.problems]
        return _problem(422, error.code, error.message, error.hint, problems)
    code = 404 if isinstance(error, ObjectNotFoundError) else 503 if error.retryable else 500
    return _problem(code, error.code, error.message, error.hint)


def _problem(status_code: int, code: str, message: str, hint: str = "", problems: Any = ()) -> JSONResponse:
    error = {"code": code, "message": message, "hint": hint, "problems": list(problems)}
    return JSONResponse({"error": error}, status_code=status_code)
