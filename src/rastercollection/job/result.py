"""What a job amounts to: the summary, made from the task results, and the object users get."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.core.models import ErrorRecord, JobRecord, Notice, TaskResult, TaskStatus
from rastercollection.core.records import from_dict, jsonable
from rastercollection.core.workflow import JobContext
from rastercollection.errors import ViewError
from rastercollection.model.agreement import compare_tiles
from rastercollection.model.tile import Validation
from rastercollection.ports import addresses

if TYPE_CHECKING:
    from rastercollection.ports.storage import StorageBackend
    from rastercollection.viewer import ViewServer

__all__ = ["JobResult", "TileOutcome", "summarise"]

Summary = Mapping[str, Any]


@attrs.frozen(kw_only=True)
class TileOutcome:
    """What became of one source.

    Attributes:
        blob: Its path, relative to the container.
        outcome: ``cog`` (it is a COG now), ``failed``, ``skipped`` (valid, but left out) or ``not_run``.
        code, reason, hint: Why it is no COG; empty when it is.
        output: Address of the COG; None without one.
        notices: Fallbacks, overrides and retries on the way.
    """

    blob: str
    outcome: str
    code: str = ""
    reason: str = ""
    hint: str = ""
    output: str | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def ok(self) -> bool:
        return self.outcome == "cog"


@attrs.frozen(kw_only=True)
class JobResult:
    """The result of :func:`~rastercollection.process_collection`.

    Attributes:
        job_id: SHA-256 of the normalised parameters.
        status: completed, completed_with_errors, failed or cancelled.
        tiles: One outcome a source, in the order of the request.
        error: Why the job failed; None when it did not.
        reused: The job had been done before: nothing was recomputed.
    """

    job_id: str
    status: str
    tiles: tuple[TileOutcome, ...] = attrs.field(repr=lambda tiles: f"<{len(tiles)}>")
    error: ErrorRecord | None = None
    reused: bool = False
    summary: Summary = attrs.field(repr=False)

    @classmethod
    def from_job(cls, job: JobRecord, *, reused: bool = False) -> JobResult:
        """The result that is kept in a job's record."""
        summary = job.result or {"tiles": []}
        return cls(
            job_id=job.id,
            status=str(job.status),
            tiles=tuple(from_dict(TileOutcome, tile) for tile in summary["tiles"]),
            error=job.error,
            reused=reused,
            summary=summary,
        )

    @property
    def share_url(self) -> str | None:
        """The map: the tile server's viewer, or a preview page; None when stage 4 did not run."""
        url: str | None = self.summary.get("share_url")
        return url

    def view(
        self,
        port: int | None = None,
        *,
        open_browser: bool = False,
        storage: StorageBackend | str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> ViewServer:
        """Serve the collection from a thread of this process, for this machine alone, and return the map's address.

        The server ends with the process, or by ``stop()`` of what is returned, which is a text otherwise. Asked again,
        the one that runs is returned. It works in notebooks, too.

        Args:
            port: As for :func:`~rastercollection.view_collection`.
            open_browser: Open the map in the user's browser.
            storage, storage_options: What the job was given, where its output is not local.

        Raises:
            MissingExtraError: The extra ``view`` is not installed.
            ViewError: The job has published no collection, or none that can be served.
            BackendError: The collection cannot be read.
        """
        from rastercollection.viewer import view_collection

        address = (self.summary.get("stac") or {}).get("collection_url")
        if not address:
            raise ViewError(
                "The job has published no collection that can be viewed.",
                "Run it with create_stac_collection=True and a static catalog.",
            )
        return view_collection(
            address, port=port, open_browser=open_browser, storage=storage, storage_options=storage_options
        )

    def to_dict(self) -> dict[str, Any]:
        """The summary: JSON-able, with status and job id."""
        error = attrs.asdict(self.error) if self.error else None
        plain: dict[str, Any] = jsonable({"job_id": self.job_id, "status": self.status, "error": error, **self.summary})
        return plain

    def _repr_html_(self) -> str:
        """For notebooks: counts, how to get to a map, and a line for every tile that is no COG."""
        good = sum(tile.ok for tile in self.tiles)
        link = _link(self.share_url, "Open the map") if self.share_url else "No map."
        if (self.summary.get("stac") or {}).get("collection_url"):
            link += " <code>result.view()</code> serves an interactive one."
        rows = "".join(
            f"<tr><td>{html.escape(tile.blob)}</td><td>{html.escape(tile.code)}</td>"
            f"<td>{html.escape(f'{tile.reason} {tile.hint}'.strip())}</td></tr>"
            for tile in self.tiles
            if not tile.ok
        )
        table = f"<table><tr><th>Tile</th><th>Code</th><th>Reason</th></tr>{rows}</table>" if rows else ""
        title = html.escape(f"{self.summary.get('collection_id', '')}: {self.status}")
        return f"<h4>{title}</h4><p>{good} of {len(self.tiles)} tiles became COGs. {link}</p>{table}"


def _link(url: str, text: str) -> str:
    address = Path(url).as_uri() if addresses.is_local(url) and "://" not in url else url
    return f'<a href="{html.escape(address, quote=True)}" target="_blank" rel="noopener">{html.escape(text)}</a>'


def summarise(context: JobContext) -> Summary:
    """The summary of a job, finished or not: what is in it was counted or read back, never assumed."""
    results = context.results
    validated = results.get("validate_tiles", ())
    mosaicking = results.get("create_mosaicjson", ())
    entry = _value_of(results.get("create_stac_collection", ()), "create_stac_collection")
    everything = [result for stage in results.values() for result in stage]
    return {
        "job_type": "process_collection",
        "collection_id": context.parameters["collection_id"],
        "validation": _validation(validated),
        "cogs": _cogs(results.get("create_cogs", ())),
        "mosaicjson": _mosaic((entry or {}).get("mosaic") or _value_of(mosaicking, "create_mosaicjson")),
        "overview": _overview(_value_of(mosaicking, "create_overview")),
        "stac": _stac(entry),
        "share_url": entry.get("share_url") if entry else None,
        "titiler_urls": dict(entry["urls"]) if entry else {},
        "stages_completed": sum(_is_complete(stage) for stage in results.values()),
        "tasks_executed": sum(result.attempts > 0 for result in everything),
        "tasks_by_status": dict(Counter(str(result.status) for result in everything)),
        "notices": [attrs.asdict(notice) for result in everything if not result.task.tile for notice in result.notices],
        "tiles": [attrs.asdict(tile) for tile in _tiles(context)],
    }


def _value_of(results: Sequence[TaskResult], task_type: str) -> Mapping[str, Any] | None:
    return next((result.value for result in results if result.task.task_type == task_type), None)


def _is_complete(results: Sequence[TaskResult]) -> bool:
    return bool(results) and any(result.ok for result in results) and not any(_unfinished(r) for r in results)


def _unfinished(result: TaskResult) -> bool:
    return result.status is TaskStatus.CANCELLED


def _validation(results: Sequence[TaskResult]) -> Summary:
    valid = [result.value for result in results if result.value is not None]
    disagreements = compare_tiles([from_dict(Validation, value) for value in valid])
    return {
        "validated": len(results),
        "valid": len(valid),
        "success_rate": f"{100 * len(valid) / len(results):.1f}%" if results else "0.0%",
        "disagreements": [attrs.asdict(item) for item in disagreements],
    }


def _cogs(results: Sequence[TaskResult]) -> Summary:
    made = [result.value for result in results if result.value is not None]
    return {
        "successful": len(made),
        "failed": sum(result.status is TaskStatus.FAILED for result in results),
        "total_size_mb": round(sum(value["size"] for value in made) / 1e6, 3),
    }


def _mosaic(value: Mapping[str, Any] | None) -> Summary | None:
    if value is None:
        return None
    names = ("url", "bounds", "tile_count", "minzoom", "maxzoom", "quadkey_zoom", "cogs_per_tile")
    return {name: value[name] for name in names if name in value}


def _overview(value: Mapping[str, Any] | None) -> Summary | None:
    """The overview's address and zooms, or None for them with the reason why there is none."""
    if value is None:
        return None
    image = value["image"] or {}
    return {**{name: image.get(name) for name in ("href", "thumbnail", "maxzoom", "size")}, "reason": value["reason"]}


def _stac(value: Mapping[str, Any] | None) -> Summary | None:
    if value is None:
        return None
    in_pgstac = value["catalog"] == "pgstac"
    return {
        "collection_id": value["collection_id"],
        "catalog": value["catalog"],
        "collection_url": value["collection_url"],
        "pgstac_id": value["collection_id"] if in_pgstac else None,
        "search_id": value["search_id"],
        "items_created": value["items_created"],
        "items_stored": value["items_stored"],
        "items_in_collection": value["items_in_collection"],
        "dropped_cogs": list(value["dropped_cogs"]),
        "inserted_to_pgstac": value["items_stored"] if in_pgstac else 0,
        "ready_for_titiler": value["ready_for_titiler"],
        "ready_reason": value["ready_reason"],
    }


def _tiles(context: JobContext) -> list[TileOutcome]:
    """An outcome for every source, from the last stage that has something to say of it."""
    story: dict[str, list[TaskResult]] = {source["blob"]: [] for source in context.facts.get("sources", ())}
    for stage in context.results.values():
        for result in stage:
            if result.task.tile in story:
                story[result.task.tile].append(result)
    return [_outcome(blob, results) for blob, results in story.items()]


def _outcome(blob: str, results: Sequence[TaskResult]) -> TileOutcome:
    notices = tuple(notice for result in results for notice in result.notices)
    failure = next((result for result in results if not result.ok), None)
    if failure is not None:
        error = failure.error or ErrorRecord(
            code=str(failure.status).upper(), message=f"The task was {failure.status}."
        )
        outcome = {TaskStatus.FAILED: "failed", TaskStatus.SKIPPED: "skipped"}.get(failure.status, "not_run")
        return TileOutcome(
            blob=blob, outcome=outcome, code=error.code, reason=error.message, hint=error.hint, notices=notices
        )
    made = [result.value for result in results if result.value and result.task.task_type == "create_cog"]
    if not made:
        return TileOutcome(
            blob=blob, outcome="not_run", code="NOT_RUN", reason="The job ended before.", notices=notices
        )
    return TileOutcome(blob=blob, outcome="cog", output=made[-1]["href"], notices=notices)
