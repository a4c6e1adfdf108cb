"""Model files: sources and their variants, what a file holds, how right its outputs are, models by name."""
