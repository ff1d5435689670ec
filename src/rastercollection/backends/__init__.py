"""What jobs are passed: storage, catalogs and job stores, a folder each, loaded by name when needed. No decisions."""
