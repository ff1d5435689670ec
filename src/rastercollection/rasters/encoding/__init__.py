"""From pixels of one block to the bytes of a TIFF's tile: predictors, codecs, the choice among them. No files."""
