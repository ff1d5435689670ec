"""What a database can lack that is to hold a pgSTAC catalog."""

from __future__ import annotations

from rastercollection.errors import CatalogSetupError

__all__ = ["PgstacMissingError", "PgstacVersionError", "PostgisMissingError"]


class PostgisMissingError(CatalogSetupError):
    code = "POSTGIS_MISSING"
    default_hint = (
        "Install PostGIS on the server (Debian: apt-get install postgresql-postgis), then in the database, as a "
        "superuser: CREATE EXTENSION postgis; and set up pgSTAC: pypgstac migrate --dsn ADDRESS."
    )


class PgstacMissingError(CatalogSetupError):
    code = "PGSTAC_MISSING"
    default_hint = "Set it up: pypgstac migrate --dsn ADDRESS."


class PgstacVersionError(CatalogSetupError):
    code = "PGSTAC_VERSION"
