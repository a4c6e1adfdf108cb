"""Suites: the YAML that a user writes, and its expansion to trials."""
