"""What a STAC document looks like, in both directions. Pure: it reads and writes dicts, no catalogs."""
