"""How GDAL opens an object in place: its path, and the options that hold for this one open.

Names of configuration options are those of GDAL's documentation of network file systems. Where an option of the
fsspec file system has no counterpart there, GDAL is not asked to open the object: it is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from rastercollection.ports.addresses import AZURE_SCHEMES, HTTP_SCHEMES, is_local, local_path, split_scheme
from rastercollection.ports.storage import GdalSource

__all__ = ["gdal_source"]

Options = Mapping[str, Any]
Config = dict[str, str]

_S3 = {
    "key": "AWS_ACCESS_KEY_ID",
    "secret": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
    "profile": "AWS_PROFILE",
}


def gdal_source(url: str, options: Options) -> GdalSource | None:
    """GDAL's path and configuration for an address; None when GDAL cannot open it with these options."""
    if is_local(url):
        return GdalSource(path=local_path(url))
    scheme, rest = split_scheme(url)
    if scheme in HTTP_SCHEMES:
        encoded = quote(url, safe=":/?&=%+,;@~!$'()*[]")
        return None if options else GdalSource(path=f"/vsicurl/{encoded}")
    if scheme in ("s3", "s3a"):
        return _source("/vsis3/", rest, _s3_config(options))
    if scheme in ("gs", "gcs"):
        return _source("/vsigs/", rest, _gs_config(options))
    if scheme in AZURE_SCHEMES:
        return _azure_source(rest, options)
    return None


def _source(prefix: str, rest: str, config: Config | None) -> GdalSource | None:
    return None if config is None else GdalSource(path=prefix + rest, config=config)


def _s3_config(options: Options) -> Config | None:
    client = options.get("client_kwargs") or {}
    if set(options) - {*_S3, "anon", "endpoint_url", "client_kwargs"} or set(client) - {"endpoint_url", "region_name"}:
        return None
    config = {name: str(options[key]) for key, name in _S3.items() if options.get(key)}
    if options.get("anon"):
        config["AWS_NO_SIGN_REQUEST"] = "YES"
    if client.get("region_name"):
        config["AWS_REGION"] = str(client["region_name"])
    endpoint = options.get("endpoint_url") or client.get("endpoint_url")
    if endpoint:
        parts = urlsplit(str(endpoint))
        config["AWS_S3_ENDPOINT"] = parts.netloc + parts.path.rstrip("/")
        config["AWS_HTTPS"] = "NO" if parts.scheme == "http" else "YES"
        config["AWS_VIRTUAL_HOSTING"] = "FALSE"
    return config


def _gs_config(options: Options) -> Config | None:
    token = options.get("token")
    if set(options) - {"token", "project"}:
        return None
    if token == "anon":
        return {"GS_NO_SIGN_REQUEST": "YES"}
    if isinstance(token, str) and token.endswith(".json"):
        return {"GOOGLE_APPLICATION_CREDENTIALS": token}
    found = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    return {} if found and token in (None, "google_default") else None


def _azure_source(rest: str, options: Options) -> GdalSource | None:
    container, slash, key = rest.partition("/")
    container, _, host = container.partition("@")
    config = _azure_config(options, host.partition(".")[0])
    return _source("/vsiaz/", container + slash + key, config)


def _azure_config(options: Options, account: str) -> Config | None:
    known = {"connection_string", "account_name", "account_key", "sas_token", "anon"}
    if set(options) - known:
        return None
    given = {name: options.get(name) or os.environ.get(f"AZURE_STORAGE_{name.upper()}") for name in known}
    connection = str(given["connection_string"] or "")
    if connection:
        usable = "AccountKey=" in connection or "SharedAccessSignature=" in connection
        return {"AZURE_STORAGE_CONNECTION_STRING": connection} if usable else None
    name = given["account_name"] or account
    if not name:
        return None
    config = {"AZURE_STORAGE_ACCOUNT": str(name)}
    if given["account_key"]:
        return {**config, "AZURE_STORAGE_ACCESS_KEY": str(given["account_key"])}
    if given["sas_token"]:
        return {**config, "AZURE_STORAGE_SAS_TOKEN": str(given["sas_token"]).lstrip("?")}
    return {**config, "AZURE_NO_SIGN_REQUEST": "YES"} if options.get("anon") else None
