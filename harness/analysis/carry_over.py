"""Tests whether what ran before on a device matters: a process may heat its successor or push its files out of memory. Pure.

On each device the cell and the level at that time explain the logarithms of the latencies, in the order of running. The level is one number
for each block; where blocks hold only two cells, which may both have followed the same one, it is a line that bends every fourth block.
What is left is compared by which cell ran before: for all processes that followed it, and for each cell that followed it often enough.
P-values come from permutations of what is left within each cell (Freedman and Lane, Journal of Business and Economic Statistics 1, 1983)
with a fixed seed, corrected for all that was tried (Bonferroni).

An order that balances predecessors (`harness.analysis.block_order`) keeps such an effect out of the ratios, but not out of the spread.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from harness.analysis import special
from harness.analysis.cells import key_of
from harness.analysis.centre import MAD_TO_SD
from harness.analysis.comparability import Note
from harness.analysis.comparison import Table
from harness.analysis.metrics import Metric, counts
from harness.analysis.predecessors import followed
from harness.analysis.ranks import Floats
from harness.records import CellKey, Purpose, Result

Ints = npt.NDArray[np.int_]

ALPHA = 0.005
"""Chance to report an effect on a device that has none."""
LEAST_CHANGE = 0.005
"""Smaller effects are not reported: half of the usual region of indifference."""
MIN_FOLLOWED = 4
"""Least number of processes after a cell, and of processes after others."""
MIN_PROCESSES = 12
MOST_CELLS = 40
"""With more cells hardly any follows another twice."""
_MOST_CELLS_EACH = 6
"""With more cells the effect on each single one is not tested: too many questions for too few processes."""

_SMALL_BLOCK = 2
_BEND_BLOCKS = 4
_FAR, _FAR_AT_LEAST = 5.0, 0.15
"""Robust standard deviations beyond which a process is an outlier, which is no effect; less than 15 % never is: on a calm device what a
predecessor does lies many deviations away, too."""
_WORTH_TRYING = 2.5
"""Student's t below which no permutation could come out small enough."""
_DRAWS_A_TEST, _LEAST_DRAWS, _MOST_DRAWS = 1000, 5000, 30_000
_CHUNK = 500
_SEED = 20_260_811


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOver:
    """What a predecessor does. Changes are relative: 0.03 is 3 % slower than after others, and the interval is at 95 %."""

    device: str
    after: CellKey
    """The cell that ran before."""
    cell: CellKey | None
    """The cell that it changes; None: whichever follows."""
    change: float
    low: float
    high: float
    p_value: float
    """Corrected for everything that was tried on the device."""
    n: int
    """Processes that followed it."""
    words: str
    """`after gpu, cpu ran 2.9 % slower`, in the keys by which the cells of the device differ."""

    @property
    def note(self) -> Note:
        """The note that stands beside a number."""
        text = (
            f"{self.words} than after others [{_percent(self.low)}, {_percent(self.high)}]: let the device rest between processes "
            "(`conditions: {idle_s: 10}`)"
        )
        return Note("carry_over", text, False)


def carry_over(results: Iterable[Result]) -> tuple[CarryOver, ...]:
    """Return the clearest effect of a predecessor on each device that shows one; nothing for a device with too little data.

    Args:
        results: all of a run: a selection would lack what ran in between.
    """
    by_device: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda one: one.started_at):
        if result.trial.purpose is Purpose.LATENCY:
            by_device.setdefault(result.trial.device, []).append(result)
    found = (_on_device(followed(ran)) for ran in by_device.values())
    return tuple(one for one in found if one is not None)


def noted(table: Table, *runs: Iterable[Result]) -> Table:
    """Return the table with a note on each comparison that an effect of a predecessor concerns.

    Args:
        table: what was compared.
        runs: all results of each run that it compares.
    """
    # The effects are on latencies, so they say nothing about memory or the time to load.
    effects = [effect for run in runs for effect in carry_over(run)] if table.metric is Metric.INFERENCE_AVG else []
    if not effects:
        return table
    comparisons = []
    for one in table.comparisons:
        sides = (one.base.key, one.head.key)
        notes = dict.fromkeys(e.note for e in effects if e.after in sides or (e.cell is not None and e.cell in sides))
        comparisons.append(replace(one, notes=(*one.notes, *notes)) if notes else one)
    return replace(table, comparisons=tuple(comparisons))


