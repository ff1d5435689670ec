"""One call of ``process_collection``: from a checked request to a result, or to the finished job of an earlier call."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, cast

import attrs

from rastercollection.core.engine.engine import Engine
from rastercollection.core.events import Observer
from rastercollection.core.job_store import JobStore
from rastercollection.core.models import JobRecord, JobStatus, Notice, TaskResult, TaskStatus
from rastercollection.core.records import digest
from rastercollection.core.workflow import Workflow
from rastercollection.errors import BackendError, JobCancelledError, JobFailedError, ObjectExistsError
from rastercollection.job.collection_workflow import JOB_TYPE
from rastercollection.job.result import JobResult
from rastercollection.job.runtime import Runtime, RuntimeOptions, open_runtime, open_storage
from rastercollection.job.sources import Sources, find_sources, versions
from rastercollection.model.names import tile_names
from rastercollection.model.request import CollectionRequest
from rastercollection.ports.catalog import CatalogBackend, Publication, PublishMode
from rastercollection.ports.registries import WORKFLOWS
from rastercollection.ports.storage import StorageBackend

__all__ = ["CollectionRun", "default_workflow"]

MOST_NAMED = 10
OUTDATED = "rastercollection:outdated"
"""An overview's asset says so in a collection of which it does not show all."""


def default_workflow(request: CollectionRequest) -> Workflow:
    """The workflow registered for collections, for this request."""
    made: Workflow = WORKFLOWS.load(JOB_TYPE)(request)
    return made


@attrs.frozen(kw_only=True)
class CollectionRun:
    """A request and how it is to be run.

    Attributes:
        request: What to make of which rasters.
        options: Backends and executor, as given.
        workflow: Instead of the default one.
        observers: Told of every event.
        stop_on_error: The first bad tile ends the job.
        cancel: Set from outside to cancel.
    """

    request: CollectionRequest
    options: RuntimeOptions
    workflow: Workflow | None
    observers: tuple[Observer, ...]
    stop_on_error: bool
    cancel: threading.Event

    def result(self) -> JobResult:
        """Run the job, or find that there is nothing to do; raises as ``process_collection`` does."""
        sources = find_sources(self.request, open_storage(self.options))
        with open_runtime(self.request, self.options, tiles=len(sources.files)) as runtime:
            job = self._new_job(sources)
            holds = _Holds(runtime.storage, runtime.catalog)
            done = _finished(runtime.jobs, job, holds)
            if done is not None:
                return JobResult.from_job(done, reused=True)
            return self._run(runtime, job, sources, _not_there(self.request, runtime, sources), holds)

    def _new_job(self, sources: Sources) -> JobRecord:
        request, workflow = self.request, self.workflow or default_workflow(self.request)
        stages = [[stage.name, *stage.handlers] for stage in workflow.stages]
        return JobRecord(
            id=request.job_id,
            job_type=workflow.name,
            parameters=request.to_parameters(),
            metadata={
                "description": request.collection_description,
                "collection_id": request.collection_id,
                "tile_count": len(sources.files),
                "output_tier": request.output_tier,
                "inputs": digest([versions(sources.files), stages]),
            },
        )

    def _run(self, runtime: Runtime, job: JobRecord, sources: Sources, taken: Sources, holds: _Holds) -> JobResult:
        engine = Engine(
            executor=runtime.executor,
            jobs=runtime.jobs,
            resources=runtime.resources(),
            observers=self.observers,
            still_holds=holds,
            stop_on_error=self.stop_on_error,
            cancel=self.cancel,
        )
        outcome = engine.run(
            self.workflow or default_workflow(self.request),
            job,
            facts={
                "sources": [attrs.asdict(source) for source in taken.files],
                "blobs": [source.blob for source in sources.files],
            },
            notices=taken.notices,
        )
        return _result_or_raise(outcome.job)


@attrs.frozen
class _Holds:
    """Whether what a completed task wrote is still there, unchanged.

    Documents that all jobs of a collection write need only be there, with this one's part in them.
    """

    storage: StorageBackend
    catalog: CatalogBackend

    def __call__(self, result: TaskResult) -> bool:
        value = result.value or {}
        is_there = all(self._is_there(output) for output in value.get("outputs", ()))
        is_current = is_there and self._is_in_mosaic(value) and self._is_catalogued(value)
        return is_current and not (_is_overview(result) and self._overview_asset(result).get(OUTDATED, False))

    def successor(self, result: TaskResult) -> Mapping[str, Any] | None:
        """What a summary says of the overview that a later job has put in the place of this result's, and that shows
        all of the collection; None where there is none, or where the result is no overview."""
        asset = self._overview_asset(result) if _is_overview(result) else {}
        if asset.get(OUTDATED, False):
            return None
        try:
            is_whole = self.storage.stat(asset["href"]).size == asset["file:size"]
            found = {"href": asset["href"], "maxzoom": asset["rastercollection:maxzoom"], "size": asset["file:size"]}
        except (BackendError, LookupError):
            return None
        reason = "a later job of the collection has made another one, of all tiles"
        return {**found, "thumbnail": asset.get("thumbnail"), "reason": reason} if is_whole else None

    def _overview_asset(self, result: TaskResult) -> Mapping[str, Any]:
        """The asset by which the collection links to its overview now, with the thumbnail's address; may be empty."""
        document = self.catalog.collection(result.task.parameters["job"]["stac_item_id"]) or {}
        assets = document.get("assets") or {}
        asset: Mapping[str, Any] = assets.get("overview") or {}
        return {**asset, "thumbnail": assets.get("thumbnail", {}).get("href")} if asset else {}

    def _is_there(self, output: Mapping[str, Any]) -> bool:
        try:
            info = self.storage.stat(output["url"])
        except BackendError:
            return False
        return output.get("shared", False) or (info.size, info.version) == (output["size"], output["version"])

    def _is_in_mosaic(self, value: Mapping[str, Any]) -> bool:
        """Whether the MosaicJSON leads to all COGs of this job that it was made with."""
        if not value.get("assets"):
            return True
        try:
            tiles = json.loads(self.storage.read(value["outputs"][0]["url"]))["tiles"]
            return set(value["assets"]) <= {asset for assets in tiles.values() for asset in assets}
        except (BackendError, ValueError, LookupError, TypeError, AttributeError):
            return False

    def _is_catalogued(self, value: Mapping[str, Any]) -> bool:
        if "items_stored" not in value:
            return True
        publication = Publication(
            catalog=value["catalog"],
            collection_id=value["collection_id"],
            items=value["items_in_collection"],
            stored=value["items_stored"],
            collection_url=value["collection_url"],
            digest=value["digest"],
            item_ids=tuple(value["item_ids"]),
            mode=cast(PublishMode, value["mode"]),
        )
        return self.catalog.is_current(publication)


