"""The schemas of job databases, version by version, and which of them a database still lacks. It executes nothing."""
