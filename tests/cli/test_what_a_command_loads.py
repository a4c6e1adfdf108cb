"""What a command loads before it does what you asked: that time is lost on every start."""

import subprocess
import sys

import pytest

HEAVY = {
    *("pandas", "jinja2", "google.protobuf", "scipy", "requests", "urllib3", "pyarrow"),
    *("harness.analysis.comparison", "harness.benchmark_model.parser", "harness.cli.conclusion", "harness.report"),
}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("harness.cli.run", HEAVY),
        ("harness.cli.compare", {"pandas", "jinja2", "google.protobuf", "scipy", "pydantic", "requests", "pyarrow"}),
        ("harness.runs.run_store", {"pandas", "numpy", "scipy", "pydantic"}),
    ],
)
def test_nothing_is_loaded_before_it_is_needed(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert module in loaded
    assert heavy & loaded == set()
