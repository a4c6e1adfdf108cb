"""Dependencies point one way. Read from the imports themselves, those inside functions included."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "harness"

# What each part may import of the harness. A part is a module or a package; its own inside is free.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "resources": set(),
    "cpu_list": set(),
    "output_file": {"errors"},
    "records": {"errors"},
    "decisions": set(),
    "adaptive_entry": {"decisions", "records"},
    "suite_models": {"errors", "records", "strict_yaml"},
    "strict_yaml": {"errors"},
    "devices": {"cpu_list", "errors", "resources", "strict_yaml"},
    "conditions": {"cpu_list", "errors", "records"},
    "benchmark_model": {"errors", "records"},
    "suite": {
        "adaptive_entry",
        "benchmark_model",
        "conditions",
        "errors",
        "records",
        "resources",
        "strict_yaml",
        "suite_models",
    },
    "expand": {"errors", "conditions", "cpu_list", "records", "suite"},
    "line_file": {"errors"},
    "store": {"decisions", "errors", "line_file", "records"},
    "analysis": {"decisions", "errors", "records"},
    "lock_file": {"errors"},
    "calibration_file": {"analysis", "errors", "lock_file", "records"},
    "placement": set(),
    "targets": {"errors"},
    "virtual": {"benchmark_model", "cpu_list", "devices", "errors", "litert_host", "resources", "strict_yaml"},
    "litert_host": {"errors", "resources"},
    "trial_script": {"conditions", "cpu_list", "records"},
    "inventory": {"conditions", "cpu_list", "devices", "errors", "records", "targets"},
    "deploy": {"errors", "targets", "trial_script"},
    "start_state": {"benchmark_model", "records", "trial_script"},
    "runner": {
        "benchmark_model",
        "conditions",
        "cpu_list",
        "deploy",
        "errors",
        "inventory",
        "records",
        "start_state",
        "targets",
        "trial_script",
    },
    "build": {"errors", "lock_file", "resources", "strict_yaml"},
    "benchmark_binary": {"benchmark_model", "build", "deploy", "errors", "records", "virtual"},
    "device_init": {"conditions", "cpu_list", "devices", "errors", "inventory"},
    "device_settings": {"conditions", "errors", "inventory", "targets", "trial_script"},
    "canary": {"conditions", "errors", "records"},
    "conditioning": {
        "canary",
        "conditions",
        "deploy",
        "device_settings",
        "errors",
        "inventory",
        "records",
        "runner",
        "targets",
    },
    "lane_threads": set(),
    "lane_plan": {"benchmark_model", "conditions", "deploy", "inventory", "records", "targets"},
    "device_session": {
        "benchmark_model",
        "conditioning",
        "conditions",
        "deploy",
        "errors",
        "inventory",
        "lane_plan",
        "records",
        "runner",
        "targets",
        "trial_script",
    },
    "schedule": {
        "analysis",
        "benchmark_model",
        "conditions",
        "deploy",
        "device_session",
        "devices",
        "errors",
        "inventory",
        "lane_plan",
        "lane_threads",
        "records",
        "runner",
        "standing",
        "store",
        "targets",
    },
    "standing": {"analysis", "records", "store"},
    "frames": {"export", "flat_table", "records", "store"},
    "flat_table": {"errors"},
    "export": {"flat_table", "placement", "records", "store"},
    "trace_events": {"analysis", "placement", "records", "store"},
    "model_explorer": {"analysis", "records"},
    "report": {
        "analysis",
        "calibration_file",
        "decisions",
        "errors",
        "export",
        "output_file",
        "placement",
        "records",
        "resources",
        "standing",
        "store",
    },
}
FREE = {"cli", "__main__", "__init__"}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    part = part_of(path)
    if part in FREE:
        return
    assert part in ALLOWED, f"say in this test what {part} may import"
    names = {name.split(".")[1] for name in imports(path) if name.startswith("harness.")} - {"__version__"}
    assert names - {part} <= ALLOWED[part]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_one_module_sees_the_adb_library(path: Path) -> None:
    """Its errors are translated at one boundary; the cli lists devices with it, the virtual farm takes the adb binary out of its wheel."""
    uses = any(name.split(".")[0] == "adbutils" for name in imports(path))
    allowed = {"targets/adb.py", "cli/selection.py", "cli/doctor.py", "virtual/adb_server.py"}
    assert not uses or str(path.relative_to(PACKAGE)) in allowed


def test_only_the_cli_prints_and_exits() -> None:
    for path in MODULES:
        if part_of(path) in FREE | {"litert_host", "virtual"}:
            continue  # programs of their own: their output is their protocol
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "exit", "quit"}, f"{path}:{node.lineno}"
