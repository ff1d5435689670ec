"""Beside stage 3: one COG over the whole collection, for zooms at which a tile of the mosaic would open many COGs."""
