"""Trials on devices: in which order, under which conditions, with which attempts."""
