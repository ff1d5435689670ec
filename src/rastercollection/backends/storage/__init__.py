"""Storage backends: where rasters are read from and results are written to. They move bytes and know no formats."""
