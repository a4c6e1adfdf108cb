"""The conditions of a measurement: probe, set, read back, restore, wait, judge."""
