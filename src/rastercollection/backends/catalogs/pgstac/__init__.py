"""A STAC catalog in PostgreSQL with pgSTAC: connecting, checking, loading, asking. No jobs are recorded here."""
