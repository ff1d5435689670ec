"""The page that shows a collection without a server: one file that holds all it shows, and asks for nothing else."""
