"""Suites: the YAML that a user writes, and the trials that follow from it."""
