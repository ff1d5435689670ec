"""Where tasks run: an executor a module, each loaded by name when it is needed. Nothing of what tasks do."""
