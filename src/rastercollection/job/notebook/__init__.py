"""What notebooks show of jobs, results and plans, and tables and arrays made of a result. No job depends on it."""
