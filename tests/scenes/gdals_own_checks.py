"""What GDAL's validator says of COGs, and checksums of every level, band and mask.

Run by the system's interpreter, so it imports nothing else. Each line of standard input is a path in JSON, each line
of standard output its answer.
"""

import json
import sys

from osgeo import gdal
from osgeo_utils.samples.validate_cloud_optimized_geotiff import validate

gdal.UseExceptions()


def seen(path):
    warnings, errors, _ = validate(path, full_check=True)
    raster = gdal.Open(path)
    bands = [raster.GetRasterBand(number + 1) for number in range(raster.RasterCount)]
    levels = [[band, *(band.GetOverview(level) for level in range(band.GetOverviewCount()))] for band in bands]
    return {
        "errors": errors,
        "warnings": warnings,
        "layout": raster.GetMetadataItem("LAYOUT", "IMAGE_STRUCTURE"),
        "checksums": [[level.Checksum() for level in each] for each in levels],
        "masks": [[level.GetMaskBand().Checksum() for level in each] for each in levels],
    }


for line in sys.stdin:
    try:
        answer = seen(json.loads(line))
    except (RuntimeError, ValueError, KeyError, AttributeError) as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