@dataclass(frozen=True, slots=True)
class _Processes:
    """Those of a device whose latency counts and whose predecessor is known: numbers of cell and predecessor, block, logarithm."""

    cell: Ints
    before: Ints
    block: Ints
    value: Floats


def _on_device(ran: Sequence[tuple[Result, Result | None]]) -> CarryOver | None:
    keys = list(dict.fromkeys(key_of(result.trial) for result, _ in ran))
    if not 2 <= len(keys) <= MOST_CELLS:
        return None
    processes = _processes(ran, {key: number for number, key in enumerate(keys)})
    if len(processes.value) < MIN_PROCESSES:
        return None
    asked = _asked(processes, len(keys))
    if not asked:
        return None
    explained = _basis(processes)
    value = _without_outliers(processes)
    left = value - explained @ (explained.T @ value)
    marks = np.array([_mark(processes, *one) for one in asked], dtype=np.float64)
    marks -= (marks @ explained) @ explained.T
    found = _clearest(processes, marks, left, explained)
    if found is None:
        return None
    number, change, error, freedom, p_value = found
    before, cell = asked[number]
    if change < 0 and len(keys) == 2 and cell is None:
        before, change = 1 - before, -change  # of two, what is faster after the one is slower after the other
    if abs(math.expm1(change)) < LEAST_CHANGE:
        return None
    half = float(special.stdtrit(freedom, 0.975)) * error
    who = keys[cell] if cell is not None else None
    return CarryOver(
        device=keys[0].device,
        after=keys[before],
        cell=who,
        change=math.expm1(change),
        low=math.expm1(change - half),
        high=math.expm1(change + half),
        p_value=p_value,
        n=int(_mark(processes, before, cell).sum()),
        words=_words(keys, keys[before], who, math.expm1(change)),
    )


def _processes(ran: Sequence[tuple[Result, Result | None]], numbers: dict[CellKey, int]) -> _Processes:
    rows: list[tuple[int, int, int, float]] = []
    for result, before in ran:
        value = counts(result, Metric.INFERENCE_AVG, Purpose.LATENCY)
        if before is not None and value is not None:
            cells = numbers[key_of(result.trial)], numbers[key_of(before.trial)]
            rows.append((*cells, result.trial.block, math.log(value)))
    cell, previous, block = (np.array([row[i] for row in rows], dtype=np.int_) for i in range(3))
    return _Processes(cell, previous, block, np.array([row[3] for row in rows], dtype=np.float64))


def _asked(processes: _Processes, cells: int) -> list[tuple[int, int | None]]:
    """What is tried: predecessor and cell. Of two cells, `after the one` and `after the other` are one question."""
    everyone: list[tuple[int, int | None]] = [(before, None) for before in range(cells)]
    each: list[tuple[int, int | None]] = [(before, cell) for before in range(cells) for cell in range(cells)]
    if cells == 2:
        everyone = everyone[:1]
    if not 2 < cells <= _MOST_CELLS_EACH:
        each = []
    found = []
    for before, cell in (*everyone, *each):
        among = np.ones(len(processes.cell), dtype=np.bool_) if cell is None else processes.cell == cell
        followed = int((among & (processes.before == before)).sum())
        if followed >= MIN_FOLLOWED and among.sum() - followed >= MIN_FOLLOWED:
            found.append((before, cell))
    return found


def _mark(processes: _Processes, before: int, cell: int | None) -> Ints:
    marked = processes.before == before
    return np.asarray(marked if cell is None else marked & (processes.cell == cell), dtype=np.int_)


def _basis(processes: _Processes) -> Floats:
    """An orthonormal basis of what the cells and the level explain."""
    columns = [processes.cell == cell for cell in np.unique(processes.cell)]
    place = np.arange(len(processes.block), dtype=np.float64)
    sizes = Counter(processes.block.tolist())
    for small, blocks in groupby(sorted(sizes), key=lambda block: sizes[block] <= _SMALL_BLOCK):
        stretch = list(blocks)
        if small:
            columns += _bending(place, np.isin(processes.block, stretch), len(stretch))
        else:
            columns += [processes.block == block for block in stretch]
    matrix = np.array([np.asarray(column, dtype=np.float64) for column in columns]).T
    vectors, lengths, _ = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(vectors[:, lengths > 1e-9 * lengths[0]], dtype=np.float64)


