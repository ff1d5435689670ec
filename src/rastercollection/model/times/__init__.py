"""When a raster was acquired: spans of time, dates in names, tags and time axes, and which of them counts. No files."""
