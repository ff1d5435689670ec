"""A static STAC catalog in a storage backend."""
