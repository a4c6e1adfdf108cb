"""What `import harness` offers, and what it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import harness

FUNCTIONS = sorted(name for name in harness.__all__ if inspect.isfunction(getattr(harness, name)))


def imported_by(statements: str) -> set[str]:
    program = f"import sys\nimport harness\n{statements}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_none_of_its_libraries() -> None:
    loaded = imported_by("")
    assert loaded & {"pandas", "numpy", "scipy", "pydantic", "yaml", "adbutils", "rich", "click", "jinja2"} == set()
    assert {name for name in loaded if name.startswith("harness")} == {"harness"}


def test_the_functions_know_nothing_of_the_command_line() -> None:
    loaded = imported_by("".join(f"harness.{name}\n" for name in harness.__all__))
    assert "harness.api.run_suite" in loaded
    assert {name for name in loaded if name.startswith("harness.cli")} == set()
    assert "click" not in loaded


def test_what_it_offers_is_there_and_nothing_else() -> None:
    assert set(FUNCTIONS) == {
        *("run", "plan", "resume", "compare", "calibrate", "run_for_calibration", "ingest", "load"),
    }
    assert set(harness.__all__) <= set(dir(harness))
    with pytest.raises(AttributeError, match="no attribute 'comprae'"):
        _ = harness.comprae


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_says_what_it_raises_and_shows_an_example(name: str) -> None:
    text = inspect.getdoc(getattr(harness, name)) or ""
    assert "Raises:" in text
    assert f"harness.{name}(" in text.partition("Example:")[2]
