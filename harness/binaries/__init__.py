"""Gets `benchmark_model`: builds it with Bazel, downloads or imports it; checks it; keeps it by content with a record of its origin."""
