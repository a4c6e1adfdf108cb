"""Formats of runs and comparisons: text, JSON, CSV, Parquet, JUnit, Markdown, traces, overlays, frames."""
