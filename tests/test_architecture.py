"""Dependencies point one way. Read from the imports themselves, those inside functions included."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "harness"

# Rooms from the lowest to the highest: each imports only from rooms below it. Its own inside is free.
FLOORS = [
    {"errors"},
    {"records"},
    {"files", "litert_host"},
    {"devices", "benchmark_model", "analysis"},
    {"virtual", "conditions", "runs"},
    {"suite", "measuring", "formats", "binaries"},
    {"report"},
]
ALLOWED = {room: set().union(*FLOORS[:floor]) for floor, rooms in enumerate(FLOORS) for room in rooms}
# Three arrows that still run back up; each has its cut in the next commits.
ALLOWED["conditions"] |= {"measuring"}
ALLOWED["devices"] |= {"measuring"}
ALLOWED["formats"] |= {"cli"}
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
    allowed = {"devices/adb_target.py", "cli/device_selection.py", "cli/doctor.py", "virtual/adb_server.py"}
    assert not uses or str(path.relative_to(PACKAGE)) in allowed


def test_only_the_cli_prints_and_exits() -> None:
    for path in MODULES:
        if part_of(path) in FREE | {"litert_host", "virtual"}:
            continue  # programs of their own: their output is their protocol
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in {"print", "exit", "quit"}, f"{path}:{node.lineno}"
