"""Stores of three kinds for tests, each behind a proxy that fails when told to: S3, Azure Blob, a plain web server.

The code under test goes through the proxy, tests put and get objects past it.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import fsspec

from services import azurite, moto, web
from services.faulty_proxy import Proxy, proxy_of

ON_LOOPBACK: Mapping[str, Any] = {"allow_private_hosts": True}
"""What a job has to be told to read a container of this machine from a web server."""


@attrs.frozen(kw_only=True)
class Store:
    """A running store.

    Attributes:
        proxy: In front of it.
        options: fsspec's, of a client that goes through the proxy.
        root: What containers' names are joined to.
        path: Of root in requests.
        make, put_raw, get_raw: Make a container, store and read an object past the proxy, by ``container/key``.
    """

    proxy: Proxy
    options: Mapping[str, Any]
    root: str
    path: str
    make: Callable[[str], object]
    put_raw: Callable[[str, bytes], object]
    get_raw: Callable[[str], bytes]

    def new_container(self) -> str:
        """The address of a new one."""
        name = f"bronze-{uuid.uuid4().hex[:12]}"
        self.make(name)
        return self.root + name

    def put(self, url: str, data: bytes) -> None:
        self.put_raw(url.removeprefix(self.root), data)

    def get(self, url: str) -> bytes:
        return self.get_raw(url.removeprefix(self.root))

    def request_path(self, url: str) -> str:
        """What requests for an object have in them."""
        return self.path + url.removeprefix(self.root)


@contextlib.contextmanager
def s3() -> Iterator[Store]:
    with moto.running() as port, proxy_of(port) as proxy:
        raw = fsspec.filesystem("s3", key="k", secret="s", endpoint_url=f"http://127.0.0.1:{port}")
        yield Store(
            proxy=proxy,
            options={"key": "k", "secret": "s", "endpoint_url": f"http://127.0.0.1:{proxy.port()}"},
            root="s3://",
            path="/",
            make=raw.mkdir,
            put_raw=raw.pipe_file,
            get_raw=raw.cat_file,
        )


@contextlib.contextmanager
def azure(script: Path) -> Iterator[Store]:
    with azurite.running(script) as port, proxy_of(port) as proxy:
        raw = fsspec.filesystem("az", connection_string=azurite.connection_string(port))
        yield Store(
            proxy=proxy,
            options={"connection_string": azurite.connection_string(proxy.port())},
            root="az://",
            path=f"/{azurite.ACCOUNT}/",
            make=raw.mkdir,
            put_raw=lambda key, data: raw.pipe_file(key, data, overwrite=True),
            get_raw=raw.cat_file,
        )


@contextlib.contextmanager
def website() -> Iterator[Store]:
    with web.running() as server, proxy_of(server.port()) as proxy:
        yield Store(
            proxy=proxy,
            options={},
            root=f"http://127.0.0.1:{proxy.port()}/",
            path="/",
            make=lambda name: None,
            put_raw=server.put,
            get_raw=server.get,
        )
