"""From a request to a result: sources, backends, the workflow of a collection, one run, its outcome. No pixels."""
