"""A STAC catalog in PostgreSQL with pgSTAC."""
