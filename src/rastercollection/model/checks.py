"""Checks of single values: each says what is allowed when the value is not, and nothing when it is."""

from __future__ import annotations

import difflib
import math
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, get_args

import attrs

from rastercollection.disclosure.redaction import holds_secret
from rastercollection.errors import TaskError
from rastercollection.model.band_names import common_name
from rastercollection.model.foreign_values import MOST_NAMES
from rastercollection.model.render import RenderDefinition
from rastercollection.model.render_rules import definition_problem
from rastercollection.model.tiers import LEVELS, Compression, Tier
from rastercollection.model.times.span import DATE_PARTS
from rastercollection.model.times.time_evidence import ordered_span
from rastercollection.ports import addresses

_LONGEST_TRY = 40
_SLOW_SECONDS = 0.05

_CONNECTION = re.compile(
    r"(?:^|/)\s*(?:(?:host|hostaddr|dbname|service)\s*=[^/]*\s\w+\s*=|[\w ]+=[^;/]*;[\w ]+=)", re.IGNORECASE
)
"""What libpq and Azure take for the parameters of a connection, also where a path was made of it."""

Check = Callable[[Any], str]
"""Says what is allowed when the value is not, and nothing when it is."""


_LONGEST_ID = 128
_LONGEST_TIER = 40
_LONGEST_NAME = 255


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        return "must be a text that is not empty"
    return addresses.unicode_problem(value)


def name_inside(value: Any) -> str:
    """The name of a raster inside of a file, which is recorded and published."""
    if isinstance(value, str) and holds_secret(value):
        return "must be a name, without a password or signature"
    return text(value)


def text_or(other: Check) -> Check:
    """A text that is not empty, or what another check lets pass."""
    return lambda value: text(value) if isinstance(value, str) else other(value)


def optional(other: Check) -> Check:
    """None, or what another check lets pass."""
    return lambda value: "" if value is None else other(value)


def published(value: Any) -> str:
    """Where a published collection, or a catalog, is; what its database is called is for the catalog to refuse."""
    if isinstance(value, PathLike):
        return ""
    return text(value) and "must be a path or an address: of a collection.json, a catalog, or what a job wrote"


def duration(value: Any) -> str:
    """A number of seconds, zero among them."""
    ok = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return "" if ok else "must be a number of seconds, not negative"


def has_members_of(protocol: type, allowed: str) -> Check:
    """An instance that has every member of a protocol, of its own or by delegation."""
    members = [name for name in vars(protocol) if not name.startswith("_")]

    def check(value: Any) -> str:
        if isinstance(value, type):
            return f"must be {allowed}, not a class"
        missing = [name for name in members if not hasattr(type(value), name) and not hasattr(value, name)]
        some = f"; it has no {', '.join(missing)}" if len(missing) < len(members) else ""
        return f"must be {allowed}{some}" if missing else ""

    return check


def is_a(kind: type, allowed: str) -> Check:
    return lambda value: "" if isinstance(value, kind) else f"must be {allowed}"


def callables(value: Any) -> str:
    if callable(value):
        return "must be a list of callables: put a single one into a list"
    ok = isinstance(value, Sequence) and not isinstance(value, str) and all(map(callable, value))
    return "" if ok else "must be a list of callables"


def close_to(name: Any, known: Iterable[str]) -> str:
    """The end of a sentence that suggests the known name that was meant; empty where none is close."""
    meant = suggestion(name, known)
    return f"; did you mean {meant}?" if meant else ""


def suggestion(name: Any, known: Iterable[str]) -> str:
    """The known name that was meant; empty where none is close, or it is one."""
    if not isinstance(name, str):
        return ""
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.7)
    return by_lower[close[0]] if close else ""


