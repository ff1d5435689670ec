"""Texts that people are shown, wherever: no secrets are in them, and nothing that forges lines. Nothing else."""
