"""Draws latency against accuracy for the variants of a source on one device, with the Pareto front. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.analysis.pareto import pareto_front
from harness.report.variant_answer import metric_words
from harness.report.variant_rows import VariantCell, VariantFile

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 16, 44
_LARGEST = 17.0
"""Radius of the largest file's circle, in pixels."""


@dataclass(frozen=True)
class _Point:
    label: str
    file: VariantFile
    cell: VariantCell
    latency_ms: float
    value: float
    low: float
    high: float


def scatter(named: Sequence[tuple[str, VariantFile]], serial: str, what: str) -> Markup | None:
    """Return an SVG; None with fewer than two files whose latency and accuracy are known on that device.

    Each variant stands at its fastest place. Those whose outputs differ are hollow and never on the front.

    Args:
        named: the files with their names in the picture; all are judged by one metric on the same data.
        serial: the device.
        what: name of the models for readers who do not see the picture.
    """
    points = [point for label, file in named if (point := _point(label, file, serial)) is not None]
    if len(points) < 2:
        return None
    metric = points[0].file.accuracy.metric if points[0].file.accuracy else ""
    error = points[0].file.accuracy is not None and points[0].file.accuracy.better == "lower"
    sound = [point for point in points if not point.cell.differs]
    front = [sound[at] for at in pareto_front([(one.latency_ms, -one.value if error else one.value) for one in sound])]
    across = _Axis.over([one.latency_ms for one in points], _LEFT, _WIDTH - _RIGHT)
    up = _Axis.over([v for one in points for v in (one.low, one.high, one.value)], _HEIGHT - _BOTTOM, _TOP)
    if error:
        up = _Axis(up.low, up.high, up.end, up.start)
    largest = max(one.file.size_bytes or 1 for one in points)
    parts = [_frame(across, up, metric)]
    if len(front) > 1:
        path = " ".join(
            f"{'M' if not at else 'L'}{across.at(one.latency_ms):.1f} {up.at(one.value):.1f}"
            for at, one in enumerate(front)
        )
        parts.append(Markup('<path class="front" d="{}"/>').format(path))
    taken: list[float] = []
    for one in sorted(points, key=lambda point: up.at(point.value)):
        parts.append(_mark(one, across, up, largest, taken, on_front=one in front))
    label = f"Latency against {metric_words(metric)} of {what} on {serial}"
    return Markup('<svg class="scatter" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, _HEIGHT, label, Markup("").join(parts)
    )


def _point(label: str, file: VariantFile, serial: str) -> _Point | None:
    here = [one for one in file.cells if one.place[0] == serial and one.latency_us is not None]
    accuracy = file.accuracy
    if not here or accuracy is None or accuracy.value is None or not math.isfinite(accuracy.value):
        return None
    cell = min(here, key=lambda one: (one.differs, one.latency_us or 0))
    low = accuracy.value if accuracy.ci_low is None else accuracy.ci_low
    high = accuracy.value if accuracy.ci_high is None else accuracy.ci_high
    return _Point(label, file, cell, (cell.latency_us or 0) / 1000, accuracy.value, low, high)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    @staticmethod
    def over(values: list[float], start: float, end: float) -> _Axis:
        low, high = min(values), max(values)
        room = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
        return _Axis(max(0.0, low - room) if low >= 0 else low - room, high + room, start, end)

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round numbers within the axis."""
        span = self.high - self.low
        step = 10 ** math.floor(math.log10(span / 2))
        step = next(step * factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step) + 1)]


def _frame(across: _Axis, up: _Axis, metric: str) -> Markup:
    bottom = _HEIGHT - _BOTTOM
    parts = [Markup('<path class="axis" d="M{} {}V{}H{}"/>').format(_LEFT, _TOP, bottom, _WIDTH - _RIGHT)]
    for value in across.ticks():
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{:g}</text>').format(
                across.at(value), bottom + 16, value
            )
        )
    for value in up.ticks():
        parts.append(
            Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(_LEFT, up.at(value), _WIDTH - _RIGHT)
            + Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{:g}</text>').format(
                _LEFT - 6, up.at(value) + 4, value
            )
        )
    parts.append(
        Markup(
            '<text class="axis-name" x="{}" y="{}" text-anchor="middle">ms per inference (less is better)</text>'
        ).format((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8)
    )
    middle = (_TOP + bottom) / 2
    parts.append(
        Markup(
            '<text class="axis-name" transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>'
        ).format(middle, metric_words(metric))
    )
    return Markup("").join(parts)


def _mark(one: _Point, across: _Axis, up: _Axis, largest: int, taken: list[float], *, on_front: bool) -> Markup:
    x, y = across.at(one.latency_ms), up.at(one.value)
    radius = max(3.0, _LARGEST * math.sqrt((one.file.size_bytes or 1) / largest))
    kind = "differs" if one.cell.differs else "on-front" if on_front else "beaten"
    # Names stand to the right, each a line below the one above it where they would touch.
    line = y + 4
    while any(abs(line - other) < 13 for other in taken):
        line += 13
    taken.append(line)
    said = f"{one.label}: {one.latency_ms:.3g} ms, {one.value:.4g} [{one.low:.4g}, {one.high:.4g}]"
    return Markup(
        '<g class="variant {}"><title>{}</title><path class="whisker" d="M{:.1f} {:.1f}V{:.1f}"/>'
        '<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/><path class="leader" d="M{:.1f} {:.1f}L{} {:.1f}"/>'
        '<text x="{}" y="{:.1f}">{}{}</text></g>'
    ).format(
        kind,
        said,
        x,
        up.at(one.low),
        up.at(one.high),
        x,
        y,
        radius,
        x + radius,
        y,
        _WIDTH - _RIGHT + 2,
        line - 4,
        _WIDTH - _RIGHT + 5,
        line,
        one.label if len(one.label) <= 22 else one.label[:21] + "\u2026",
        " (differs)" if one.cell.differs else "",
    )
