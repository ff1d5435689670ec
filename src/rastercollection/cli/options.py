"""The command line's options: one for each parameter of the API, passed on only where it is given."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable
from typing import Any

__all__ = ["make_parser", "option_name"]

EPILOG = """exit status: 0 every tile is a COG, 3 some tiles failed, 1 the job failed, 2 the request is wrong,
130 cancelled"""
ABSENT = argparse.SUPPRESS
SWITCH = {"action": argparse.BooleanOptionalAction}
SPELLED_OTHERWISE = {
    "container_name": "FOLDER",
    "blob_list": "--blob",
    "collection_id": "--id",
    "output_container": "--output",
    "tiers": "--tier",
    "providers": "--provider",
    "keywords": "--keyword",
    "drivers": "--driver",
    "storage_options": "--storage-option",
    "max_workers": "--workers",
}
"""Parameters whose option is not simply their name."""


def option_name(parameter: str) -> str:
    """What a parameter of the API is called on the command line."""
    return SPELLED_OTHERWISE.get(parameter) or "--" + parameter.replace("_", "-")


def make_parser(commands: dict[str, Callable[[argparse.Namespace], int]]) -> argparse.ArgumentParser:
    """The parser of all commands.

    Args:
        commands: What carries out ``run``, ``plan``, ``status``, ``view`` and ``demo``; the parsed ``command`` is one
            of them.
    """
    parser = argparse.ArgumentParser(
        prog="rastercollection",
        description="A folder of rasters, served: validated, made into COGs, mosaicked and catalogued in STAC.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, about: str) -> argparse.ArgumentParser:
        made = subparsers.add_parser(
            name, help=about, description=about, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        made.set_defaults(command=commands[name])
        made.add_argument("--json", action="store_true", help="JSON on standard output, the rest on standard error")
        made.add_argument("--debug", action="store_true", help="show tracebacks and the log")
        return made

    run = add("run", "do the whole job on a folder of rasters")
    _add_request(run)
    _add_execution(run)
    plan = add("plan", "check a request and say what 'run' would do, without doing it")
    _add_request(plan)
    _add_status(add("status", "show where a job stands"))
    _add_view(add("view", "show a collection that was published on a map in the browser"))
    _add_demo(add("demo", "make a small scene, run the whole job on it and show where everything is"))
    return parser


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", metavar="JOB", help="the job's id, or as much of its beginning as is unique")
    parser.add_argument("--jobs", metavar="STORE", help="job store, as for 'run'")


def _add_view(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "collection",
        metavar="COLLECTION",
        help="a collection.json, the folder of a static catalog with one collection, or the OUT of 'run'; path or URL",
    )
    add("--host", default="127.0.0.1", metavar="HOST", help="to listen on; default: %(default)s, this machine alone")
    add("--port", type=int, metavar="PORT", help="to listen on; 8765, or any that is free, when not given")
    add("--no-browser", action="store_true", help="open no browser")
    _add_storage_option(parser)


def _add_storage_option(parser: argparse.ArgumentParser, default: Any = None) -> None:
    parser.add_argument(
        "--storage-option",
        dest="storage_options",
        action="append",
        type=_pair,
        default=default,
        metavar="KEY=VALUE",
        help="passed on to fsspec; may be repeated",
    )


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", default="demo-collection", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--executor", default="process", metavar="NAME", help="default: %(default)s")
    _add_quiet(parser)


def _add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _add_request(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "container_name",
        metavar="FOLDER",
        help="where the rasters are: a folder, or an fsspec URL (s3://bucket/prefix)",
    )
    add = parser.add_argument
    add("--id", dest="collection_id", required=True, metavar="ID", help="of the collection: letters, digits, - and _")
    add(
        "--output",
        "--output-container",
        dest="output_container",
        default=ABSENT,
        metavar="OUT",
        help="where COGs go; a folder 'cogs' beside FOLDER when not given",
    )
    add(
        "--blob",
        dest="blob_list",
        action="append",
        default=ABSENT,
        metavar="NAME",
        help="a raster below FOLDER, or a pattern ('**/*.png'); may be repeated; all rasters when not given",
    )
    _add_main_parameters(parser)
    _add_fine_parameters(parser)
    _add_storage_option(parser, ABSENT)


def _adder(group: Any) -> Callable[..., None]:
    def add(parameter: str, about: str, **settings: Any) -> None:
        group.add_argument(option_name(parameter), dest=parameter, default=ABSENT, help=about, **settings)

    return add


def _add_main_parameters(parser: argparse.ArgumentParser) -> None:
    add = _adder(parser.add_argument_group("parameters of the job"))
    add("collection_description", "text of the STAC collection", metavar="TEXT")
    add("input_crs", "CRS of tiles that have none", metavar="CRS")
    add("raster_type", "auto (default), rgb, rgba, dem, categorical, multispectral or nir", metavar="TYPE")
    add("output_tier", "visualization, analysis (default), archive, or one of your own", metavar="TIER")
    add("output_folder", "folder below OUT", metavar="NAME")
    add("mosaicjson_container", "where the MosaicJSON goes; OUT when not given", metavar="URL")
    add("target_crs", "CRS of the COGs; EPSG:4326 (EPSG:3857 with WebMercatorQuad) when not given", metavar="CRS")
    add("in_memory", "keep intermediates in RAM, or on disk; by size when not given", **SWITCH)
    add("maxzoom", "of the mosaic; from the resolution when not given", type=int, metavar="ZOOM")
    add("jpeg_quality", "1-100; 85 when not given", type=int, metavar="Q")
    add("stac_item_id", "id of the STAC collection; ID when not given", metavar="ID")
    add("create_mosaicjson", "whether stage 3 runs", **SWITCH)
    add("create_overview", "whether stage 3 makes an overview for low zooms, where it needs one", **SWITCH)
    add("create_stac_collection", "whether stage 4 runs", **SWITCH)
    add("mode", "items that are there: upsert (default), replace, insert, insert_ignore, delsert", metavar="MODE")


def _add_fine_parameters(parser: argparse.ArgumentParser) -> None:
    add = _adder(parser.add_argument_group("parameters that refine it"))
    several: dict[str, Any] = {"action": "append"}
    add("grid", "where pixels lie: shared (default), own or WebMercatorQuad", metavar="GRID")
    add("resolution", "pixel size in the target CRS; the finest tile's when not given", type=float, metavar="SIZE")
    add("zoom_strategy", "with WebMercatorQuad: auto (default), lower or upper", metavar="STRATEGY")
    add("compression", "instead of the tier's (ZSTD, LERC, WEBP …)", metavar="NAME")
    add("compression_level", "instead of the tier's; auto: chosen for each image", type=_level, metavar="N")
    add("warp_resampling", "instead of what suits the raster type (bilinear, cubic …)", metavar="NAME")
    add("overview_resampling", "the same for overviews (average, cubic …)", metavar="NAME")
    add("tiers", "a tier of your own, as JSON; may be repeated", type=_json, metavar="JSON", **several)
    add("strict", "refuse data types that waste space beyond reason", **SWITCH)
    add("on_mismatch", "when tiles do not agree: continue (default), majority or fail", metavar="POLICY")
    add("datetime", "acquisition, RFC 3339, or an interval start/end", metavar="TIME")
    add("datetime_pattern", "regular expression that finds the acquisition in a name", metavar="REGEX")
    add("license", "SPDX identifier, or 'other' (default)", metavar="NAME")
    add("providers", "a STAC provider, as JSON; may be repeated", type=_json, metavar="JSON", **several)
    add("keywords", "keyword of the STAC collection; may be repeated", metavar="WORD", **several)
    add("asset_key", "key of the COG in STAC items; 'data' when not given", metavar="KEY")
    add("titiler_url", "tile server that shows the result", metavar="URL")
    add("titiler_profile", "its kind and version (titiler-pgstac-3 …); found out when not given", metavar="NAME")
    add("max_pixels", "a tile with more is refused", type=int, metavar="N")
    add("max_bands", "a tile with more is refused", type=int, metavar="N")
    add("max_block_bytes", "a tile with a larger decoded block is refused", type=int, metavar="N")
    add("drivers", "GDAL driver that may open sources, instead of the usual ones; may be repeated", **several)


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where and how it runs")
    group.add_argument(
        "--executor", default="process", metavar="NAME", help="serial, thread, process (default), dask or a plug-in's"
    )
    add = _adder(group)
    add("max_workers", "tasks at the same time", type=int, metavar="N")
    add("memory_budget", "RAM for all tasks together: 500M, 8G", type=_size, metavar="SIZE")
    add("scratch", "local folder for temporary files", metavar="DIR")
    add("catalog", "where STAC goes; the folder 'stac' below OUT when not given", metavar="CATALOG")
    add("jobs", "job store: sqlite:///file.db or memory; your state folder when not given", metavar="STORE")
    add("on_tile_error", "continue (default) or fail", metavar="POLICY")
    _add_quiet(parser)


def _level(text: str) -> int | str:
    try:
        return text if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor auto") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None


def _pair(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not (key and separator):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    with contextlib.suppress(ValueError):
        return key, json.loads(value)  # anon=true is a truth value, a nested option an object
    return key, value


def _size(text: str) -> int:
    from rastercollection.core.machine import parse_bytes

    try:
        return parse_bytes(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500M or 8G") from None
