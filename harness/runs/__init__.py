"""Runs on disk: results, progress, logs and calibrations."""
