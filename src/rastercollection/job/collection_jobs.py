"""The jobs of a collection, as a job store knows them: the command that runs one, and running them again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from rastercollection.core.models import JobRecord
from rastercollection.errors import ObjectNotFoundError, RasterCollectionError
from rastercollection.job.run import CollectionRun
from rastercollection.job.runtime import open_job_store
from rastercollection.job.runtime_options import RuntimeOptions
from rastercollection.model.parameters import parameters
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.addresses import normalise

__all__ = ["command_of", "requests_of", "run_again"]


def requests_of(collection_id: str, folder: str | None, options: RuntimeOptions) -> list[CollectionRequest]:
    """What jobs of a collection have asked for, the latest first; none where there is no job store.

    Args:
        collection_id: Its id in the catalog.
        folder: Where its COGs are; None where that is not known.
        options: With the job store.
    """
    try:
        with open_job_store(options.jobs, make=False) as store:
            records = store.list_jobs()
    except ObjectNotFoundError:
        return []
    found = [request for request in map(_request, records) if request is not None]
    return [
        request
        for request in found
        if request.stac_item_id == collection_id and (folder is None or _place(request) == normalise(folder))
    ]


def _request(record: JobRecord) -> CollectionRequest | None:
    """None of a record of another kind, or of one that cannot be read."""
    try:
        return CollectionRequest.from_parameters(record.parameters)
    except (RasterCollectionError, TypeError, ValueError):
        return None


def _place(request: CollectionRequest) -> str:
    return normalise("/".join([request.output_container, *([request.output_folder] if request.output_folder else [])]))


def run_again(requests: Sequence[CollectionRequest], options: RuntimeOptions) -> None:
    """Do these jobs again as far as anything of them is missing, the first that was asked for first.

    Raises:
        RasterCollectionError: One cannot be done.
    """
    for request in reversed(requests):
        CollectionRun.prepare(request, attrs.evolve(options, verify="checksum")).result()


def command_of(request: CollectionRequest, catalog: str) -> str:
    """The command line that runs a job again and compares the content of all that it made.

    Args:
        request: Of the job.
        catalog: Public address of the catalog; one with a password has to be completed.
    """
    words = [word for name, value in request.to_parameters().items() for word in _words(name, value, request)]
    return shlex.join(
        ["rastercollection", "run", request.container_name, *words, "--catalog", catalog, "--verify", "checksum"]
    )


def _words(name: str, value: Any, request: CollectionRequest) -> Iterator[str]:
    one = parameters(CollectionRequest)[name]
    default = {field.name: field.default for field in attrs.fields(CollectionRequest)}[name]
    if not one.option or not one.option[0].startswith("-") or value in (None, default, [], _filled_in(name, request)):
        return
    if isinstance(value, bool):
        yield one.option[0] if value else f"--no-{one.option[0].removeprefix('--')}"
        return
    for each in value if isinstance(value, list) else [value]:
        yield from (one.option[0], json.dumps(each) if isinstance(each, Mapping) else str(each))


def _filled_in(name: str, request: CollectionRequest) -> Any:
    """What a request makes of a parameter that is not given, where that is told by the others."""
    meant = {"stac_item_id": request.collection_id, "mosaicjson_container": request.output_container}
    return {**meant, "collection_description": f"Raster collection: {request.collection_id}"}.get(name)
