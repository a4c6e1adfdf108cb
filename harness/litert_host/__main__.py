"""Runs the program: `python -m harness.litert_host --graph=...`."""

from __future__ import annotations

import sys

from harness.litert_host.program import main

main("benchmark_model", sys.argv[1:])
