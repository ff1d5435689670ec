"""What the command line shows: results, plans, job records and errors as text that is safe in a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from rastercollection.cli.streams import shows_colors
from rastercollection.cli.wording import in_options
from rastercollection.core.models import ErrorRecord, Notice
from rastercollection.disclosure.escaping import safe_text
from rastercollection.disclosure.listing import listed
from rastercollection.disclosure.markup import byte_count
from rastercollection.errors import RasterCollectionError, RequestError, UnknownNameError
from rastercollection.model.checks import suggestion
from rastercollection.model.entry import StacSummary

if TYPE_CHECKING:
    from rastercollection.api import CollectionPlan
    from rastercollection.checking.report import CollectionReport
    from rastercollection.job.reporting import JobReport, StageReport
    from rastercollection.job.result import JobResult, TileOutcome
    from rastercollection.model.joining import Joining
    from rastercollection.model.tile_forecast import TileForecast

__all__ = [
    "error_text",
    "format_error",
    "plural",
    "print_jobs",
    "print_plan",
    "print_report",
    "print_result",
    "print_status",
]

MOST_TILES = 40
MOST_ALIKE = 5
"""Tiles of one outcome, for one reason, that have a line each."""
COLORS = {"cog": "green", "unserved": "yellow", "failed": "red", "skipped": "yellow", "not_run": "yellow"}


def plural(count: int, noun: str) -> str:
    """``1 tile``, ``2 tiles``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def error_text(error: ErrorRecord) -> str:
    """An error on one line: code, message, hint."""
    return safe_text(in_options(" ".join(f"[{error.code}] {error.message} {error.hint}".split())))


def format_error(error: BaseException, option_name: Callable[[str], str] = str, *, told: Collection[str] = ()) -> str:
    """An error as several lines: code and message, what is wrong with each parameter, the hint.

    Args:
        error: Any exception.
        option_name: What a parameter of the request is called where the text is shown.
        told: Tiles whose reasons were shown before; the error's own list of reasons leaves them out.
    """
    if isinstance(error, RequestError):
        head = f"error [{error.code}]: {plural(len(error.problems), 'problem')} with the request"
        problems = [
            f"  {option_name(problem.parameter)} {safe_text(problem.value)}: {safe_text(in_options(problem.allowed))}"
            for problem in error.problems
        ]
        return "\n".join([head, *problems])
    record = ErrorRecord.of(error)
    known = {safe_text(f"  - {blob}") for blob in told}
    message = "\n".join(line for line in record.message.split("\n") if line.partition(": [")[0] not in known)
    told_hint = record.hint if isinstance(error, RasterCollectionError) else ""
    if isinstance(error, UnknownNameError) and (meant := suggestion(error.name, error.known)):
        told_hint = f"{told_hint} Did you mean {meant}?"
    hint = f"\n  hint: {told_hint}" if told_hint else ""
    return safe_text(in_options(f"error [{record.code}]: {message}{hint}"), lines=True)


def print_result(result: JobResult, stream: TextIO) -> None:
    """Every tile with its outcome, then where everything is; in colours where the stream is a terminal."""
    summary = result.to_dict()
    _print_tiles(stream, result.tiles)
    again = ", done before: nothing was recomputed" if result.reused else ""
    status = result.status.replace("_", " ")
    title = f"{summary.get('collection_id', 'job')}: {status}, {result.became}"
    _print(stream, f"\n{safe_text(title)}{again}\n", bold=True)
    notes = [*_disagreements(summary), *_notices(result.tiles, summary), *_notices_of_all(summary)]
    for line in notes:
        _print(stream, f"  note: {safe_text(in_options(line))}", color="yellow")
    if notes:
        _print(stream, "")
    _print_facts(stream, _facts(result, summary))


