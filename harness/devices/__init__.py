"""Devices: how to reach them, behind one narrow protocol, and what they say of themselves."""
