"""The data that the report's scripts work on: cells, processes and ops, in a compact form. Pure.

Its size counts: a run may have a million op rows. Ops are aggregated per cell, and the lists of op types and names, which all cells of a
model and delegate share, are kept once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from harness.records import DelegateUse, Purpose, Result, Status
from harness.report.cells import DIMENSIONS, Cell, Spread, latency_us
from harness.report.embed import log_href, rounded
from harness.report.ops import OpProfile, profile_of
from harness.store import Run

Json = dict[str, Any]


class OpTables:
    """Op profiles with their common parts shared: strings once, lists of ops once."""

    def __init__(self) -> None:
        self.strings: dict[str, int] = {}
        self.lists: dict[tuple[tuple[Any, ...], ...], int] = {}
        self.profiles: list[Json] = []

    def add(self, profile: OpProfile, *, invalid: bool, synthetic: bool) -> int:
        """Keep a profile; the answer is its place in `profiles`."""
        rows = tuple(
            (op.index, self._string(op.node_type), self._string(op.name), op.subgraph, op.on_delegate)
            for op in profile.ops
        )
        once = all(op.times_called == 1 and op.avg_us == op.cost_us for op in profile.ops)
        self.profiles.append(
            {
                "list": self.lists.setdefault(rows, len(self.lists)),
                # Left out in the usual case, where every op is called once and its average is its cost.
                "avg": None if once else [rounded(op.avg_us, 4) for op in profile.ops],
                "calls": None if once else [rounded(op.times_called) for op in profile.ops],
                "cost": [rounded(op.cost_us, 4) for op in profile.ops],
                "seen": None if all(op.processes == profile.processes for op in profile.ops) else self._seen(profile),
                "processes": profile.processes,
                "total": rounded(profile.total_us),
                "run": rounded(profile.run_avg_us),
                "invalid": invalid,
                "synthetic": synthetic,
            }
        )
        return len(self.profiles) - 1

    def as_json(self) -> Json:
        """Columns of each list of ops, and the strings that they point to."""
        return {
            "strings": list(self.strings),
            "lists": [
                {
                    "index": [row[0] for row in rows],
                    "type": [row[1] for row in rows],
                    "name": [row[2] for row in rows],
                    "subgraph": [row[3] for row in rows],
                    "delegate": [None if row[4] is None else int(row[4]) for row in rows],
                }
                for rows in self.lists
            ],
            "profiles": self.profiles,
        }

    def _string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    @staticmethod
    def _seen(profile: OpProfile) -> list[int]:
        return [op.processes for op in profile.ops]


def report_data(run: Run, cells: tuple[Cell, ...], *, baseline: dict[str, str] | None, log_prefix: str) -> Json:
    """Everything but the ops. Names of keys are the scripts' side of the bargain: see `reports/js/model.js`."""
    values = {name: list(dict.fromkeys(getattr(cell.key, name) for cell in cells)) for name in DIMENSIONS}
    return {
        "dimensions": values,
        "virtual": sorted(device.serial for device in run.manifest.devices if device.virtual),
        "baseline": urlencode(baseline or {}),
        "cells": [_cell(cell, values) for cell in cells],
        "trials": [
            _trial(run, index, result, log_prefix) for index, cell in enumerate(cells) for result in cell.results
        ],
    }


def op_data(cells: tuple[Cell, ...]) -> Json:
    """The ops of all cells, and which cell has which profile."""
    tables = OpTables()
    by_cell: dict[str, int] = {}
    for cell in cells:
        results = cell.profiled()
        profile = profile_of(results)
        if profile is not None:
            by_cell[cell.key.id] = tables.add(
                profile,
                invalid=any(result.status is Status.INVALID for result in results),
                synthetic=any(result.synthetic for result in results),
            )
    return {**tables.as_json(), "cells": by_cell}


