"""What plain strings stand for: ``executor="process"``, ``catalog="postgresql://…"``, a task's handler, a render."""

from __future__ import annotations

from rastercollection.core.registry import Registry

__all__ = [
    "CATALOGS",
    "EXECUTORS",
    "HANDLERS",
    "JOBS",
    "RENDERS",
    "STORAGE",
    "WORKFLOWS",
]


EXECUTORS = Registry(
    "executor",
    "rastercollection.executors",
    {
        "serial": "rastercollection.executors.serial:SerialExecutor",
        "thread": "rastercollection.executors.thread:ThreadExecutor",
        "process": "rastercollection.executors.process:ProcessExecutor",
        "dask": "rastercollection.executors.dask:DaskExecutor",
    },
)

STORAGE = Registry(
    "storage backend",
    "rastercollection.storage",
    {"fsspec": "rastercollection.backends.storage.fsspec:FsspecStorage"},
)

CATALOGS = Registry(
    "catalog backend",
    "rastercollection.catalogs",
    {
        "static": "rastercollection.backends.catalogs.static.static_catalog:StaticCatalog",
        "postgresql": "rastercollection.backends.catalogs.pgstac.pgstac_catalog:PgstacCatalog",
        "postgres": "rastercollection.backends.catalogs.pgstac.pgstac_catalog:PgstacCatalog",
    },
)

JOBS = Registry(
    "job store",
    "rastercollection.jobs",
    {
        "memory": "rastercollection.backends.jobs.memory:MemoryJobStore",
        "sqlite": "rastercollection.backends.jobs.sqlite:SqliteJobStore",
        "postgresql": "rastercollection.backends.jobs.postgres:PostgresJobStore",
        "postgres": "rastercollection.backends.jobs.postgres:PostgresJobStore",
    },
)

HANDLERS = Registry(
    "task handler",
    "rastercollection.handlers",
    {
        "validate_raster": "rastercollection.stages.validate:validate_raster",
        "create_cog": "rastercollection.stages.cog:create_cog",
        "create_mosaicjson": "rastercollection.stages.mosaic:create_mosaicjson",
        "create_overview": "rastercollection.stages.overview:create_overview",
        "create_stac_collection": "rastercollection.stages.stac:create_stac_collection",
        "check_published": "rastercollection.stages.check:check_published",
    },
)

WORKFLOWS = Registry(
    "workflow",
    "rastercollection.workflows",
    {"process_collection": "rastercollection.job.collection_workflow:collection_workflow"},
)

RENDERS = Registry(
    "render",
    "rastercollection.renders",
    {
        "classes": "rastercollection.stac.usual_renders:classes",
        "natural": "rastercollection.stac.usual_renders:natural",
        "color-infrared": "rastercollection.stac.usual_renders:color_infrared",
        "elevation": "rastercollection.stac.usual_renders:elevation",
        "bands": "rastercollection.stac.usual_renders:bands",
        "hillshade": "rastercollection.stac.usual_renders:hillshade",
        "ndvi": "rastercollection.stac.usual_renders:ndvi",
    },
)
