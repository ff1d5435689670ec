"""Job stores: where jobs, their journals and their leases are recorded."""

__all__: list[str] = []
