"""What GDAL's own Python package sees of rasters, as JSON; run by the system's interpreter, so it imports nothing else.

Standard input: ``[[address, [[x, y], …]], …]``, coordinates of the raster's own CRS.
"""

import json
import sys

from osgeo import gdal, osr

gdal.UseExceptions()


def seen(address, places):
    raster = gdal.OpenEx(address, gdal.OF_RASTER)
    bands = [raster.GetRasterBand(number + 1) for number in range(raster.RasterCount)]
    west, step_x, _, north, _, step_y = raster.GetGeoTransform()
    crs = osr.SpatialReference(raster.GetProjection()) if raster.GetProjection() else None
    values = []
    for x, y in places:
        column, row = int((x - west) / step_x), int((y - north) / step_y)
        valid = [band.GetMaskBand().ReadAsArray(column, row, 1, 1)[0, 0] for band in bands]
        pixel = [float(band.ReadAsArray(column, row, 1, 1)[0, 0]) for band in bands]
        values.append({"values": pixel, "mask": [int(each) for each in valid]})
    return {
        "size": [raster.RasterXSize, raster.RasterYSize],
        "crs": f"EPSG:{crs.GetAuthorityCode(None)}" if crs else None,
        "descriptions": [band.GetDescription() for band in bands],
        "colors": [gdal.GetColorInterpretationName(band.GetColorInterpretation()) for band in bands],
        "types": [gdal.GetDataTypeName(band.DataType) for band in bands],
        "places": values,
    }


answers = []
for address, places in json.load(sys.stdin):
    try:
        answers.append(seen(address, places))
    except RuntimeError as error:
        answers.append({"error": str(error)})
json.dump({"version": gdal.__version__, "answers": answers}, sys.stdout)