def _bending(place: Floats, within: npt.NDArray[np.bool_], blocks: int) -> list[Floats]:
    """Hat functions over a stretch of small blocks: together a line that bends every few blocks, and one level for a block alone."""
    here = place[within]
    knots = np.linspace(here[0], here[-1], min(blocks, max(2, round(blocks / _BEND_BLOCKS) + 1)))
    return [np.where(within, np.interp(place, knots, np.eye(len(knots))[number]), 0.0) for number in range(len(knots))]


def _without_outliers(processes: _Processes) -> Floats:
    """The logarithms, with what lies far from the medians of its cell and of the blocks around it drawn nearer: one wild process would
    spoil the fit of all others."""
    away = processes.value.copy()
    for cell in np.unique(processes.cell):
        away[processes.cell == cell] -= np.median(away[processes.cell == cell])
    level = {block: np.median(away[np.abs(processes.block - block) <= 1]) for block in np.unique(processes.block)}
    away -= np.array([level[block] for block in processes.block])
    most = max(_FAR_AT_LEAST, _FAR * MAD_TO_SD * float(np.median(np.abs(away))))
    return np.asarray(processes.value - (away - np.clip(away, -most, most)), dtype=np.float64)


def _clearest(
    processes: _Processes, marks: Floats, left: Floats, explained: Floats
) -> tuple[int, float, float, int, float] | None:
    """Number of the clearest effect, its size as a logarithm, standard error, degrees of freedom and p-value; None where none is clear."""
    size = np.square(marks).sum(axis=1)
    marks, numbers = marks[size > 1e-9], np.flatnonzero(size > 1e-9)
    freedom = len(left) - explained.shape[1] - 1
    if freedom < 3 or not len(numbers):
        return None
    t, effect, error = (found[0] for found in _students(marks, left[None, :], freedom))
    best = int(np.abs(t).argmax())
    if abs(t[best]) < _WORTH_TRYING:
        return None
    draws = min(_MOST_DRAWS, max(_LEAST_DRAWS, _DRAWS_A_TEST * len(numbers)))
    as_large, p_value = 0, 1.0
    for drawn in _drawn(processes, left, draws):
        # What cells and level explain of it is taken away again, as it was from what was measured.
        drawn_t, _, _ = _students(marks[[best]], drawn - (drawn @ explained) @ explained.T, freedom)
        as_large += int((np.abs(drawn_t) >= abs(t[best]) * (1 - 1e-12)).sum())
        p_value = len(numbers) * (as_large + 1) / (draws + 1)
        if p_value > ALPHA:
            return None  # the other draws can only make it larger
    return int(numbers[best]), float(effect[best]), float(error[best]), freedom, p_value


def _students(marks: Floats, left: Floats, freedom: int) -> tuple[Floats, Floats, Floats]:
    """Student's t, effect and standard error of each mark, a row for each row of what is left."""
    size = np.square(marks).sum(axis=1)
    effect = left @ marks.T / size
    rest = np.maximum(np.square(left).sum(axis=1)[:, None] - effect**2 * size, 1e-30)
    error = np.sqrt(rest / freedom / size)
    return effect / error, effect, error


def _drawn(processes: _Processes, left: Floats, draws: int) -> Iterable[Floats]:
    """What is left, permuted within each cell, a row for each draw."""
    rng = np.random.default_rng(_SEED)
    groups = [np.flatnonzero(processes.cell == cell) for cell in np.unique(processes.cell)]
    for begin in range(0, draws, _CHUNK):
        rows = np.tile(left, (min(_CHUNK, draws - begin), 1))
        for group in groups:
            rows[:, group] = rng.permuted(rows[:, group], axis=1)
        yield rows


def _words(keys: Sequence[CellKey], after: CellKey, cell: CellKey | None, change: float) -> str:
    names = [one.name for one in fields(CellKey) if len({getattr(key, one.name) for key in keys}) > 1]

    def word(key: CellKey) -> str:
        return ", ".join(
            f"{name} {getattr(key, name)}" if name == "threads" else str(getattr(key, name)) for name in names
        )

    who = word(cell) if cell is not None else "processes"
    return f"after {word(after)}, {who} ran {_percent(abs(change))} {'slower' if change > 0 else 'faster'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
