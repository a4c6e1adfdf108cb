"""Ways to reach a device, behind one narrow protocol."""
