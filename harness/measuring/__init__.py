"""Running trials on devices: their order, their conditions, and repeated attempts."""