def _cell(cell: Cell, values: dict[str, list[str]]) -> Json:
    return {
        "id": cell.key.id,
        "key": [values[name].index(value) for name, value in zip(DIMENSIONS, cell.key.values, strict=True)],
        "mask": cell.cpus.hex,
        "state": cell.state,
        "outcomes": dict(cell.outcomes(Purpose.LATENCY)),
        "latency": _spread(cell.latency),
        "init": _spread(cell.init_us),
        "first": _spread(cell.first_inference_us),
        "causes": list(cell.causes),
        "synthetic": cell.synthetic,
        "delegates": [delegate_words(use) for use in cell.delegates],
        "memory": {
            "source": cell.memory_purpose.value if cell.memory_purpose else None,
            "init": _spread(cell.memory("init_delta_mb")),
            "overall": _spread(cell.memory("overall_delta_mb")),
            "peak": _spread(cell.memory("peak_mb")),
        },
    }


def _trial(run: Run, cell: int, result: Result, log_prefix: str) -> Json:
    trial, seen = result.trial, result.conditions
    return _without_nulls(
        {
            "id": trial.trial_id,
            "cell": cell,
            "purpose": trial.purpose.value,
            "process": trial.process,
            "status": result.status.value,
            "causes": [cause.value for cause in result.causes],
            "message": result.message,
            # Only where it is a latency: not of profiled processes, and not of failed ones whatever they printed.
            "latency": rounded(latency_us(result)) if trial.purpose is Purpose.LATENCY else None,
            "at": round((result.started_at - run.manifest.started_at).total_seconds(), 3),
            "duration": round(result.duration_s, 3),
            "before": rounded(seen.temperature_before_c, 4),
            "after": rounded(seen.temperature_after_c, 4),
            "thermal": _pair(seen.thermal_status_before, seen.thermal_status_after),
            "khz": seen.frequency_khz,
            "asked": seen.cpus_asked,
            "expected": seen.affinity_expected,
            "observed": seen.affinity_observed,
            "battery": seen.battery_percent,
            "waited": rounded(seen.waited_s, 4) or None,
            "canary": _canary(seen.canary_ratio, seen.canary_after_ratio),
            "repeats": seen.repeats or None,
            "evidence": list(seen.evidence),
            "settings": [
                [key, value, seen.settings_observed.get(key)] for key, value in sorted(seen.settings_asked.items())
            ],
            "simulated": sorted(seen.simulated),
            "synthetic": result.synthetic,
            "exit": result.exit_code,
            "attempt": result.attempt,
            "setbacks": [setback.cause.value for setback in result.setbacks],
            "notes": list(result.measurement.notes) if result.measurement else [],
            "unconsumed": list(result.measurement.unconsumed_flags) if result.measurement else [],
            "logs": {
                kind: href
                for kind, path in sorted(result.logs.items())
                if (href := log_href(log_prefix, path)) is not None
            },
        }
    )


def delegate_words(use: DelegateUse) -> str:
    """`XNNPACK full, 64 of 66 nodes, 2 partitions`, as far as it is known."""
    words = [f"{use.name} {use.applied}"]
    if use.nodes_delegated is not None:
        words.append(f"{use.nodes_delegated} {f'of {use.nodes_total} ' if use.nodes_total is not None else ''}nodes")
    if use.partitions is not None:
        words.append(f"{use.partitions} partition{'' if use.partitions == 1 else 's'}")
    return ", ".join(words)


def _spread(value: Spread | None) -> list[float | int | None] | None:
    if value is None:
        return None
    return [rounded(value.median), rounded(value.low), rounded(value.high), value.count]


def _pair(before: int | None, after: int | None) -> list[int | None] | None:
    return None if before is None and after is None else [before, after]


def _canary(before: float | None, after: float | None) -> list[float | int | None] | None:
    return None if before is None and after is None else [rounded(before, 3), rounded(after, 3)]


def _without_nulls(data: Json) -> Json:
    """What is not said is left out; so are empty lists and `false`, which is how the scripts read their absence."""
    empty: Iterable[object] = (None, False)
    return {key: value for key, value in data.items() if not any(value is e for e in empty) and value not in ([], {})}
