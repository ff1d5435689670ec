"""What a job amounts to: the summary, made from the task results, and the object users get."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.core.contexts import JobContext
from rastercollection.core.models import ErrorRecord, Fault, JobRecord, Notice, TaskResult, TaskStatus
from rastercollection.core.records import from_dict, jsonable
from rastercollection.core.workflow import TaskKind
from rastercollection.disclosure.logs import get_logger
from rastercollection.errors import RasterCollectionError, ViewError
from rastercollection.job.given_backends import GivenBackends
from rastercollection.model.entry import StacSummary
from rastercollection.model.output import Made
from rastercollection.model.request import CollectionRequest
from rastercollection.model.tile import Sources

if TYPE_CHECKING:
    import pandas as pd
    import pystac
    import xarray as xr

    from rastercollection.ports.storage import StorageBackend
    from rastercollection.viewer import ViewServer

__all__ = ["JobResult", "Summary", "TileOutcome", "summarise"]

Summary = Mapping[str, Any]

log = get_logger("rastercollection")


@attrs.frozen(kw_only=True)
class TileOutcome:
    """What became of one source.

    Attributes:
        blob: Its path, relative to the container.
        outcome: ``cog`` (it is a COG now), ``unserved`` (it is one, which maps do not show), ``done`` (where the
            workflow makes no products, or could not tell), ``failed``, ``skipped`` (valid, but left out) or
            ``not_run``.
        code, reason, hint: Why it is no COG, or why that is not shown; empty when all is well.
        output: Address of the COG; None without one.
        size: Bytes of the COG; None where that is not known.
        notices: Fallbacks, overrides and retries on the way.
    """

    blob: str
    outcome: str
    code: str = ""
    reason: str = ""
    hint: str = ""
    output: str | None = None
    size: int | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def ok(self) -> bool:
        return self.outcome in ("cog", "done")

    @property
    def is_made(self) -> bool:
        """Whether the tile became what the workflow makes of it, whatever else is wrong."""
        return self.ok or self.outcome == "unserved"


@attrs.frozen(kw_only=True)
class JobResult:
    """The result of :func:`~rastercollection.process_collection`.

    Attributes:
        job_id: SHA-256 of the normalised parameters.
        status: completed, completed_with_errors, failed or cancelled.
        tiles: One outcome a source, in the order of the request.
        error: Why the job failed; None when it did not.
        reused: The job had been done before: nothing was recomputed.
        backends: Storage and catalog that the job was given, where it ran in this process; no part of what is pickled.
    """

    job_id: str
    status: str
    tiles: tuple[TileOutcome, ...] = attrs.field(repr=lambda tiles: f"<{len(tiles)}>")
    error: ErrorRecord | None = None
    reused: bool = False
    summary: Summary = attrs.field(repr=False)
    backends: GivenBackends = attrs.field(factory=GivenBackends, repr=False, eq=False)

    @classmethod
    def from_job(cls, job: JobRecord, *, reused: bool = False) -> JobResult:
        """The result that is kept in a job's record."""
        summary = job.result or {"tiles": []}
        return cls(
            job_id=job.id,
            status=str(job.status),
            tiles=tuple(from_dict(TileOutcome, tile) for tile in summary.get("tiles", ())),
            error=job.error,
            reused=reused,
            summary=summary,
        )

    @property
    def share_url(self) -> str | None:
        """The map: the tile server's viewer, or a preview page; None when stage 4 did not run."""
        url: str | None = self.summary.get("share_url")
        return url

    @property
    def became(self) -> str:
        """What became of the tiles, in words: ``4 of 5 tiles became COGs``."""
        good = [tile for tile in self.tiles if tile.is_made]
        tiles = f"{len(good)} of {len(self.tiles)} tile{'s' if len(self.tiles) != 1 else ''}"
        if any(tile.outcome == "done" for tile in good):
            return f"{tiles} done"
        unserved = sum(tile.outcome == "unserved" for tile in good)
        return f"{tiles} became COGs" + (f", of which maps do not show {unserved}" if unserved else "")

    def view(
        self,
        port: int | None = None,
        *,
        open_browser: bool = False,
        proxy: str | None = None,
        storage: StorageBackend | str | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> ViewServer:
        """Serve the collection from a thread of this process, for this machine alone, and return the map's address.

        The server ends with the process, or by ``stop()`` of what is returned, which is a text otherwise. Asked again,
        the one that runs is returned. It works in notebooks, too.

        Args:
            port, proxy: As for :func:`~rastercollection.view_collection`.
            open_browser: Open the map in the user's browser.
            storage, storage_options: What the job was given, where its output is not local and it ran elsewhere.

        Raises:
            MissingExtraError: The extra ``view`` is not installed.
            ViewError: The job has published no collection, or none that can be served.
            BackendError: The collection cannot be read.
        """
        from rastercollection.viewer import view_collection

        published = StacSummary.of(self.summary)
        if published is None or not published.collection_url:
            raise ViewError(
                "The job has published no collection that can be viewed.",
                "Run it with create_stac_collection=True and a static catalog.",
            )
        return view_collection(
            published.collection_url,
            port=port,
            open_browser=open_browser,
            proxy=proxy,
            storage=storage or (self.backends.storage if storage_options is None else None),
            storage_options=storage_options,
        )

    @property
    def items(self) -> list[pystac.Item]:
        """The items of the collection that the job has published to, with absolute hrefs, by id.

        Raises:
            ViewError: There is no such collection, or its catalog is not known in this process.
            BackendError: The catalog cannot be read.
        """
        from rastercollection.job.notebook.published_items import published_items

        return published_items(self)

    def to_frame(self) -> pd.DataFrame:
        """A table of the tiles, a row each, with what became of them and when they were acquired.

        Where geopandas is installed it is a GeoDataFrame, whose geometries are the footprints of valid pixels.

        Raises:
            MissingExtraError: pandas is not installed.
            ViewError, BackendError: The items cannot be read.
        """
        from rastercollection.job.notebook.tile_frame import tile_frame

        return tile_frame(self)

    def to_xarray(self, bands: Sequence[str] | None = None, **options: Any) -> xr.Dataset:
        """The pixels of the collection, by odc-stac: a variable a band, along time, y and x, in chunks that are read
        when they are needed.

        Args:
            bands: Which, by common name (``red``) or by name; all when None.
            **options: Further arguments of ``odc.stac.load``, such as ``bbox``, ``crs``, ``resolution``, ``groupby``,
                ``chunks``.

        Raises:
            MissingExtraError: odc-stac is not installed.
            ViewError, BackendError: The items cannot be read.
        """
        from rastercollection.job.notebook.lazy_arrays import lazy_dataset

        return lazy_dataset(self, bands, options)

    def to_dict(self) -> dict[str, Any]:
        """The summary: JSON-able, with status and job id."""
        error = attrs.asdict(self.error) if self.error else None
        plain: dict[str, Any] = jsonable({"job_id": self.job_id, "status": self.status, "error": error, **self.summary})
        return plain

    def _repr_html_(self) -> str:
        """For notebooks: the map, a table of the tiles, what to do next."""
        from rastercollection.job.notebook.picture_lookup import find_picture
        from rastercollection.job.notebook.result_view import result_html

        return result_html(self, find_picture(self))


def summarise(context: JobContext, usual: Sequence[TaskKind] = ()) -> Summary:
    """The summary of a job, finished or not: what is in it was counted or read back, never assumed.

    Args:
        context: The job.
        usual: Kinds of tasks whose keys are in the summary even where the workflow has none of them.
    """
    results = context.results
    everything = [result for stage in results.values() for result in stage]
    mistakes: list[Notice] = []
    facts, tiles = _facts(context, usual, mistakes), _tiles(context, mistakes)
    notices = [notice for result in everything if not result.task.tile for notice in result.notices]
    return {
        "job_type": context.workflow.name,
        "collection_id": CollectionRequest.from_parameters(context.parameters).collection_id,
        **facts,
        "stages_completed": sum(_is_complete(stage) for stage in results.values()),
        "tasks_executed": sum(result.attempts > 0 for result in everything),
        "tasks_by_status": dict(Counter(str(result.status) for result in everything)),
        "notices": [attrs.asdict(notice) for notice in (*context.notices, *notices, *mistakes)],
        "tiles": [attrs.asdict(tile) for tile in tiles],
    }


def _facts(context: JobContext, usual: Sequence[TaskKind], mistakes: list[Notice]) -> Summary:
    """What each kind of tasks says of its results."""
    present = [kind for stage in context.workflow.stages for kind in stage.kinds]
    types = {kind.task_type for kind in present}
    facts: dict[str, Any] = {}
    for kind in (*(kind for kind in usual if kind.task_type not in types), *present):
        if kind.summary is not None:
            with _mistake_told(kind, mistakes):
                told = jsonable(kind.summary(context, context.results_of(kind)))
                json.dumps(told, allow_nan=False)  # what no record can hold
                facts |= told
    return facts


@contextlib.contextmanager
def _mistake_told(kind: TaskKind, mistakes: list[Notice]) -> Iterator[None]:
    """Let what one kind of tasks cannot say of its results cost nothing else of the summary."""
    try:
        yield
    except Exception as error:  # of a user's stage, too
        log.exception("results of %s could not be told of", kind.task_type)
        message = f"What is told of {kind.task_type} is missing: {type(error).__name__}: {error}"
        mistakes.append(Notice(code="SUMMARY_INCOMPLETE", message=message))


def _is_complete(results: Sequence[TaskResult]) -> bool:
    return any(result.ok for result in results) and not any(result.status is TaskStatus.CANCELLED for result in results)


def _tiles(context: JobContext, mistakes: list[Notice]) -> list[TileOutcome]:
    """An outcome for every source, from the last stage that has something to say of it."""
    sources: Sources | None = context.facts
    story: dict[str, list[TaskResult]] = {source.blob: [] for source in sources.files} if sources else {}
    for stage in context.results.values():
        for result in stage:
            if result.task.tile in story:
                story[result.task.tile].append(result)
    products, faults = _products(context, mistakes), _faults(context)
    stages = context.workflow.stages
    is_over = all(stage.name in context.results for stage in stages) and not any(stage.product for stage in stages)
    return [
        _outcome(blob, results, products.get(blob, _Product()), faults.get(blob), is_over=is_over or blob in products)
        for blob, results in story.items()
    ]


def _faults(context: JobContext) -> Mapping[str, Fault]:
    """The first that was found wrong with each tile, by blob."""
    found: dict[str, Fault] = {}
    for stage in context.results.values():
        for fault in (fault for result in stage for fault in result.faults):
            found.setdefault(fault.tile, fault)
    return found


@attrs.frozen(kw_only=True)
class _Product:
    """What became of a tile: where it lies, and its bytes; None where that is not known."""

    address: str | None = None
    size: int | None = None


def _products(context: JobContext, mistakes: list[Notice]) -> Mapping[str, _Product]:
    """What became of each tile, by blob; without an address where the stage that knows could not tell."""
    made: dict[str, _Product] = {}
    for stage in context.workflow.stages:
        for result in context.results.get(stage.name, ()):
            if stage.product is not None and result.ok and result.task.tile:
                made.setdefault(result.task.tile, _Product())
                with _mistake_told(stage, mistakes):
                    address = stage.product(result)
                    made[result.task.tile] = _Product(address=address, size=_size(address, result))
    return made


def _size(address: str, result: TaskResult) -> int | None:
    """Bytes of what lies there, as the task told when it had written it; None where it did not."""
    try:
        outputs = from_dict(Made, result.value or {}).outputs
    except RasterCollectionError:
        return None
    name = address.rpartition("/")[2]
    return next((output.size for output in outputs if output.url.rpartition("/")[2] == name), None)


def _outcome(
    blob: str, results: Sequence[TaskResult], product: _Product, fault: Fault | None, *, is_over: bool
) -> TileOutcome:
    notices = tuple(
        dict.fromkeys(notice for result in results for notice in result.notices)
    )  # stages may tell the same
    failure = next((result for result in results if not result.ok), None)
    if failure is not None:
        error = failure.error or ErrorRecord(
            code=str(failure.status).upper(), message=f"The task was {failure.status}."
        )
        outcome = {TaskStatus.FAILED: "failed", TaskStatus.SKIPPED: "skipped"}.get(failure.status, "not_run")
        return TileOutcome(
            blob=blob, outcome=outcome, code=error.code, reason=error.message, hint=error.hint, notices=notices
        )
    if product.address is None and results and is_over:
        return TileOutcome(blob=blob, outcome="done", notices=notices)
    if product.address is None:
        return TileOutcome(
            blob=blob, outcome="not_run", code="NOT_RUN", reason="The job ended before.", notices=notices
        )
    if fault is not None:
        told = {"code": fault.code, "reason": fault.message, "hint": fault.hint}
        return TileOutcome(
            blob=blob, outcome="unserved", output=product.address, size=product.size, notices=notices, **told
        )
    return TileOutcome(blob=blob, outcome="cog", output=product.address, size=product.size, notices=notices)
