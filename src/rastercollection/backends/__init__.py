"""What jobs are passed: storage, catalogs and job stores, a folder each. Every one is loaded by name, when needed."""

__all__: list[str] = []
