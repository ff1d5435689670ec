"""A map of a published collection: a tile server for it on this machine, and a page that needs no internet.

It shows what catalogs hold and publishes nothing.
"""

from rastercollection.viewer.server import ViewServer, view_collection

__all__ = ["ViewServer", "view_collection"]
