"""Opening files that anyone may have made: vetting before GDAL sees them, and reading. No writing."""
