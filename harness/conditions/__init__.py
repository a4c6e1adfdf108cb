"""The conditions of a measurement, one module each: probe, set, read back, restore."""
