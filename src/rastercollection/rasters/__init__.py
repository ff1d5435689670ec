"""All that opens GDAL, below the stages: sources, grids, pixels, writing. No stage, no catalog."""
