"""The picture of the rooms as SVG: boxes on floors, arrows with their number of imports, light and dark."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from tools.rooms_layout import Plan, Stop, plan

_WIDTH = 800
"""Wide enough for most pages; a floor with many rooms makes the picture wider."""
_EDGE = 12
_BOX = (146, 38)
_BAR_HEIGHT = 40
_BETWEEN = 58
_PORT = 24
_LAST = 16
_LINE_CHARS = 128

_STYLE = """
  svg { color-scheme: light dark; font-family: system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
  .paper { fill: #ffffff; } .floor { fill: #f1f3f6; }
  .box { fill: #ffffff; stroke: #64748b; } .bar { fill: #e2e8f0; stroke: #94a3b8; }
  .name { fill: #0f172a; font-size: 13px; font-weight: 600; } .small { fill: #475569; font-size: 11px; }
  .arrow { fill: none; stroke: #64748b; } .few { stroke: #94a3b8; stroke-width: 1; }
  .some { stroke-width: 1.8; } .many { stroke-width: 3; stroke: #2563eb; }
  .head { fill: #64748b; } .count { fill: #1e293b; font-size: 11px; stroke: #ffffff; stroke-width: 4px; paint-order: stroke; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } .floor { fill: #161b22; }
    .box { fill: #0d1117; stroke: #94a3b8; } .bar { fill: #263041; stroke: #64748b; }
    .name { fill: #f1f5f9; } .small { fill: #a8b3c2; }
    .arrow { stroke: #94a3b8; } .few { stroke: #64748b; } .many { stroke: #60a5fa; }
    .head { fill: #94a3b8; } .count { fill: #e2e8f0; stroke: #0d1117; }
  }
"""


def picture(
    floors: Sequence[Sequence[str]],
    modules: Mapping[str, int],
    imports: Mapping[tuple[str, str], int],
    *,
    roofs: Collection[str],
    grounds: Collection[str],
) -> str:
    """Draw the rooms.

    Args:
        floors: the rooms of each floor, from the top.
        modules: how many modules a room has.
        imports: how many imports lead from one room to another.
        roofs: rooms drawn as a bar that lists what they import, without arrows.
        grounds: rooms drawn as a bar that lists who imports them, without arrows.
    """
    arrows = sorted((start, end) for start, end in imports if start not in {*roofs, *grounds} and end not in grounds)
    # A ground has no arrows: it stands below the boxes of its floor and takes no place among them.
    standing = [[room for room in floor if room not in grounds] for floor in floors]
    layout = plan(standing, arrows, width=_WIDTH - 2 * _EDGE, room=_BOX[0] + 12, passing=34)
    drawing = _Drawing(layout, modules, imports, roofs)
    y = float(_EDGE)
    for number, floor in enumerate(floors):
        y = drawing.floor(number, standing[number], [room for room in floor if room in grounds], y)
    drawing.arrows(arrows)
    return drawing.document(y - _LAST)


class _Drawing:
    def __init__(
        self, layout: Plan, modules: Mapping[str, int], imports: Mapping[tuple[str, str], int], roofs: Collection[str]
    ) -> None:
        self._layout, self._modules, self._imports, self._roofs = layout, modules, imports, roofs
        self._width = layout.width + 2 * _EDGE
        self._below: list[str] = []
        self._above: list[str] = []
        self._top: list[float] = []
        self._bottom: list[float] = []

    def floor(self, number: int, standing: Sequence[str], grounds: Sequence[str], y: float) -> float:
        """Draw one floor from `y` down; returns where the next one begins."""
        start = y
        passing = any(stop[1] == number for stop in self._layout.x)
        self._top.append(y)
        boxes = [room for room in standing if room not in self._roofs]
        for room in (room for room in standing if room in self._roofs):
            named = {end: count for (begin, end), count in self._imports.items() if begin == room}
            y = self._bar(room, "imports from", named, y)
        for room in boxes:
            self._box(room, self._layout.x[room, number] + _EDGE, y)
        if boxes or (passing and not any(room in self._roofs for room in standing)):
            y += _BOX[1]
        self._bottom.append(y)
        for room in grounds:
            y += 10 if y > start else 0
            named = {begin: count for (begin, end), count in self._imports.items() if end == room}
            y = self._bar(room, "imported by", named, y)
        self._below.append(
            f'<rect class="floor" x="4" y="{start - 8:g}" width="{self._width - 8:g}" height="{y - start + 16:g}" rx="8"/>'
        )
        return y + (_BETWEEN if self._arrows_below(number) else 28)

    def _arrows_below(self, number: int) -> bool:
        return any(hop[0][1] == number for route in self._layout.routes.values() for hop in pairwise(route))

    def _box(self, room: str, x: float, y: float) -> None:
        width, height = _BOX
        self._above.append(
            f'<rect class="box" x="{x - width / 2:g}" y="{y:g}" width="{width}" height="{height}" rx="6"/>'
            f'<text class="name" x="{x:g}" y="{y + 17:g}" text-anchor="middle">{escape(room)}</text>'
            f'<text class="small" x="{x:g}" y="{y + 31:g}" text-anchor="middle">{self._size(room)}</text>'
        )

    def _bar(self, room: str, relation: str, named: Mapping[str, int], y: float) -> float:
        """Draw a bar that names its imports, the most first; returns where it ends."""
        words = [f"{other} {count}," for other, count in sorted(named.items(), key=lambda item: (-item[1], item[0]))]
        lines = [relation]
        for word in words:
            if len(lines[-1]) + len(word) >= _LINE_CHARS:
                lines.append("")
            lines[-1] = f"{lines[-1]} {word}".strip()
        lines[-1] = lines[-1].rstrip(",")
        height = _BAR_HEIGHT + 14 * (len(lines) - 1)
        self._above.append(
            f'<rect class="bar" x="{_EDGE}" y="{y:g}" width="{self._width - 2 * _EDGE:g}" height="{height}" rx="6"/>'
            f'<text class="name" x="{_EDGE + 12}" y="{y + 17:g}">{escape(room)}'
            f'<tspan class="small" dx="8" font-weight="400">{self._size(room)}</tspan></text>'
        )
        self._above += [
            f'<text class="small" x="{_EDGE + 12}" y="{y + 32 + 14 * row:g}">{escape(line)}</text>'
            for row, line in enumerate(lines)
        ]
        return y + height

    def _size(self, room: str) -> str:
        count = self._modules[room]
        return f"{count} module" + "s" * (count != 1)

    def arrows(self, arrows: Sequence[tuple[str, str]]) -> None:
        """Draw all arrows, thin ones first, and their numbers at the end that imports."""
        hops = {hop for arrow in arrows for hop in pairwise(self._layout.routes[arrow])}
        x = {stop: middle + _EDGE for stop, middle in self._layout.x.items()}
        leaves, arrives = _ports(hops, x, lower=1), _ports(hops, x, lower=0)
        for hop in hops:
            for stop, ports in ((hop[0], leaves), (hop[1], arrives)):
                if self._is_passing(stop):
                    ports[hop] = x[stop]
        for start, end in sorted(arrows, key=lambda arrow: (self._imports[arrow], arrow)):
            count = self._imports[start, end]
            kind = "many" if count >= 10 else "some" if count >= 3 else "few"
            path, route = "", list(pairwise(self._layout.routes[start, end]))
            for hop in route:
                x1, x2 = leaves[hop], arrives[hop]
                last = hop == route[-1]
                y1, y2 = self._bottom[hop[0][1]], self._top[hop[1][1]] - (6 if last else 0)
                middle = (y1 + y2) / 2
                path += f"M{x1:g},{y1:g}" if not path else f"L{x1:g},{y1:g}"
                path += f"C{x1:g},{middle:g} {x2:g},{middle:g} {x2:g},{y2:g}"
            self._below.append(
                f'<path class="arrow {kind}" d="{path}"><title>{escape(f"{start} imports from {end}: {count}")}</title></path>'
                f'<path class="head" d="M{x2 - 4:g},{y2 - 2:g}h8l-4,8z"/>'
            )
            self._above.append(
                f'<text class="count" x="{leaves[route[0]]:g}" y="{self._bottom[route[0][0][1]] + 15:g}" '
                f'text-anchor="middle">{count}</text>'
            )

    def _is_passing(self, stop: Stop) -> bool:
        ends = {(route[0], route[-1]) for route in self._layout.routes.values()}
        return not any(stop in pair for pair in ends)

    def document(self, height: float) -> str:
        """Put everything together, floors and arrows below boxes and numbers."""
        title = "The rooms of the package harness and the imports between them"
        description = (
            "Boxes on floors. A room imports only from rooms on lower floors. A number at the start of an arrow is how many imports "
            "there are; thicker arrows are more. Bars name their imports instead of arrows. "
            + "; ".join(f"{start} imports from {end}: {count}" for (start, end), count in sorted(self._imports.items()))
            + "."
        )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width:g} {height:g}" width="{self._width:g}" height="{height:g}" '
            f'role="img" aria-labelledby="title desc">\n<title id="title">{title}</title>\n'
            f'<desc id="desc">{escape(description)}</desc>\n<style>{_STYLE}</style>\n'
            f'<rect class="paper" width="{self._width:g}" height="{height:g}"/>\n'
            + "\n".join([*self._below, *self._above])
            + "\n</svg>\n"
        )


def _ports(
    hops: Collection[tuple[Stop, Stop]], x: Mapping[Stop, float], *, lower: int
) -> dict[tuple[Stop, Stop], float]:
    """Spread the arrows along the side of a box, in the order of where they lead (or come from)."""
    own = 1 - lower
    ports: dict[tuple[Stop, Stop], float] = {}
    for stop in {hop[own] for hop in hops}:
        sides = sorted((hop for hop in hops if hop[own] == stop), key=lambda hop: (x[hop[lower]], hop))
        for index, hop in enumerate(sides):
            ports[hop] = x[stop] + _PORT * (index - (len(sides) - 1) / 2)
    return ports
