"""Commands about rasters and published collections: info, list, check, remove, push."""

from __future__ import annotations

import sys
from typing import Any

from rastercollection.cli import options
from rastercollection.cli.failures import ALL_TILES, JOB_FAILED, SOME_FAILED
from rastercollection.cli.telling import Output, print_json
from rastercollection.disclosure.listing import listed
from rastercollection.errors import RequestError, RequestProblem
from rastercollection.model.checks import close_to

__all__ = ["COMMANDS"]

_NEITHER = (
    "holds no such collection, and is no raster. Name one raster; what would become of a folder of them, "
    "'rastercollection plan' tells"
)


def _info(output: Output, *, place: str, collection_id: str | None = None, **given: Any) -> int:
    from rastercollection.cli.telling_collections import print_collection, print_raster
    from rastercollection.job.raster_info import describe_raster
    from rastercollection.job.upkeep.collection_listing import is_raster, list_collections

    access = {name: given[name] for name in ("storage_options", "allow_private_hosts") if name in given}
    if is_raster(place, **access):
        raster = describe_raster(place, **given)
        if output.json:
            print_json({"raster": raster.to_dict()})
        else:
            print_raster(raster, sys.stdout)
        return ALL_TILES if raster.problem is None else SOME_FAILED
    every = list_collections(place, **access)
    found = [one for one in every if collection_id in (None, one.collection_id)]
    if every and not found:
        known = [one.collection_id for one in every]
        there = f"is no collection there: it holds {listed(known)}{close_to(collection_id, known)}"
        raise RequestError([RequestProblem("collection_id", repr(collection_id), there)])
    if not found:
        raise RequestError([RequestProblem("place", repr(place), _NEITHER)])
    if output.json:
        print_json({"collections": [one.to_dict() for one in found]})
    else:
        for one in found:
            print_collection(one, sys.stdout)
    return ALL_TILES


def _list(output: Output, *, place: str = ".", **access: Any) -> int:
    from rastercollection.cli.telling_collections import print_collections
    from rastercollection.job.upkeep.collection_listing import list_collections

    found = list_collections(place, **access)
    if output.json:
        print_json({"collections": [one.to_dict() for one in found]})
    else:
        print_collections(found, sys.stdout)
    return ALL_TILES


def _check(output: Output, *, collection: str, **settings: Any) -> int:
    from rastercollection.api import check_collection
    from rastercollection.cli.terminal import print_report

    report = check_collection(collection, **settings)
    if output.json:
        print_json(report.to_dict())
    else:
        print_report(report, sys.stdout)
    if not report.was_asked:
        return JOB_FAILED
    return ALL_TILES if report.is_sound else SOME_FAILED


def _remove(
    output: Output,
    *,
    collection: str,
    tiles: tuple[str, ...] = (),
    yes: bool = False,
    **settings: Any,
) -> int:
    from rastercollection.cli.telling_collections import print_removal
    from rastercollection.job.upkeep.collection_removal import remove_collection

    removal = remove_collection(collection, tiles, dry_run=not yes, **settings)
    if output.json:
        print_json(removal.to_dict())
    else:
        print_removal(removal, sys.stdout)
    if removal.is_dry_run:
        sys.stderr.write("Nothing was removed: with --yes it is.\n")
    return ALL_TILES


def _push(output: Output, *, collection: str, target: str, **settings: Any) -> int:
    from rastercollection.cli.telling_collections import print_push
    from rastercollection.job.upkeep.collection_push import push_collection

    push = push_collection(collection, target, **settings)
    if output.json:
        print_json(push.to_dict())
    else:
        print_push(push, sys.stdout)
    return SOME_FAILED if push.findings else ALL_TILES


_ACCESS = ("storage_options", "allow_private_hosts")
_OF_RASTERS = (
    *("input_crs", "raster_type", "bands", "output_tier", "target_crs", "subdatasets", "datetime", "strict"),
    *_ACCESS,
)
_OF_CHECKS = ("verify", "jobs", *_ACCESS)

COMMANDS = (
    (
        _info,
        "Say what a raster is and would become, or what a collection holds.",
        options.INFO,
        _OF_RASTERS,
    ),
    (_list, "List the collections that are published below a folder.", options.COLLECTIONS, _ACCESS),
    (
        _check,
        "Compare a published collection with its files, and mend it.",
        options.CHECK,
        _OF_CHECKS,
    ),
    (_remove, "Remove tiles from a published collection, or all of it.", options.REMOVE, _ACCESS),
    (_push, "Copy a finished collection to a bucket, or another folder.", options.PUSH, ("catalog", *_ACCESS)),
)
"""Each command with what it is about, its own parameters, and the names of those that all commands have alike."""
