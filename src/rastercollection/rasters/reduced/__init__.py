"""COGs read no finer than will do, by their own overviews, put onto another grid and painted; nothing is written."""
