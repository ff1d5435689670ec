"""Serving the viewer from a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import secrets
import socket
import threading
import time
import webbrowser
from collections.abc import Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any

import attrs

from rastercollection.core.forks import ForkSafeLock
from rastercollection.errors import MissingExtraError, ViewError
from rastercollection.model.call_names import names_checked
from rastercollection.ports.addresses import normalise, url_problem
from rastercollection.ports.registries import STORAGE
from rastercollection.ports.storage import StorageBackend
from rastercollection.viewer.framing import proxied_address, server_html
from rastercollection.viewer.origins import allowed_origins
from rastercollection.viewer.view_arguments import check_arguments, is_mapping

if TYPE_CHECKING:
    from rastercollection.viewer.served_catalog import ServedCatalog

__all__ = ["ViewServer", "is_installed", "storage_of", "view_collection"]

LOOPBACK = "127.0.0.1"
EVERY_ADDRESS = ("", "0.0.0.0", "::")
USUAL_PORT = 8765
STARTING_SECONDS = 30
STOPPING_SECONDS = 10
NEEDED = ("titiler.core", "titiler.mosaic", "fastapi", "uvicorn")

_Key = tuple[str, str | None, str, frozenset[str]]
_running: dict[_Key, ViewServer] = {}
_lock = ForkSafeLock()


class ViewServer(str):
    """The address of a running viewer, as text, and the handle that stops it.

    The server runs in a thread of this process and ends with the process, with :meth:`stop`, or at the end of a
    ``with`` block. A notebook shows the map itself.

    Attributes:
        proxied: The address by way of the notebook's proxy, as a path or whole; the same as the text without one.
    """

    __slots__ = ("_pass_word", "_server", "_socket", "_thread", "proxied")
    proxied: str
    _pass_word: str
    _server: Any
    _socket: socket.socket
    _thread: threading.Thread

    @property
    def is_running(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the server and free its port; idempotent."""
        self._server.should_exit = True
        self._thread.join(STOPPING_SECONDS)
        self._socket.close()
        with _lock:
            for key in [key for key, server in _running.items() if server is self]:
                del _running[key]

    def __enter__(self) -> ViewServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.stop()

    def _repr_html_(self) -> str:
        """For notebooks: the map in a frame, and a link that opens it beside the notebook."""
        return server_html(self.proxied, is_running=self.is_running)


