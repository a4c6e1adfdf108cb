"""Runs and comparisons in words and in files: text, JSON, CSV, Parquet, JUnit, Markdown, traces, overlays, frames."""
