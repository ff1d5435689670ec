"""Job stores: where jobs, their journals and their leases are recorded. They do not know what jobs are about."""
