"""Pixels and their validity in windows, held in memory or on disk, and what is counted over them. No file formats."""