@names_checked
def view_collection(
    collection: str | PathLike[str],
    *,
    collection_id: str | None = None,
    host: str = LOOPBACK,
    port: int | None = None,
    open_browser: bool = False,
    allow_origin: Sequence[str] = (),
    proxy: str | None = None,
    storage: StorageBackend | str | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> ViewServer:
    """Show a published collection on a map, from a server in the background of this process.

    Asked again for the same collection, the server that already runs is returned.

    Args:
        collection: A ``collection.json``; a static catalog, as its folder or its ``catalog.json``, whose collections
            can be chosen among on the page; or the ``output_container`` of a job.
        collection_id: Of the one that is shown at first, where there are several.
        host: What to listen on; other machines reach it only where this is not ``127.0.0.1``.
        port: Port to listen on, 0 for any that is free; 8765, or any that is free where that is taken, when None.
        open_browser: Open the map in the user's browser.
        allow_origin: Origins of other sites, as ``https://maps.example``, whose pages may read tiles, COGs and so on.
        proxy: Below which address a proxy passes requests on to a port of this machine, as a path of the notebook's
            site or a whole address: ``/user/ada/proxy/{port}/``. Unless given, that of jupyter-server-proxy where
            JupyterHub runs the notebook; empty for none.
        storage: Storage backend, an instance or a registered name.
        storage_options: fsspec's options for a collection that is not local.

    Returns:
        The address of the map.

    Raises:
        MissingExtraError: The extra ``view`` is not installed.
        RequestError: An argument is nothing of the kind.
        ViewError: The collection cannot be shown, or the port is taken.
        BackendError: The collection cannot be read.
    """
    if not is_installed():
        raise MissingExtraError("Viewing a collection", "view")
    check_arguments(
        *(collection, host, port, open_browser, allow_origin, proxy, storage, collection_id),
        has_options=is_mapping(storage_options),
    )
    collection = str(collection)
    origins = allowed_origins([allow_origin] if isinstance(allow_origin, str) else allow_origin)
    key = (collection if url_problem(collection) else normalise(collection), collection_id, host, origins)
    server = _running_server(key, port)
    if server is None:
        catalog = _catalog(collection, collection_id, storage_of(collection, storage, storage_options))
        server = _start(catalog, host, port, origins)
        with _lock:
            _running[key] = server
    server.proxied = proxied_address(server, _port_of(server), server._pass_word, proxy)
    if open_browser:
        webbrowser.open(server)
    return server


def _running_server(key: _Key, port: int | None) -> ViewServer | None:
    """The one that shows the collection already, on this port if one is named."""
    with _lock:
        server = _running.get(key)
    return server if server is not None and server.is_running and port in (None, 0, _port_of(server)) else None


def is_installed() -> bool:
    """Whether the extra ``view`` is there; imports none of it."""
    with contextlib.suppress(ModuleNotFoundError):
        return all(importlib.util.find_spec(module) is not None for module in NEEDED)
    return False


def storage_of(
    collection: str, storage: StorageBackend | str | None, options: Mapping[str, Any] | None
) -> StorageBackend:
    """The storage that reads a collection for whoever looks at it: an instance, a registered name, or the usual one."""
    if storage is not None and not isinstance(storage, str):
        return storage
    from rastercollection.backends.storage.routed import storage_for

    def make(name: str) -> StorageBackend:
        return _made(name, collection, options)

    return make(storage) if storage else storage_for([collection], make)


def _made(name: str, collection: str, options: Mapping[str, Any] | None) -> StorageBackend:
    from rastercollection.backends.storage.fsspec import FsspecStorage
    from rastercollection.backends.storage.private_hosts import is_private

    made: StorageBackend = STORAGE.load(name)(options)
    if isinstance(made, FsspecStorage) and is_private(collection):
        # who looks at a collection in a private network may follow its links there
        return attrs.evolve(made, allow_private_hosts=True)
    return made


def _catalog(collection: str, collection_id: str | None, storage: StorageBackend) -> ServedCatalog:
    from rastercollection.viewer.served_catalog import ServedCatalog

    return ServedCatalog(storage, collection, collection_id)


def _start(catalog: ServedCatalog, host: str, port: int | None, origins: frozenset[str]) -> ViewServer:
    listening = _listen(host, port)
    try:
        return _serve(catalog, host, listening, origins)
    except BaseException:
        listening.close()
        raise


def _serve(catalog: ServedCatalog, host: str, listening: socket.socket, origins: frozenset[str]) -> ViewServer:
    from rastercollection.rasters.proj_data import usable_proj_data

    usable_proj_data()  # what the app imports makes CRSs at once
    from rastercollection.viewer.app import make_app

    made = ViewServer(_address(host, listening))
    made._pass_word = secrets.token_urlsafe(16)
    made._server, made._socket = _quiet_server(make_app(catalog, host, origins, made._pass_word)), listening
    made._thread = threading.Thread(
        target=made._server.run, kwargs={"sockets": [listening]}, name="rastercollection-viewer", daemon=True
    )
    made._thread.start()
    _wait(made)
    return made


def _address(host: str, listening: socket.socket) -> str:
    """What a browser on this machine opens."""
    reached = LOOPBACK if host in EVERY_ADDRESS else host
    shown = f"[{reached}]" if ":" in reached else reached
    return f"http://{shown}:{listening.getsockname()[1]}/"


def _quiet_server(app: Any) -> Any:
    """A server of uvicorn's that logs nothing of the requests and names itself to nobody."""
    import uvicorn

    config = uvicorn.Config(
        app,
        lifespan="off",
        loop="asyncio",
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    logging.getLogger("uvicorn.error").addFilter(_is_no_cancelled_request)
    return uvicorn.Server(config)


def _is_no_cancelled_request(record: logging.LogRecord) -> bool:
    """Whether a message tells of something else than a picture that a server did not finish before it ended."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError) and "timeout graceful shutdown exceeded" not in str(record.msg)


def _wait(made: ViewServer) -> None:
    deadline = time.monotonic() + STARTING_SECONDS
    while not made._server.started:
        if not made.is_running or time.monotonic() > deadline:
            made.stop()
            raise ViewError("The viewer's server did not start.", "The log says why.")
        time.sleep(0.01)


def _listen(host: str, port: int | None) -> socket.socket:
    """A listening socket.

    Raises:
        ViewError: The host is not one of this machine's, or the port is taken.
    """
    for wanted in (USUAL_PORT, 0) if port is None else (port,):
        try:
            family = socket.getaddrinfo(host, wanted, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            return socket.create_server((host, wanted), family=family)
        except (OSError, OverflowError) as error:
            problem = error
            if port is not None:
                break
    raise ViewError(
        f"Nothing can listen on port {port} of {host!r}: {problem}.",
        "Choose another port, or leave it out for one that is free.",
    ) from problem


def _port_of(server: ViewServer) -> int:
    return int(server.rstrip("/").rpartition(":")[2])