def print_plan(plan: CollectionPlan, stream: TextIO) -> None:
    """What a job would do."""
    forecasts = {tile.blob: tile for tile in plan.tiles}
    for source in plan.sources[:MOST_TILES]:
        _print(
            stream, f"  {byte_count(source.size):>10}  {safe_text(source.blob)}{_forecast(forecasts.get(source.blob))}"
        )
    if len(plan.sources) > MOST_TILES:
        _print(stream, f"  … and {len(plan.sources) - MOST_TILES} more")
    _print(stream, f"\n{plural(len(plan.sources), 'raster')}, {byte_count(plan.total_size)}\n", bold=True)
    for note in (*(f"[{notice.code}] {notice.message}" for notice in plan.notices), *_notices(plan.tiles, {})):
        _print(stream, f"  note: {safe_text(in_options(note))}", color="yellow")
    stages = ", ".join(f"{name} ({count})" for name, count in plan.stages.items())
    parameters = plan.parameters
    _print_facts(
        stream,
        {
            "Stages": stages,
            "Output": "/".join(filter(None, (parameters["output_container"], parameters["output_folder"]))),
            "Joins": _joining(plan.joining),
            "Tier": f"{parameters['output_tier']}, {parameters['target_crs']}",
            **_totals(plan.tiles),
            "Job": plan.job_id,
        },
    )


def _joining(joining: Joining | None) -> str:
    """What becomes of the collection that is there, as far as the mode decides it."""
    if joining is None:
        return ""
    counts = {
        "added": joining.added,
        "replaced": joining.replaced,
        "left as they are": joining.left,
        "removed": joining.removed,
    }
    there = f"{joining.collection}, which holds {plural(joining.published, 'item')}"
    return f"{there}: {', '.join(f'{count} {what}' for what, count in counts.items())}"


def _forecast(tile: TileForecast | None) -> str:
    """What a tile will become, behind its name."""
    if tile is None:
        return ""
    if tile.problem is not None:
        return safe_text(in_options(f": [{tile.problem.code}] {tile.problem.message}"))
    rows, columns = tile.shape or (0, 0)
    change = "resampled" if tile.resampled else "pixels kept"
    return f" → {columns:,} × {rows:,}, {change}, about {byte_count(tile.bytes_out or 0)}"


def _totals(tiles: Sequence[TileForecast]) -> dict[str, str]:
    made = [tile for tile in tiles if tile.problem is None]
    if not made:
        return {}
    out = sum(tile.bytes_out or 0 for tile in made)
    memory, disk = max(tile.peak_memory or 0 for tile in made), max(tile.temporary_disk or 0 for tile in made)
    return {
        "COGs": f"about {byte_count(out)}",
        "Each": f"takes up to {byte_count(memory)} of memory and {byte_count(disk)} of temporary disk",
    }


def print_status(report: JobReport, stream: TextIO) -> None:
    """Where a job stands."""
    job = report.job
    counts = ", ".join(f"{count} {status}" for status, count in sorted(report.tasks_by_status.items()))
    _print(stream, f"{safe_text(job.metadata.get('collection_id', job.job_type))}: {job.status}", bold=True)
    facts = {
        "Stage": f"{job.current_stage} of {job.total_stages}",
        **{f"  {stage.number}": _stage(stage) for stage in report.stages},
        "Tasks": counts or "none has ended",
        "Pace": _pace(report),
        "Runner": f"{report.owner}, heard of {report.heartbeat:.0f} s ago" if report.heartbeat is not None else "",
        "Queue": "waits for a worker" if report.is_waiting and not report.lost else "",
        "Lost": report.advice,
        "Created": job.created_at,
        "Updated": job.updated_at,
        "Map": str((job.result or {}).get("share_url") or ""),
        "Job": job.id,
    }
    if job.error is not None:
        facts["Error"] = in_options(f"[{job.error.code}] {job.error.message} {job.error.hint}")
    _print_facts(stream, facts)


def print_jobs(reports: Sequence[JobReport], stream: TextIO) -> None:
    """A line for each job: the beginning of its id, status, last change, collection, and who runs it."""
    for report in reports:
        job = report.job
        state = "lost" if report.lost else report.owner or ("waits" if report.is_waiting else "")
        name = safe_text(str(job.metadata.get("collection_id", job.job_type)))
        row = f"{job.id[:12]}  {job.status:<21}  {job.updated_at:<24}  {name}  {safe_text(state)}"
        _print(stream, row.rstrip())
    if not reports:
        _print(stream, "no jobs")


