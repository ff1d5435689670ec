"""A static STAC catalog in a storage backend: its documents, their mirror, who publishes when. No server."""
