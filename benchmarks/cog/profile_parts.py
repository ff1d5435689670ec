"""Where the CPU time of a conversion goes, part by part."""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Callable

__all__ = ["PARTS", "seconds_by_part"]

_START = "start, imports"
_REST = "everything else"
_FUNCTIONS = {
    "validation": (("validate/task.py", "validate_raster"),),
    "decode": (
        ("cog/reading.py", "store_for_warp"),
        ("cog/reading.py", "copy_pixels"),
        ("copying/byte_copy.py", "look_at"),
    ),
    "warp": (("cog/warp.py", "warp"),),
    "overviews": (("writing/pyramid.py", "fill"),),
    "encode": (("writing/encode.py", "encode"),),
    "COG validator": (("writing/encode.py", "check_valid"), ("copying/comparison.py", "_of_validator")),
    "receipt": (("receipt/fidelity.py", "give_receipt"),),
    "statistics": (("pixels/statistics.py", "add"),),
    "choice of encoders": (("cog/convert.py", "_choose_encoding"),),
    "footprint, thumbnail, checksum, copy": (("cog/task.py", "_published"), ("writing/facts.py", "describe")),
}
_HOLDS_STATISTICS = {"warp.py": "warp", "reading.py": "decode", "byte_copy.py": "decode", "convert.py": "decode"}
PARTS = (_START, *_FUNCTIONS, _REST)


def seconds_by_part(convert: Callable[[], None]) -> dict[str, float]:
    """CPU seconds of this process by part, up to and with ``convert``, which is run once, under a profiler."""
    import rastercollection.stages.cog.task
    import rastercollection.stages.validate.task  # noqa: F401

    found = {_START: time.process_time()}
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(convert)
    rows = pstats.Stats(profiler).stats.items()  # type: ignore[attr-defined]
    for part, functions in _FUNCTIONS.items():
        found[part] = sum(
            spent
            for (file, _, name), (_, _, _, spent, _) in rows
            if any(file.endswith(end) and name == function for end, function in functions)
        )
    # a statistics that is taken while pixels are decoded or warped is no part of that
    for (file, _, name), (_, _, _, _, callers) in rows:
        if file.endswith("pixels/statistics.py") and name == "add":
            for (caller, _, _), (_, _, _, spent) in callers.items():
                holder = _HOLDS_STATISTICS.get(caller.rsplit("/", 1)[-1])
                found["statistics"] -= spent if caller.endswith("statistics.py") else 0
                if holder:
                    found[holder] -= spent
    found[_REST] = time.process_time() - sum(found.values())
    return found