def _stage(stage: StageReport) -> str:
    expected = "" if stage.expected is None else f" of {stage.expected}"
    seconds = "" if stage.seconds is None else f" in {stage.seconds:.1f} s"
    return f"{stage.name or 'of an earlier run'}: {stage.ended}{expected} tasks{seconds}"


def _pace(report: JobReport) -> str:
    if report.rate is None:
        return ""
    left = "" if report.time_left is None else f", {report.time_left:,.0f} s left of this stage"
    return f"{report.rate:,.2f} tasks a second{left}"


def _print(stream: TextIO, text: str, *, color: str | None = None, bold: bool = False) -> None:
    stream.write(f"{_styled(stream, text, color=color, bold=bold)}\n")


def _styled(stream: TextIO, text: str, *, color: str | None = None, bold: bool = False) -> str:
    return click.style(text, fg=color, bold=bold or None) if (color or bold) and shows_colors(stream) else text


def _print_facts(stream: TextIO, facts: Mapping[str, str]) -> None:
    for name, fact in facts.items():
        if fact:
            _print(stream, f"  {name:<8}  {safe_text(fact)}")


def _print_tiles(stream: TextIO, tiles: Sequence[TileOutcome]) -> None:
    """A line a tile; many that are not as they should be for one reason have one line, with their names below."""
    alike: dict[tuple[str, str, str], list[TileOutcome]] = {}
    for tile in (tile for tile in tiles if not tile.ok):
        alike.setdefault((tile.outcome, tile.code, tile.hint), []).append(tile)
    many = {key: group for key, group in alike.items() if len(group) > MOST_ALIKE}
    shown = tiles if len(tiles) <= MOST_TILES else [tile for group in alike.values() for tile in group]
    single = [tile for tile in shown if (tile.outcome, tile.code, tile.hint) not in many]
    for tile in single[:MOST_TILES]:
        _print_tile(stream, tile, safe_text(tile.blob))
    if len(single) > MOST_TILES:
        _print(stream, f"… and {len(single) - MOST_TILES} more that are not as they should be; --json lists all")
    for group in many.values():
        _print_tile(stream, group[0], f"{len(group):,} tiles")
        _print(stream, f"         {safe_text(listed(tile.blob for tile in group))}")


def _print_tile(stream: TextIO, tile: TileOutcome, name: str) -> None:
    reason = _reason(tile)
    outcome = _styled(stream, f"{tile.outcome:<8}", color=COLORS.get(tile.outcome))
    _print(stream, f"{outcome} {name}{f': {reason}' if reason else ''}")


def _reason(tile: TileOutcome) -> str:
    return "" if tile.ok else error_text(ErrorRecord(code=tile.code, message=tile.reason, hint=tile.hint))


def _facts(result: JobResult, summary: Mapping[str, Any]) -> dict[str, str]:
    outputs = [tile.output for tile in result.tiles if tile.output]
    cogs, mosaic, published = summary.get("cogs") or {}, summary.get("mosaicjson"), StacSummary.of(summary)
    size = f"{plural(cogs.get('successful', 0), 'file')}, {byte_count(1e6 * cogs.get('total_size_mb', 0))}"
    facts = {
        "Tiles": _validated(summary.get("validation") or {}),
        "COGs": f"{outputs[0].rpartition('/')[0]} ({size})" if outputs else "",
        "Mosaic": f"{mosaic['url']} ({plural(mosaic['tile_count'], 'tile')})" if mosaic else "",
        "Overview": _overview(summary.get("overview") or {}),
        "STAC": _catalogued(published) if published else "",
        "Check": _checked(summary.get("check") or {}),
        "Map": result.share_url or "",
        "View": _view_command(summary),
    }
    served = summary.get("titiler_urls") if published and published.ready_for_titiler else None
    for name, url in (served or {}).items():
        if url != result.share_url:
            facts[name] = url + _how_to_use(summary, name)
    return {**facts, "Job": result.job_id}


def _how_to_use(summary: Mapping[str, Any], name: str) -> str:
    """What an address takes that is not simply fetched."""
    method = (summary.get("titiler_methods") or {}).get(name)
    layer = (summary.get("titiler_layers") or {}).get(name)
    return f" ({method} of a GeoJSON feature)" if method else f" (layer {layer})" if layer else ""