def identifier(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(rf"[A-Za-z0-9_-]{{1,{_LONGEST_ID}}}", value):
        return ""
    rule = f"must be letters, digits, - and _, at most {_LONGEST_ID}: names of files are made of it"
    if not isinstance(value, str) or not re.fullmatch(r"[\w. -]+", value):  # no address, which may hold a secret
        return rule
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
    meant = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-_")[:_LONGEST_ID]
    return f"{rule}; did you mean {meant}?" if meant else rule


def boolean(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be True or False"


def integer(low: int, high: int | None = None) -> Check:
    def check(value: Any) -> str:
        ok = isinstance(value, int) and not isinstance(value, bool) and value >= low and (high is None or value <= high)
        return "" if ok else f"must be a whole number from {low}{f' to {high}' if high is not None else ''}"

    return check


def level(value: Any) -> str:
    return "" if value == "auto" or not integer(0, 22)(value) else "must be a whole number from 0 to 22, or auto"


def goes_with(level: int | str | None, levels: tuple[int, int] | None) -> bool:
    """Whether a codec with this range of levels can be given such a level."""
    if level is None or levels is None:
        return level is None
    return level == "auto" or (isinstance(level, int) and levels[0] <= level <= levels[1])


def one_of(choices: Sequence[str]) -> Check:
    def check(value: Any) -> str:
        if isinstance(value, str) and value in choices:
            return ""
        return f"must be one of {', '.join(choices)}{close_to(value, choices)}"

    return check


def holds_connection(value: str) -> bool:
    """Whether a text that should be an address is what a connection is made from: it would become a folder's name."""
    return holds_secret(value) or _CONNECTION.search(value) is not None


def local_folder(value: Any) -> str:
    if isinstance(value, str) and holds_connection(value):
        return "must be a local folder, without a password or key"
    return text(value) or ("must be a folder of this machine" if "://" in value or value.startswith("/vsi") else "")


def is_container(value: Any) -> str:
    if not isinstance(value, str):
        return "must be a folder or an fsspec URL"
    if holds_connection(value):
        return "must not contain a password, key or signature: pass credentials in storage_options"
    return addresses.container_problem(value)


def is_folder(value: Any) -> str:
    if not isinstance(value, str):
        return "must be a folder name, relative to the container"
    if any(len(part.encode(errors="surrogateescape")) > _LONGEST_NAME for part in value.split("/")):
        return f"must not have a folder's name of more than {_LONGEST_NAME} bytes"
    return blob(value) or ("must not hold the parameters of a connection" if holds_connection(value) else "")


def blobs(value: Any) -> str:
    if isinstance(value, Iterator):
        return f"must not go on after {MOST_NAMES:,} names"
    if not isinstance(value, tuple) or not value:
        return "must be a list with at least one name or pattern"
    wrong = [f"{name!r} {blob(name)}" for name in value if blob(name)]
    return "; ".join(wrong)


def blob(name: Any) -> str:
    if not isinstance(name, str):
        return "must be a text"
    if holds_secret(name):
        return "must not hold a signature or password, which would be published: pass credentials in storage_options"
    return addresses.blob_problem(name)


def crs(value: Any) -> str:
    if not isinstance(value, str):
        return "must be a CRS such as EPSG:32642, WKT or PROJJSON"
    from rastercollection.geo.crs import parse_crs

    try:
        parse_crs(value)
    except TaskError as error:
        return f"must be a CRS: {error.message}"
    return ""


def positive(value: Any) -> str:
    return "" if isinstance(value, float) and 0 < value < math.inf else "must be a number above 0"


def is_datetime(value: Any) -> str:
    """A date as exact as it is known, or an interval, one end of which may be open."""
    allowed = (
        "must be an RFC 3339 date and time such as 2019-07-14T06:00:00Z, a day, month or year such as 2019-07, or an "
        "interval start/end of these, `..` for an open end"
    )
    if not isinstance(value, str):
        return allowed
    if ordered_span(value) is not None:
        return ""
    ends = [end for end in value.split("/") if ordered_span(end) is not None]
    return "must start before it ends" if len(ends) == 2 and value.count("/") == 1 else allowed


def pattern(value: Any) -> str:
    try:
        compiled = re.compile(value)
    except (re.error, TypeError) as error:
        return f"must be a regular expression: {error}"
    if not compiled.groups:
        return "must have a group that holds the date"
    strange = [name for name in compiled.groupindex if name not in DATE_PARTS]
    if 0 < len(strange) < len(compiled.groupindex):
        return f"must name the parts of a date {', '.join(DATE_PARTS)}{close_to(strange[0], DATE_PARTS)}"
    return "must not repeat what is repeated already: it would take for ever on some names" if _explodes(value) else ""


def _explodes(expression: str) -> bool:
    """Whether searching takes many times as long for each further letter, tried on names that cannot match.

    The tries get longer one by one and end with the first slow one: what explodes doubles its time at each.
    """
    compiled = re.compile(expression)
    for letter in dict.fromkeys(f"a0_-. A{expression}"):
        for length in range(6, _LONGEST_TRY, 2):
            began = time.thread_time()
            compiled.search(letter * length + "\0")
            if time.thread_time() - began > _SLOW_SECONDS:
                return True
    return False


def is_tiers(value: Any) -> str:
    if not isinstance(value, tuple) or not all(isinstance(tier, Tier | Mapping) for tier in value):
        return f"must be tiers, each with {', '.join(attrs.fields_dict(Tier))}"
    found = [_no_tier(tier) if isinstance(tier, Mapping) else _tier(tier) for tier in value]
    return "; ".join(filter(None, found))


def _no_tier(given: Mapping[Any, Any]) -> str:
    """What keeps a mapping from being a tier: fields that it lacks, and names that are no fields."""
    fields = attrs.fields_dict(Tier)
    missing = [name for name, field in fields.items() if field.default is attrs.NOTHING and name not in given]
    wrong = [f"{name} is required" for name in missing]
    wrong += [f"{name} is no field of a tier{close_to(name, fields)}" for name in given if name not in fields]
    title = repr(given["name"]) if "name" in given else "without a name"
    return f"tier {title}: {', '.join(wrong)}"


def _tier(tier: Tier) -> str:
    wrong = one_of(get_args(Compression))(tier.compression)
    if text(tier.name):
        return f"tier {tier.name!r}: name {text(tier.name)}"
    if identifier(tier.name) or len(tier.name) > _LONGEST_TIER:
        return f"tier {tier.name!r}: name must be letters, digits, - and _, at most {_LONGEST_TIER}"
    if wrong:
        return f"tier {tier.name!r}: compression {wrong}"
    if tier.needs not in ("anything", "rgb_byte"):
        return f"tier {tier.name!r}: needs must be anything or rgb_byte"
    if not goes_with(tier.level, LEVELS.get(tier.compression)):
        return f"tier {tier.name!r}: level {tier.level} does not go with {tier.compression}"
    return ""


def is_renders(value: Any) -> str:
    """Names, which are looked up elsewhere, and definitions."""
    if not isinstance(value, tuple) or not value:
        return "must be names of renders, or definitions of your own; leave it out for the usual ones"
    found = list(filter(None, map(_no_render, value)))
    keys = [one if isinstance(one, str) else one.key for one in value] if not found else []
    twice = sorted({key for key in keys if keys.count(key) > 1})
    return "; ".join(found) or (f"must name each render once: {', '.join(twice)} is there twice" if twice else "")


def _no_render(value: Any) -> str:
    if isinstance(value, str):
        return "" if re.fullmatch(r"[\w.-]{1,64}", value) else f"{value[:40]!r} is no name of a render"
    if isinstance(value, Mapping):
        fields = attrs.fields_dict(RenderDefinition)
        strange = [f"{name} is no field of a render{close_to(name, fields)}" for name in value if name not in fields]
        return "; ".join(strange) or "a render's definition needs a title"
    if isinstance(value, RenderDefinition):
        problem = definition_problem(value)
        title = str(value.title)[:40]
        return f"the definition {title!r}: {problem}" if problem else ""
    if callable(value):
        return "a function is given by name: register it, RENDERS.register('mine', 'module:function')"
    return f"a {type(value).__name__} is no render"


def is_providers(value: Any) -> str:
    if not isinstance(value, tuple) or not all(isinstance(item, Mapping) and item.get("name") for item in value):
        return "must be STAC providers: dicts with at least a name"
    return next(filter(None, map(addresses.unicode_problem, _texts_in(value))), "")


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(item)


def is_texts(value: Any) -> str:
    if not isinstance(value, tuple) or not all(isinstance(item, str) and item for item in value):
        return "must be a list of texts"
    return next(filter(None, map(addresses.unicode_problem, value)), "")


def is_bands(value: Any) -> str:
    if not isinstance(value, tuple) or not all(isinstance(name, str) and name_inside(name) == "" for name in value):
        return "must be names of bands, in their order"
    if not value:
        return "must name the bands; leave it out for what the tiles say"
    names = [common_name(name) or name for name in value]
    twice = sorted({name for name in names if names.count(name) > 1})
    return f"must name each band by another name: {', '.join(twice)} is there twice" if twice else ""


def is_drivers(value: Any) -> str:
    ok = isinstance(value, tuple) and all(isinstance(item, str) and re.fullmatch(r"[\w-]+", item) for item in value)
    return "" if ok else "must be names of GDAL's drivers"


def http(value: Any) -> str:
    ok = isinstance(value, str) and re.fullmatch(r"https?://[^\s@?#]+", value)
    return "" if ok else "must be an http or https address without credentials and query string"
