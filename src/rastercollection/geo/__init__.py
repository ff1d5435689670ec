"""Arithmetic on the Earth: CRSs, bounds, pixel grids, Web Mercator. Pure; no GDAL and no files."""
