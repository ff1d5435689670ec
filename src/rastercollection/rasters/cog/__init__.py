"""From uncompressed pixels to a Cloud Optimized GeoTIFF, and what is told of it: for every stage that makes one.

- ``windows``, ``validity``: pixels window by window, and which of them are valid. ``workspace``, ``canvas``: an image
  between reading and encoding, in memory or on disk, which GDAL reads in place.
- ``gaps``: what invalid pixels are made of before a kernel reads them. ``pyramid``: overviews. ``levels``: what
  compression level is worth it. ``metadata``: what the file says beside its pixels. ``encode``: GDAL's COG driver, and
  the check of what it wrote. ``finish``: from a filled canvas to the file.
- ``statistics``, ``facts``, ``thumbnail``: what is told of the COG.
"""
