"""Measurements of the harness itself. Ratios within one run; never part of a pass/fail test."""