def _is_overview(result: TaskResult) -> bool:
    """Whether an overview was made; where the tiles are few, none is."""
    return result.task.task_type == "create_overview" and bool(result.value and result.value["image"])


def _finished(store: JobStore, job: JobRecord, holds: _Holds) -> JobRecord | None:
    """The record of this job if it was done before, from the same sources, and nothing of it is lost.

    Its overview may have given way to that of a later job, which it then tells of.
    """
    try:
        known = store.get(job.id)
    except BackendError:
        return None
    if known.status not in (JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS):
        return None
    if known.metadata.get("inputs") != job.metadata["inputs"]:
        return None
    results = store.results(job.id)
    failed = [result for result in results if result.status is TaskStatus.FAILED and result.error]
    might_work_now = any(result.error and not result.error.settled for result in failed)
    if might_work_now:
        return None
    for result in results:
        if result.ok and not holds(result):
            successor = holds.successor(result)
            if successor is None:
                return None
            known = attrs.evolve(known, result={**(known.result or {}), "overview": successor})
    return known


def _not_there(request: CollectionRequest, runtime: Runtime, sources: Sources) -> Sources:
    """The sources that the mode lets into the collection.

    Raises:
        ObjectExistsError: With ``insert``, naming tiles that are there; with ``insert_ignore`` where all are.
    """
    if request.mode not in ("insert", "insert_ignore") or not request.create_stac_collection:
        return sources
    names = tile_names([source.blob for source in sources.files])
    there = {str(item["id"]) for item in runtime.catalog.items(request.stac_item_id)}
    there -= _to_be_restored(request, runtime, sources)
    old = [source.blob for source in sources.files if names[source.blob].item_id in there]
    shown = ", ".join(old[:MOST_NAMED]) + (" …" if len(old) > MOST_NAMED else "")
    if old and (request.mode == "insert" or len(old) == len(sources.files)):
        raise ObjectExistsError(
            f"{len(old)} of {len(sources.files)} tiles are in collection {request.stac_item_id} already: {shown}.",
            "Use mode='upsert' to replace them, or 'insert_ignore' to add those that are new.",
            request.stac_item_id,
        )
    if not old:
        return sources
    message = f"{len(old)} tiles are in the collection already and are left as they are: {shown}."
    files = tuple(source for source in sources.files if names[source.blob].item_id not in there)
    return Sources(files=files, notices=(*sources.notices, Notice(code="TILES_IN_COLLECTION", message=message)))


def _to_be_restored(request: CollectionRequest, runtime: Runtime, sources: Sources) -> set[str]:
    """Ids of items that an earlier run of this job has inserted, of sources that are as they were.

    What ``insert_ignore`` is to leave alone is among them only where its COG is gone.
    """
    holds, results = _Holds(runtime.storage, runtime.catalog), runtime.jobs.results(request.job_id)
    read = [result.task.parameters["source"] for result in results if result.task.task_type == "validate_raster"]
    now = {source.blob: (source.size, source.version) for source in sources.files}
    unchanged = {one["blob"] for one in read if now.get(one["blob"]) == (one["size"], one["version"])}
    return {
        str(result.value.get("item_id"))
        for result in results
        if result.task.task_type == "create_cog" and result.value and result.task.tile in unchanged
        if request.mode == "insert" or not holds(result)
    }


def _result_or_raise(job: JobRecord) -> JobResult:
    result = JobResult.from_job(job)
    if job.status is JobStatus.CANCELLED:
        raise JobCancelledError(
            f"Job {job.id} was cancelled.", "Call again with the same parameters to go on where it stopped.", result
        )
    if job.status is JobStatus.FAILED:
        error = job.error
        message = f"[{error.code}] {error.message}" if error else "no reason was recorded"
        raise JobFailedError(f"Job {job.id} failed: {message}", error.hint if error else "", result)
    return result
