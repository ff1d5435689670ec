"""Where STAC collections are published, a package a catalog. What documents say is decided in ``stac``, not here."""
