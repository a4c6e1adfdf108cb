"""Draw the rooms of the package and the imports between them: `make rooms` writes docs/rooms.svg.

    python -m tools.draw_rooms [-o FILE]

A room is a package of `harness/` (or one of its few loose modules). Its floor is its layer in `[tool.importlinter]` of pyproject.toml;
the imports are read from the code. A number is how many imports there are: pairs of a module here and a module there.

Two kinds of rooms would drown the rest in arrows, so they are drawn as bars that name their imports instead: a *roof* imports from half
of the other rooms or more, a *ground* is imported by half of them or more.

The same code gives the same bytes: tests/test_rooms.py holds docs/rooms.svg against the imports.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

from tools.rooms_svg import picture

if TYPE_CHECKING:
    from grimp import ImportGraph

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "harness"


@dataclass(frozen=True)
class Rooms:
    """What the picture shows.

    Attributes:
        floors: the rooms of each layer, from the top.
        modules: how many modules a room has.
        imports: how many imports lead from one room to another.
    """

    floors: tuple[tuple[str, ...], ...]
    modules: Mapping[str, int]
    imports: Mapping[tuple[str, str], int]

    def roofs(self) -> frozenset[str]:
        """Rooms that import from half of the other rooms or more."""
        return self._frequent([importer for importer, _ in self.imports])

    def grounds(self) -> frozenset[str]:
        """Rooms that half of the other rooms or more import."""
        return self._frequent([imported for _, imported in self.imports])

    def _frequent(self, ends: Sequence[str]) -> frozenset[str]:
        others = len(self.modules) - 1
        return frozenset(room for room, count in Counter(ends).items() if 2 * count >= others)


def read_floors(pyproject: str) -> tuple[tuple[str, ...], ...]:
    """Read the layers of the first import-linter contract of the type `layers`, from the top."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    layers: list[str] = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return tuple(tuple(sorted(room.strip(" ()") for room in layer.replace(":", "|").split("|"))) for layer in layers)


def count_imports(graph: ImportGraph, floors: Sequence[Sequence[str]], package: str = PACKAGE) -> Rooms:
    """Count modules and imports by room. What the package's own `__init__` imports belongs to no room and is left out."""
    known = {room for floor in floors for room in floor}
    modules: Counter[str] = Counter()
    imports: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        room = _room(module, package)
        if room not in known:
            continue
        modules[room] += 1
        for imported in graph.find_modules_directly_imported_by(module):
            other = _room(imported, package)
            if other in known and other != room:
                imports[room, other] += 1
    return Rooms(tuple(tuple(floor) for floor in floors), modules, imports)


def _room(module: str, package: str) -> str:
    return module.removeprefix(package).lstrip(".").partition(".")[0]


def read_rooms() -> Rooms:
    """Read the rooms of this checkout."""
    floors = read_floors((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return count_imports(grimp.build_graph(PACKAGE, cache_dir=None), floors)


def draw() -> str:
    """Draw the rooms of this checkout as an SVG document."""
    rooms = read_rooms()
    return picture(rooms.floors, rooms.modules, rooms.imports, roofs=rooms.roofs(), grounds=rooms.grounds())


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="draw the rooms of the package and the imports between them")
    parser.add_argument(
        "-o", "--output", type=Path, default=ROOT / "docs" / "rooms.svg", help="default: docs/rooms.svg"
    )
    arguments = parser.parse_args()
    arguments.output.write_text(draw(), encoding="utf-8")
    print(arguments.output)


if __name__ == "__main__":
    main()
