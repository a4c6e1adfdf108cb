"""A benchmarking harness for LiteRT / TensorFlow Lite models on Android devices.

    import harness

    outcome = harness.run("quickstart", devices="virtual:2", out="runs/first")
    found = harness.compare("runs/first@delegate=cpu", "runs/first@delegate=xnnpack")
    frames = harness.load("runs/first")

What each does, and what it raises, stands in its docstring; docs/api.md has the whole. Nothing here prints or exits.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.api.calibrate_run import CalibratedRun, calibrate, run_for_calibration
    from harness.api.compare_runs import RunComparison, compare
    from harness.api.ingest_logs import Ingested, ingest
    from harness.api.recorded_log import RecordedLog
    from harness.api.resume_run import resume
    from harness.api.run_outcome import RunOutcome
    from harness.api.run_suite import RunPlan, plan, run
    from harness.api.run_watcher import RunWatcher
    from harness.errors import HarnessError
    from harness.formats.frames import RunFrames, load

__version__ = "0.1.0"

# Without logging set up, a library says nothing.
logging.getLogger(__name__).addHandler(logging.NullHandler())
__all__ = [
    "CalibratedRun",
    "HarnessError",
    "Ingested",
    "RecordedLog",
    "RunComparison",
    "RunFrames",
    "RunOutcome",
    "RunPlan",
    "RunWatcher",
    "__version__",
    "calibrate",
    "compare",
    "ingest",
    "load",
    "plan",
    "resume",
    "run",
    "run_for_calibration",
]

# Loaded when first named, so that importing the package stays quick: pandas alone takes most of a second.
_PLACES = {
    "CalibratedRun": "harness.api.calibrate_run",
    "HarnessError": "harness.errors",
    "Ingested": "harness.api.ingest_logs",
    "RecordedLog": "harness.api.recorded_log",
    "RunComparison": "harness.api.compare_runs",
    "RunFrames": "harness.formats.frames",
    "RunOutcome": "harness.api.run_outcome",
    "RunPlan": "harness.api.run_suite",
    "RunWatcher": "harness.api.run_watcher",
    "calibrate": "harness.api.calibrate_run",
    "compare": "harness.api.compare_runs",
    "ingest": "harness.api.ingest_logs",
    "load": "harness.formats.frames",
    "plan": "harness.api.run_suite",
    "resume": "harness.api.resume_run",
    "run": "harness.api.run_suite",
    "run_for_calibration": "harness.api.calibrate_run",
}


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    value: object = getattr(importlib.import_module(place), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
