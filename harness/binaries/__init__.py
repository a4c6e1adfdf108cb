"""Gets `benchmark_model`: builds it with Bazel, downloads or imports it, checks it, and stores it with a record of its origin."""
