"""The comparison of a finished COG with its source."""
