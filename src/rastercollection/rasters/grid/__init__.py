"""Where pixels lie, by GDAL: placement of sources, plans of target grids, outlines, footprints. No pixel values."""
