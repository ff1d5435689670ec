"""The driver of jobs: stages in order, retries, journal, events, cancellation. Nothing of what handlers do."""
