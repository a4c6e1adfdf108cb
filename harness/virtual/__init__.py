"""Virtual Android devices: the device side of ADB, an Android user land, and a state that changes over time."""
