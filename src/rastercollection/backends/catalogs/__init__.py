"""Where STAC collections are published, a module each."""

__all__: list[str] = []
