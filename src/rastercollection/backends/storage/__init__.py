"""Storage backends: where rasters are read from and results are written to."""

__all__: list[str] = []
