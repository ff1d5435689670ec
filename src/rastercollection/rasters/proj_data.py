"""Which data PROJ works with inside of GDAL, where the environment names those of another PROJ.

QGIS, PostGIS and conda set ``PROJ_LIB`` or ``PROJ_DATA`` for programs of their own. rasterio obeys these variables even
where its package brings data that fit; with data that do not fit, GDAL knows no CRS at all. pyproj takes its own first.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rastercollection.errors import MachineError

__all__ = ["usable_proj_data"]

_VARIABLES = ("PROJ_DATA", "PROJ_LIB")


class _WithoutVariables:
    """The module ``os`` without the two variables, for rasterio alone.

    It looks at them whenever one of its environments starts, in any thread. The environment itself is left as it is:
    other libraries of this process, and the programs that it starts, may need it.
    """

    @property
    def environ(self) -> Mapping[str, str]:
        return {name: value for name, value in os.environ.items() if name not in _VARIABLES}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


@functools.cache
def usable_proj_data() -> str:
    """Have GDAL use the data that rasterio's package brings, in this process, if it cannot use those it was told to.

    Returns:
        What was done, for a notice; empty where nothing had to be done.

    Raises:
        MachineError: ``PROJ_DATA_UNUSABLE``; there are no others.
    """
    problem = _problem()
    if not problem:
        return ""
    told = " and ".join(f"{name}={os.environ[name]}" for name in _VARIABLES if name in os.environ)
    source = f"the environment ({told})" if told else "this installation"
    if _takes_own():
        return f"GDAL cannot use the PROJ data of {source}: {problem}. Those of rasterio's own package were taken."
    raise MachineError(
        f"GDAL cannot use the PROJ data of {source}: {problem}.",
        f"Unset {' and '.join(_VARIABLES)}, or set them to the data of the PROJ that rasterio was built with.",
        "PROJ_DATA_UNUSABLE",
    )


def _takes_own() -> bool:
    """Whether rasterio's package has data of its own, which GDAL uses from now on."""
    from rasterio import _env
    from rasterio.env import PROJDataFinder, set_proj_data_search_path

    own = PROJDataFinder().search_wheel()
    if not own:
        return False
    _env.os = _WithoutVariables()
    set_proj_data_search_path(own)  # of an environment that has started already
    with ThreadPoolExecutor(1) as other_thread:
        return not other_thread.submit(_problem).result()


def _problem() -> str:
    """PROJ's own sentence about why it does not even know EPSG:4326; empty where it does."""
    import rasterio
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    try:
        with rasterio.Env():  # where GDAL's errors go to the log, not to the terminal
            CRS.from_epsg(4326)
    except CRSError as error:
        return str(error).rstrip(". ") or type(error).__name__
    return ""
