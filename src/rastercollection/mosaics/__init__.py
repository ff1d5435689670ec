"""What a MosaicJSON document looks like, in both directions. Pure: no storage."""
