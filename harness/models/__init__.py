"""Model files: sources and their variants, the contents of a file, the accuracy of its outputs, models by name."""