def _checked(check: Mapping[str, Any]) -> str:
    if not check.get("cogs"):
        return ""
    seen = check["served"] + check["empty"]
    return f"{seen} of {plural(check['cogs'], 'COG')} as they should be, by {check['readers']}"


def _overview(overview: Mapping[str, Any]) -> str:
    return f"{overview['href']} (zooms up to {overview['maxzoom']})" if overview.get("href") else ""


def _view_command(summary: Mapping[str, Any]) -> str:
    """How to look at it from its files, where that can be done."""
    from rastercollection.viewer.server import is_installed

    published = StacSummary.of(summary)
    if published is None or not published.collection_url or not summary.get("mosaicjson"):
        return ""
    command = f"rastercollection view {shlex.quote(published.collection_url.rpartition('/')[0])}"
    return command if is_installed() else f"{command}, after pip install 'rastercollection[view]'"


def _catalogued(published: StacSummary) -> str:
    place = published.collection_url or f"{published.collection_id} in {published.catalog}"
    return f"{place} ({_items(published)})"


def _validated(validation: Mapping[str, Any]) -> str:
    if not validation:
        return ""
    return f"{validation['validated']} validated, {validation['valid']} valid ({validation['success_rate']})"


def _disagreements(summary: Mapping[str, Any]) -> list[str]:
    found = (summary.get("validation") or {}).get("disagreements") or []
    return [
        f"tiles disagree, {item['aspect']}: "
        + ", ".join(f"{group['value']} ({_counted(group)})" for group in item["groups"])
        for item in found
    ]


def _counted(group: Mapping[str, Any]) -> str:
    published = group.get("published") or ()
    count = plural(len(group["blobs"]) + len(published), "tile")
    return f"{count}, {len(published)} of them published" if published else count


def _notices(tiles: Sequence[TileOutcome | TileForecast], summary: Mapping[str, Any]) -> list[str]:
    """One line a code: the first message, and how many tiles it concerns; none that is told of all tiles at once."""
    told = {notice["code"] for notice in summary.get("notices") or ()}
    first: dict[str, tuple[str, Notice]] = {}
    concerned: dict[str, set[str]] = {}
    for tile in tiles:
        for notice in (notice for notice in tile.notices if notice.code not in told):
            first.setdefault(notice.code, (tile.blob, notice))
            concerned.setdefault(notice.code, set()).add(tile.blob)
    return [
        f"[{code}] {_about(blob, notice)}{_others(len(concerned[code]) - 1)}" for code, (blob, notice) in first.items()
    ]


def _notices_of_all(summary: Mapping[str, Any]) -> list[str]:
    return [f"[{notice['code']}] {notice['message']}" for notice in summary.get("notices") or ()]


def _items(published: StacSummary) -> str:
    stored, every = published.items_stored, published.items_in_collection
    return plural(every, "item") + (f", {stored} of this job" if stored != every else "")


def _about(blob: str, notice: Notice) -> str:
    return notice.message if safe_text(blob) in notice.message else f"{blob}: {notice.message}"


def _others(count: int) -> str:
    return f" (and {plural(count, 'more tile')})" if count else ""


def print_report(report: CollectionReport, stream: TextIO) -> None:
    """What was found wrong with a collection, each with its remedy."""
    looked_at = f"{plural(report.items, 'item')}, {plural(report.cogs, 'COG')}, {report.verify}"
    lines = [f"{report.collection_id}  {report.where}", looked_at]
    for number, finding in enumerate(report.findings, 1):
        state = "mended: " if finding.is_mended else ""
        lines.append(f"  {state}[{finding.code}] {finding.what}: {finding.reason} {finding.where}".rstrip())
        is_last = report.findings[number : number + 1] == () or report.findings[number].remedy != finding.remedy
        if finding.remedy and is_last:
            lines.append(f"    {in_options(finding.remedy)}")
    if not report.findings:
        lines.append("nothing is wrong")
    stream.write("".join(f"{safe_text(line)}\n" for line in lines))
