"""Runs on disk: what was measured, how far a run is, and what calibrations say."""
