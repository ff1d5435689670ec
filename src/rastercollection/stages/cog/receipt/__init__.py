"""The comparison of a finished COG with its source: which pixels, how far apart. It reads both and changes neither."""
