"""From pixels to a finished COG: overviews, metadata, encoding, what is told of the file. No sources."""
