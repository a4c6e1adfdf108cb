"""Statistics on results: values in, values out, no I/O."""
