"""What every stage speaks of, typed and pure: request, tiles, COGs, mosaics, and the rules that choose. No files."""
