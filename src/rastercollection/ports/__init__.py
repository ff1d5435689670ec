"""What a job is given to keep and publish things with: protocols of storage and catalog, addresses. No adapters."""
