"""Getting `benchmark_model`: built with Bazel, downloaded, or taken from the user; checked, and kept by content with its provenance."""
