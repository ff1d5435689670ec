"""Warping without GDAL, where numba is installed: compiled kernels, and where they find pixels. No decisions."""
