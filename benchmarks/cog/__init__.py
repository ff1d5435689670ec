"""The parts of the benchmark of COG conversion."""
