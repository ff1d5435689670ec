"""The command line, thin over the API: options, progress, what is printed. No work of its own."""
